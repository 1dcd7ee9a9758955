"""Accuracy and calibration against models whose answers are known."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.validation.performance import Performance, calibration_error

SCHEMA = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("no", "yes"))


def _data(n: int = 4000) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (n, 1)).astype(np.float32)
    return Dataset(x=x, y=(rng.uniform(0, 1, n) < x[:, 0]).astype(np.int64), schema=SCHEMA)


def test_a_calibrated_model_passes():
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    result = Performance()(target, _data()).result
    assert result.status is Status.PASSED
    assert result.metric("accuracy").value == pytest.approx(0.75, abs=0.02)
    assert result.metric("calibration_error").value < 0.03


def test_a_model_too_sure_is_a_finding():
    target = FunctionTarget(lambda x: (x[:, 0] > 0.5).astype(np.float32), SCHEMA.classes, SCHEMA)
    result = Performance()(target, _data()).result
    assert result.status is Status.FINDING
    assert result.metric("calibration_error").value == pytest.approx(0.25, abs=0.02)
    assert "too sure" in result.summary


def test_calibration_error_by_hand():
    confidence = np.array([0.9, 0.9, 0.6, 0.6], np.float32)
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right, 10) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4, abs=1e-6)


def _frame(n: int = 1200):
    import pandas as pd

    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.exponential(size=n), "c": rng.choice(["x", "y", "z"], n), "d": rng.random(n) < 0.3}
    )
    score = frame["a"] + (frame["c"] == "x") - frame["b"] + rng.normal(size=n)
    return frame, score


def _fitted(last, frame, y):
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"), last).fit(frame, y)


@pytest.mark.parametrize("kind", ["tuned", "fixed", "calibrated", "svc"])
def test_of_two_classes_every_number_is_scikit_learns_on_the_own_frame(kind):
    from sklearn import metrics
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
    from sklearn.svm import SVC

    from tiltyard.datasets.reading import read
    from tiltyard.targets.opening import open_target

    frame, score = _frame()
    y = np.where(score > 1.2, "bad", "good")
    base = LogisticRegression()
    last = {
        "tuned": TunedThresholdClassifierCV(base, scoring="balanced_accuracy", random_state=0),
        "fixed": FixedThresholdClassifier(base, threshold=0.15, pos_label="bad", response_method="predict_proba"),
        "calibrated": CalibratedClassifierCV(base, cv=3),
        "svc": SVC(C=0.5),
    }[kind]
    model = _fitted(last, frame, y)
    data = read(frame.assign(y=y), label="y")
    result = Performance()(open_target(model, data=data), data).result
    said = model.predict(frame)
    assert {"bad"} < set(said)
    expected = {
        "accuracy": metrics.accuracy_score(y, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, said),
        "recall": metrics.recall_score(y, said, pos_label="bad"),
        "precision": metrics.precision_score(y, said, pos_label="bad"),
    }
    if kind != "svc":
        chance = model.predict_proba(frame)[:, 0]
        expected["roc_auc"] = metrics.roc_auc_score(y == "bad", chance)
        expected["average_precision"] = metrics.average_precision_score(y == "bad", chance)
        expected["brier"] = 2 * metrics.brier_score_loss(y == "bad", chance)
    for name, value in expected.items():
        metric = result.metric(name)
        assert metric.value == pytest.approx(value, abs=1e-12), name
        assert metric.low <= metric.value <= metric.high
    assert "of 'bad'" in result.metric("average_precision" if kind != "svc" else "recall").label.lower()
    table = next(t for t in result.tables if t.name == "confusion")
    assert [list(row[1:]) for row in table.rows] == metrics.confusion_matrix(y, said, labels=["bad", "good"]).tolist()


def test_of_three_classes_too():
    from sklearn import metrics
    from sklearn.linear_model import LogisticRegression

    from tiltyard.datasets.reading import read
    from tiltyard.targets.opening import open_target

    frame, score = _frame()
    y = np.where(score > 1.5, "high", np.where(score > -0.5, "mid", "low"))
    model = _fitted(LogisticRegression(), frame, y)
    data = read(frame.assign(y=y), label="y")
    result = Performance()(open_target(model, data=data), data).result
    said, chance = model.predict(frame), model.predict_proba(frame)
    assert result.metric("balanced_accuracy").value == pytest.approx(metrics.balanced_accuracy_score(y, said))
    assert result.metric("precision").value == pytest.approx(metrics.precision_score(y, said, average="macro"))
    assert result.metric("roc_auc").value == pytest.approx(metrics.roc_auc_score(y, chance, multi_class="ovr"))
    one_hot = y[:, None] == model.classes_
    assert result.metric("average_precision").value == pytest.approx(metrics.average_precision_score(one_hot, chance))


def _rare(said: np.ndarray, y: np.ndarray):
    x = said.astype(np.float64)[:, None]
    return FunctionTarget(lambda rows: rows[:, 0], SCHEMA.classes, SCHEMA), Dataset(x=x, y=y, schema=SCHEMA)


def test_where_always_the_same_answer_is_right_more_often_nothing_passes():
    y = (np.arange(10_000) < 10).astype(np.int64)
    said = np.full(10_000, 0.02)
    said[5:35] = 0.97  # finds 5 of 10 and is wrong on 25 others
    result = Performance()(*_rare(said, y)).result
    assert result.metric("accuracy").value == pytest.approx(0.997)
    assert result.metric("majority_accuracy").value == pytest.approx(0.999)
    assert result.status is Status.INCOMPLETE
    assert result.summary.startswith("Balanced accuracy 0.749")
    assert "not above always saying 'no', 99.9 %" in result.summary
    assert "of 'yes' 0.500 are found, and of the rows answered 'yes' 0.167 are" in result.summary
    assert Performance.headline_of(result).name == "balanced_accuracy"


def test_a_model_that_beats_it_passes_and_says_both():
    y = (np.arange(2000) < 200).astype(np.int64)
    said = np.where(y == 1, 0.97, 0.02)
    said[:20] = 0.02
    result = Performance(alarm=0.2)(*_rare(said, y)).result
    assert result.status is Status.PASSED
    assert "99.0 % of 2,000 rows are right" in result.summary
    assert "always saying 'no' is right on 90.0 %" in result.summary
    assert "held-out" not in result.model_dump_json()


def test_a_class_without_rows_and_a_rare_one_are_said():
    schema = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("a", "b", "c"))
    x = np.linspace(0, 1, 100)[:, None]
    y = (np.arange(100) >= 97).astype(np.int64)
    target = FunctionTarget(lambda rows: np.stack([1 - rows[:, 0], rows[:, 0] * 0.6, rows[:, 0] * 0.4], 1), schema.classes, schema)
    result = Performance()(target, Dataset(x=x, y=y, schema=schema)).result
    assert any("No row of 'c'" in note for note in result.notes)
    assert any("'b' (3)" in note for note in result.notes)
    assert next(t for t in result.tables if t.name == "classes").rows[2][:3] == ("c", 0, None)
    assert result.status is not Status.PASSED


def test_rows_of_some_of_the_models_classes_are_judged_by_name():
    own = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("a", "c"))
    model = own.model_copy(update={"classes": ("a", "b", "c")})
    x = np.linspace(0, 1, 200)[:, None]
    y = (x[:, 0] > 0.5).astype(np.int64)
    target = FunctionTarget(lambda rows: np.stack([1 - rows[:, 0], 0 * rows[:, 0], rows[:, 0]], 1), model.classes, model)
    result = Performance(alarm=0.9)(target, Dataset(x=x, y=y, schema=own)).result
    assert result.metric("accuracy").value == 1.0
    assert any("No row of 'b'" in note for note in result.notes)


def test_an_input_guard_keeps_the_decision_of_the_model_behind_it():
    from tiltyard.targets.decision import threshold
    from tiltyard.validation.input_guard import InputGuard

    data = _data(2000)
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    target.decide(threshold(0.15, SCHEMA.classes, "yes"))
    made = InputGuard(rows=500)(target, data).target
    kept = ~made.guard.refused(data.x)
    assert (made.labels(data.x)[kept] == target.labels(data.x)[kept]).all()
    assert "'yes' from 0.15 on" in made.rule
