"""A corpus of attacks from public advisories, none of which may be called safe or known types; and honest files, none malicious."""

import io
import pickle
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from tests.artifacts.techniques import functions, ways

from tiltyard.artifacts.verdict import scan


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_no_technique_is_called_safe_and_none_runs(tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    every = [*ways(str(canary)), *((what, "m.pkl", data) for what, data in functions(str(canary)))]
    assert len({what for what, _, _ in every}) >= 40
    wrong = {}
    for what, name, data in every:
        start = time.thread_time()
        verdict = scan(written(tmp_path, name, data))
        if verdict.verdict in ("safe", "known types") or time.thread_time() - start > 5:
            wrong[what] = verdict.summary
    assert wrong == {}
    assert not canary.exists()
    pickle.loads(next(data for what, _, data in every if what == "text reduce"))
    assert canary.exists(), "the payload works, so that its absence proves that nothing ran"


def test_functions_that_run_code_are_malicious(tmp_path: Path) -> None:
    unsaid = {what for what, data in functions("never") if scan(written(tmp_path, "m.pkl", data)).verdict != "malicious"}
    assert unsaid == set()


def estimators() -> dict[str, Any]:
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    x, y = np.abs(rng.normal(size=(40, 3))), np.arange(40) % 2
    models = {
        "logistic": LogisticRegression(),
        "forest": RandomForestClassifier(2, random_state=0),
        "boosting": HistGradientBoostingClassifier(max_iter=2),
        "sgd": SGDClassifier(),
        "svc": SVC(),
        "neighbors": KNeighborsClassifier(algorithm="kd_tree"),
        "grid": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        "pipeline": make_pipeline(make_column_transformer((StandardScaler(), [0, 1])), LogisticRegression()),
        "logarithm": make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
    }
    fitted: dict[str, Any] = {name: model.fit(x, y) for name, model in models.items()}
    return fitted | {
        "scaler": StandardScaler().fit(x),
        "tuple": (fitted["svc"], ["a", "b"]),
        "arrays": {"x": x, "rng": np.random.default_rng(1)},
    }


def test_ordinary_models_are_known_types(tmp_path: Path) -> None:
    import joblib

    wrong = {}
    for name, model in estimators().items():
        for protocol in (2, 4, 5):
            verdict = scan(written(tmp_path, "m.pkl", pickle.dumps(model, protocol)))
            wrong |= {} if verdict.verdict == "known types" else {f"{name} {protocol}": verdict.summary}
        for pack in (0, ("zlib", 3), ("xz", 1)):
            out = io.BytesIO()
            joblib.dump(model, out, compress=pack)
            verdict = scan(written(tmp_path, "m.joblib", out.getvalue()))
            wrong |= {} if verdict.verdict == "known types" else {f"{name} {pack}": verdict.summary}
    assert wrong == {}


@pytest.mark.parametrize("legacy", [False, True])
def test_ordinary_torch_files_are_safe_or_known(tmp_path: Path, legacy: bool) -> None:
    import numpy as np
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.LSTM(3, 2))
    files = {
        "safe": {"model": net.state_dict(), "view": torch.arange(10.0)[2:5], "turned": torch.ones(3, 4).t(), "step": 3},
        "known types": net,
        "with an array": {"model": net.state_dict(), "x": np.ones(3)},
    }
    for name, value in files.items():
        out = io.BytesIO()
        torch.save(value, out, _use_new_zipfile_serialization=not legacy)
        verdict = scan(written(tmp_path, "m.pt", out.getvalue()))
        assert verdict.verdict == ("known types" if name == "with an array" else name), verdict.summary


def test_a_scan_costs_memory_in_proportion(tmp_path: Path) -> None:
    import gzip

    path = written(tmp_path, "m.joblib", gzip.compress(b"\x80\x04" + bytes(200 << 20), 9))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert scan(path).verdict == "unproven"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10, "KiB"
