"""Every estimator on every kind of table: accuracy, confusion matrix and selection rates are scikit-learn's and Fairlearn's own, exactly.

The model is asked without us on the person's own frame, and through the checks on the same rows; the numbers must be the same, to the last bit.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.datasets.reading import read
from tiltyard.fairness.group_metrics import Groups
from tiltyard.targets import proof
from tiltyard.targets.opening import open_target
from tiltyard.validation.performance import Performance

if TYPE_CHECKING:
    import pandas as pd

N = 160


def base() -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(7)
    table = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(3, 2, N), "count": rng.integers(0, 9, N)})
    return table.assign(sex=rng.choice(["f", "m"], N))


def labeled(table: "pd.DataFrame", names: tuple[Any, Any] = ("no", "yes")) -> "pd.DataFrame":
    score = table["a"].fillna(-1.0) + 0.3 * table["b"].fillna(3.0) - 1 + (table["sex"] == "m") * 0.4
    noise = np.random.default_rng(1).normal(0, 0.4, len(table))
    return table.assign(y=np.array(names)[((score + noise) > 0).astype(int)])


def with_bool() -> "pd.DataFrame":
    return labeled(base().assign(flag=lambda t: t["b"] > 3))


def with_category() -> "pd.DataFrame":
    import pandas as pd

    levels = ["low", "mid", "high", "never"]
    grade = pd.Categorical(np.random.default_rng(2).choice(levels[:3], N), categories=levels, ordered=True)
    return labeled(base().assign(grade=grade, town=np.random.default_rng(3).choice(["Kyoto", "Lyon"], N)))


def with_missing() -> "pd.DataFrame":
    table = base()
    table.loc[:19, "a"] = np.nan
    table.loc[10:29, "b"] = np.nan
    return labeled(table)


def float64_critical() -> "pd.DataFrame":
    """A difference of two balances of 5e8, unix seconds, integers above 2^24, a grid of 0.1."""
    rng = np.random.default_rng(4)
    table = base()
    table["before"] = 5e8 + rng.normal(size=N)
    table["seconds"] = 1_700_000_000 + rng.integers(0, 100, N)
    table["large"] = 2**24 + rng.integers(0, 9, N)
    table["price"] = rng.integers(0, 11, N) * 0.1
    return labeled(table).assign(y=np.where((table["before"] > 5e8) ^ (table["price"] >= 0.7), "yes", "no"))


def string_labels() -> "pd.DataFrame":
    return labeled(base(), ("good", "bad"))


def float_labels() -> "pd.DataFrame":
    return labeled(base(), (-1.0, 1.0))


def imbalanced() -> "pd.DataFrame":
    table = labeled(base())
    keep = (table["y"] == "no") | (np.arange(N) % 6 == 0)
    return table[keep].reset_index(drop=True)


def one_class_absent() -> "pd.DataFrame":
    """A model of three classes, given rows of two."""
    return labeled(base())


TABLES: dict[str, Callable[[], "pd.DataFrame"]] = {
    "bool": with_bool,
    "category": with_category,
    "missing": with_missing,
    "float64": float64_critical,
    "string labels": string_labels,
    "float labels": float_labels,
    "imbalanced": imbalanced,
    "class absent": one_class_absent,
}


def prepared(model: Any, table: "pd.DataFrame") -> Any:
    """``model`` behind an imputer, scaling and one-hot columns, for models that take nothing else."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    groups = make_column_selector(dtype_include=["object", "str", "category", "bool"])
    numbers = make_column_selector(dtype_include=["int64", "float64"])
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), groups), (make_pipeline(SimpleImputer(), StandardScaler()), numbers)
    )
    return make_pipeline(columns, model)


def native(model: Any, table: "pd.DataFrame") -> Any:
    """``model`` that takes missing numbers and pandas categories itself."""
    return model


def estimators() -> dict[str, Callable[["pd.DataFrame"], Any]]:
    from sklearn import ensemble, linear_model, model_selection, neighbors, neural_network, svm
    from sklearn.calibration import CalibratedClassifierCV

    logistic = linear_model.LogisticRegression
    trees: Any = ensemble.RandomForestClassifier(6, max_depth=4, random_state=0)
    both = [("l", logistic()), ("t", trees)]
    inner = {
        "logistic": logistic(),
        "forest": trees,
        "svc": svm.SVC(),
        "calibrated": CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        "tuned threshold": model_selection.TunedThresholdClassifierCV(logistic(), scoring="balanced_accuracy", cv=2, thresholds=20),
        "fixed threshold": model_selection.FixedThresholdClassifier(logistic(), threshold=0.15, response_method="predict_proba"),
        "stacking": ensemble.StackingClassifier(both, cv=2),
        "voting": ensemble.VotingClassifier(both),
        "search": model_selection.GridSearchCV(logistic(), {"C": [0.1, 1.0]}, cv=2),
        "network": neural_network.MLPClassifier((4,), max_iter=30, random_state=0),
        "neighbors": neighbors.KNeighborsClassifier(3),
    }
    return {name: lambda table, model=model: prepared(model, table) for name, model in inner.items()}


