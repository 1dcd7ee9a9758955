"""A pipeline that keeps a cache: fitted again it opens the pickles of a folder that may have come with its file."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tiltyard.artifacts.verdict import scan
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.targets.opening import open_target

SCHEMA = Schema(features=tuple(Feature(name=n, kind="continuous", low=-9, high=9) for n in "abc"), label="y", classes=("0", "1"))
X = np.random.default_rng(0).normal(size=(300, 3))
Y = (X[:, 0] > 0).astype(np.int64)


class Evil:
    """Unpickled, it leaves a file."""

    def __reduce__(self):
        return os.mkdir, ("PWNED",)


def pipeline(memory: str | None):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(), memory=memory)


def test_the_pickles_beside_a_model_file_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import skops.io

    monkeypatch.chdir(tmp_path)
    pipeline("cache").fit(X, Y)
    planted = list(Path("cache").rglob("output.pkl"))
    assert planted
    for path in planted:
        path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises((TypeError, ValueError)):
        pipeline("cache").fit(X, Y)  # what scikit-learn itself does with them
    assert Path("PWNED").is_dir()
    Path("PWNED").rmdir()
    skops.io.dump(pipeline(None).fit(X, Y).set_params(memory="cache"), "m.skops")
    assert scan("m.skops").verdict == "unproven"
    with pytest.raises(Problem, match="memory='cache'"):
        open_target("m.skops", schema=SCHEMA).retrain(X, Y, 0, Progress())
    assert not Path("PWNED").exists()


def test_within_a_search_too_and_without_a_cache_it_opens(tmp_path: Path) -> None:
    import skops.io
    from sklearn.model_selection import GridSearchCV

    nested = GridSearchCV(pipeline("cache"), {"logisticregression__C": [1.0]}, cv=2)
    skops.io.dump(nested, tmp_path / "search.skops")
    assert any("memory='cache'" in reason.what for reason in scan(tmp_path / "search.skops").reasons)
    skops.io.dump(pipeline(None).fit(X, Y), tmp_path / "m.skops")
    target = open_target(tmp_path / "m.skops", schema=SCHEMA)
    assert (target.retrain(X, Y, 0, Progress()).labels(X) == Y).mean() > 0.9
