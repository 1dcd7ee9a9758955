"""Estimators from skops files as people save them: each answers exactly as it did in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.reading import read
from tiltyard.targets.opening import open_target


def test_a_pipeline_that_fills_missing_values_is_opened_from_skops(tmp_path: Path) -> None:
    import pandas as pd
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"pay": rng.normal(0, 1, 60), "town": rng.choice(["a", "b"], 60)})
    frame["left"] = np.where(frame.pay > 0, "yes", "no")
    columns = ColumnTransformer([("n", SimpleImputer(), ["pay"]), ("c", OneHotEncoder(), ["town"])])
    skops.io.dump(make_pipeline(columns, LogisticRegression()).fit(frame[["pay", "town"]], frame.left), tmp_path / "p.skops")
    data = read(frame, label="left")
    assert (open_target(tmp_path / "p.skops", data=data).labels(data.x) == data.y).mean() > 0.9


def fitted(name: str) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV, TunedThresholdClassifierCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    def line() -> Any:
        return LogisticRegression(max_iter=500)

    models = {
        "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
        "gradient boosting from zero": lambda: GradientBoostingClassifier(n_estimators=5, init="zero", loss="exponential"),
        "perceptron": lambda: MLPClassifier((6,), max_iter=60, learning_rate_init=0.02, tol=1, random_state=0),
        "perceptron by sgd": lambda: MLPClassifier((6,), solver="sgd", early_stopping=True, tol=1, max_iter=60, random_state=0),
        "neighbors": lambda: KNeighborsClassifier(),
        "ball tree": lambda: KNeighborsClassifier(algorithm="ball_tree", leaf_size=7),
        "k-d tree": lambda: KNeighborsClassifier(algorithm="kd_tree", p=1, weights="distance"),
        "calibrated": lambda: CalibratedClassifierCV(line(), cv=3),
        "calibrated by steps": lambda: CalibratedClassifierCV(line(), method="isotonic", cv=3),
        "stacking": lambda: StackingClassifier([("line", line()), ("trees", RandomForestClassifier(3, random_state=0))], cv=3),
        "voting": lambda: VotingClassifier([("line", line()), ("near", KNeighborsClassifier())], voting="soft"),
        "grid": lambda: GridSearchCV(line(), {"C": [0.1, 1.0]}, cv=3),
        "drawn": lambda: RandomizedSearchCV(line(), {"C": [0.1, 1.0]}, n_iter=2, cv=3, scoring="roc_auc"),
        "tuned threshold": lambda: TunedThresholdClassifierCV(line(), cv=3, scoring="f1"),
        "fixed threshold": lambda: FixedThresholdClassifier(line(), threshold=0.2),
        "splines": lambda: make_pipeline(SplineTransformer(), line()),
    }
    return models[name]()


def table() -> Any:
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    return frame.assign(y=(frame.a + frame.b**2 + rng.normal(0, 0.5, 200) > 1).astype(int))


NAMES = ["gradient boosting", "gradient boosting from zero", "perceptron", "perceptron by sgd", "neighbors", "ball tree", "k-d tree"]
NAMES += ["calibrated", "calibrated by steps", "stacking", "voting", "grid", "drawn", "tuned threshold", "fixed threshold", "splines"]


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_in_memory(tmp_path: Path, name: str) -> None:
    import skops.io

    frame = table()
    features = frame[list("abcd")]
    model = fitted(name).fit(features.to_numpy(), frame["y"].to_numpy())
    skops.io.dump(model, tmp_path / "m.skops")
    data = read(frame, label="y")
    target = open_target(tmp_path / "m.skops", data=data)
    np.testing.assert_array_equal(target.labels(data.x), model.predict(features.to_numpy()))
    np.testing.assert_allclose(target.scores(data.x), model.predict_proba(features.to_numpy()), rtol=1e-13, atol=0)