def natives() -> dict[str, Callable[["pd.DataFrame"], Any]]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    found: dict[str, Callable[[Any], Any]] = {
        "boosting": lambda table: HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype", random_state=0)
    }
    return found


PREPARED = (
    "logistic",
    "forest",
    "svc",
    "calibrated",
    "tuned threshold",
    "fixed threshold",
    "stacking",
    "voting",
    "search",
    "network",
    "neighbors",
)
BINARY = {"tuned threshold", "fixed threshold"}
LIBRARIES = ("xgboost", "lightgbm", "catboost")


@cache
def fitted(name: str, kind: str) -> tuple[Any, "pd.DataFrame"]:
    """The estimator fitted on the table without label, and the table that it is asked with."""
    from sklearn.base import clone

    table = TABLES[kind]()
    train = table.copy()
    if kind == "class absent":
        train["y"] = np.where(np.arange(len(train)) % 5 == 0, "perhaps", train["y"])
    x, y = train.drop(columns="y"), train["y"]
    if name == "boosting" or name in LIBRARIES:
        x = x.astype({c: "category" for c in x.columns if x[c].dtype.kind not in "iufb" and str(x[c].dtype) != "category"})
        table = table.assign(**{c: x[c] for c in x.columns})
        model = natives()[name](x) if name == "boosting" else boosted(name, x)
    else:
        model = clone(estimators()[name](x))
    if name in LIBRARIES and name != "catboost":  # these two want classes 0 to k - 1
        classes = {c: i for i, c in enumerate(sorted(set(y)))}
        table = table.assign(y=table["y"].map(classes))
        y = y.map(classes)
    return model.fit(x, y), table


def boosted(name: str, x: "pd.DataFrame") -> Any:
    if name == "xgboost":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=5, max_depth=3, enable_categorical=True, n_jobs=1)
    if name == "lightgbm":
        import lightgbm

        return lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)
    import catboost

    groups = [c for c in x.columns if x[c].dtype.kind not in "iufb"]
    return catboost.CatBoostClassifier(iterations=5, depth=3, verbose=0, cat_features=groups, allow_writing_files=False, thread_count=1)


CASES = [(name, kind) for name in (*PREPARED, "boosting", *LIBRARIES) for kind in TABLES if not (name in BINARY and kind == "class absent")]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_numbers_are_those_of_the_model_alone(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairlearn.metrics import MetricFrame, demographic_parity_difference, selection_rate
    from sklearn.metrics import accuracy_score, confusion_matrix

    if name in LIBRARIES and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setattr(proof, "ALONE", 2)
    model, table = fitted(name, kind)
    own = np.asarray(model.predict(table.drop(columns="y"))).ravel()
    data = read(table, label="y", sensitive=["sex"], wanted=tuple(c for c in table.columns if c != "y"))
    target = open_target(model, data=data)
    assert target.doubts == ()
    assert target.noise == 0
    data = data.classed(target.classes)
    theirs = np.array([str(c) if not isinstance(c, float) else f"{c:g}" for c in own.tolist()])
    given = np.array([str(c) if not isinstance(c, float) else f"{c:g}" for c in table["y"].tolist()])
    np.testing.assert_array_equal(np.array(target.classes)[target.labels(data.x)], theirs)
    result = Performance()(target, data).result
    assert result.metric("accuracy").value == accuracy_score(given, theirs)
    drawn = next(t for t in result.tables if t.name == "confusion")
    matrix = confusion_matrix(given, theirs, labels=list(target.classes))
    assert [[cell for cell in row if isinstance(cell, int)] for row in drawn.rows] == matrix.tolist()
    favorable = target.classes[-1]
    fair = Groups(positive=favorable, draws=100)(target, data).result
    groups = {"y_true": given == favorable, "y_pred": theirs == favorable, "sensitive_features": table["sex"].astype(str)}
    wanted = MetricFrame(metrics=selection_rate, **groups).by_group
    (chart,) = (c for c in fair.charts if c.name == "groups_sex")
    rates = next(series.y for series in chart.series if series.name == "selection rate")
    assert dict(zip((c.split(" ")[0] for c in chart.x.categories), rates, strict=True)) == wanted.to_dict()
    assert fair.metric("demographic_parity_difference_sex").value == demographic_parity_difference(**groups)
