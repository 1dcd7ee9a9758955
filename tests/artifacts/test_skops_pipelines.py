"""Pipelines as people write them, saved by skops: shown safe, opened, and equal to themselves; a distribution of SciPy never is."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from tiltyard.artifacts.verdict import scan_content

NUMBERS = ["a", "b"]


def frame() -> Any:
    import pandas as pd

    rng = np.random.default_rng(0)
    words = {"c": rng.choice(["x", "y", "z"], 80), "e": pd.Categorical(rng.choice(["u", "v"], 80))}
    return pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80), **words})


def pipelines() -> dict[str, Any]:
    from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
    from sklearn.feature_selection import SelectKBest, chi2, f_classif, mutual_info_classif
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.impute import IterativeImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import fbeta_score, make_scorer
    from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RepeatedStratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

    last = LogisticRegression()
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    texts, numbers = make_column_selector(dtype_exclude=np.number), make_column_selector(dtype_include=[np.integer, np.floating])
    both = make_column_transformer((words, texts), (StandardScaler(), numbers))
    grid = {"C": [0.1, 1.0]}

    def of(step: Any, *more: Any) -> Any:
        return make_pipeline(ColumnTransformer([("n", step, NUMBERS)]), *more, last)

    return {
        "columns by dtype": make_pipeline(both, last),
        "columns by name": make_pipeline(make_column_transformer((StandardScaler(), make_column_selector(pattern="^[ab]$"))), last),
        "columns that are no objects": make_pipeline(
            make_column_transformer((StandardScaler(), make_column_selector(dtype_exclude=[object, "category", "str"]))), last
        ),
        "imputed": of(IterativeImputer(max_iter=2)),
        "clipped": of(FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1})),
        "finite": of(FunctionTransformer(np.nan_to_num)),
        "rounded": of(FunctionTransformer(np.round)),
        "F": of(StandardScaler(), SelectKBest(f_classif, k=1)),
        "chi2": of(MinMaxScaler(), SelectKBest(chi2, k=1)),
        "information": of(StandardScaler(), SelectKBest(mutual_info_classif, k=1)),
        "Gaussian process": make_pipeline(both, GaussianProcessClassifier(ConstantKernel() * RBF() + WhiteKernel())),
        "scored": make_pipeline(both, GridSearchCV(last, grid, cv=2, scoring=make_scorer(fbeta_score, beta=2))),
        "repeated": make_pipeline(both, GridSearchCV(last, grid, cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2))),
        "halved": make_pipeline(both, HalvingGridSearchCV(last, grid, cv=2, min_resources=20)),
    }


def test_honest_pipelines_are_safe_and_open_as_they_were(tmp_path: Any) -> None:
    import skops.io

    from tiltyard.targets.model_file import scan_and_read
    from tiltyard.targets.skops_file import estimator_in

    rows = frame()
    y = (rows["a"] + (rows["c"] == "x") > 0).astype(int)
    found = {}
    for name, pipeline in pipelines().items():
        pipeline.fit(rows, y)
        path = tmp_path / "model.skops"
        path.write_bytes(skops.io.dumps(pipeline))
        verdict = scan_content(path.name, path.read_bytes())
        found[name] = (verdict.verdict, [reason.what for reason in verdict.reasons if reason.grade != "note"])
        opened = estimator_in(scan_and_read(path))
        np.testing.assert_array_equal(opened.predict(rows), pipeline.predict(rows))
    assert {name: verdict for name, (verdict, _) in found.items() if verdict != "safe"} == {}, found


def test_a_distribution_of_scipy_is_never_safe_for_its_state_is_code() -> None:
    import skops.io
    from scipy.stats import loguniform
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RandomizedSearchCV

    search = RandomizedSearchCV(LogisticRegression(), {"C": loguniform(0.1, 1)}, n_iter=2, cv=2)
    search.fit(np.arange(20.0)[:, None], np.arange(20) % 2)
    verdict = scan_content("search.skops", skops.io.dumps(search))
    assert verdict.verdict == "unproven"
    assert any("best_estimator_" in reason.why for reason in verdict.reasons), verdict


@pytest.mark.parametrize(
    ("loader", "module", "name"),
    [
        ("FunctionNode", "numpy", "load"),
        ("FunctionNode", "numpy", "fromfile"),
        ("FunctionNode", "numpy", "save"),
        ("ObjectNode", "numpy", "clip"),
        ("TypeNode", "sklearn.compose._column_transformer", "make_column_selector"),
        ("FunctionNode", "sklearn.datasets._openml", "fetch_openml"),
        ("FunctionNode", "sklearn.datasets._svmlight_format_io", "load_svmlight_file"),
        ("TupleNode", "subprocess", "Popen"),
        ("TypeNode", "numpy", "memmap"),
    ],
)
def test_what_is_like_them_is_not_trusted_with_them(loader: str, module: str, name: str) -> None:
    node = {"__loader__": loader, "__module__": module, "__class__": name, "content": [], "protocol": 2, "_skops_version": "0.16.0"}
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("schema.json", json.dumps(node))
    assert scan_content("model.skops", raw.getvalue()).verdict in ("unproven", "malicious")
