"""Pickles of known types open after acceptance alone, in a bounded child first; by an unpickler that knows the list alone."""

import pickle
from pathlib import Path

import pytest

from tiltyard.artifacts.acceptance import accept
from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.verdict import scan
from tiltyard.errors import Problem


@pytest.mark.slow
def test_an_accepted_estimator_opens_and_answers_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    from tiltyard.targets.known_types import model_in, object_in
    from tiltyard.targets.model_file import scan_and_read

    monkeypatch.setenv("TILTYARD_ACCEPTED", str(tmp_path / "accepted.json"))
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    model = RandomForestClassifier(3, random_state=0).fit(x, y)
    model.n_jobs = 5000
    path = tmp_path / "m.joblib"
    joblib.dump({"model": model, "columns": ["a", "b", "c"]}, path)
    with pytest.raises(Problem, match="accepted by somebody"):
        scan_and_read(path)
    accept(scan(path), "made in this test")
    opened = model_in(object_in(scan_and_read(path)), path.name)
    assert (opened.predict(x) == model.predict(x)).all()
    assert opened.n_jobs == 1


def test_the_unpickler_knows_the_list_alone() -> None:
    from tiltyard.targets.known_types import loaded

    witness = b"cbuiltins\nprint\n(S'x'\ntR."
    for kind in (Format.PICKLE, Format.JOBLIB):
        with pytest.raises(pickle.UnpicklingError, match="on no list"):
            loaded(b"\x80\x02" + witness, kind, frozenset())


def test_many_jobs_become_one() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from tiltyard.targets.known_types import bounded

    pipeline = make_pipeline(LogisticRegression(n_jobs=5000))
    assert bounded({"a": [pipeline]})["a"][0][-1].n_jobs == 1


@pytest.mark.slow
def test_what_breaks_there_breaks_nothing_here(tmp_path: Path) -> None:
    from tiltyard.targets import known_types
    from tiltyard.targets.model_file import ModelFile

    greedy = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + (12 << 30).to_bytes(5, "little") + b"\x85R."
    for data, said in ((greedy, "MemoryError"), (b"\x80\x02cos\nsystem\n(S'x'\ntR.", "on no list")):
        with pytest.raises(Problem, match=said):
            known_types.object_in(ModelFile(tmp_path / "m.pkl", Format.PICKLE, data, "0" * 64, frozenset()))
