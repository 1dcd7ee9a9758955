"""Accuracy and calibration against models whose answers are known."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import Status
from tiltyard.statistics.ruling import Limit
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.validation._calibration import Calibration, calibration_error
from tiltyard.validation.performance import Performance

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
        "f1": metrics.f1_score(y, said, pos_label="bad"),
    }
    if kind != "svc":
        chance = model.predict_proba(frame)[:, 0]
        expected["roc_auc"] = metrics.roc_auc_score(y == "bad", chance)
        expected["average_precision"] = metrics.average_precision_score(y == "bad", chance)
        expected["log_loss"] = metrics.log_loss(y == "bad", chance)
        expected["brier_score"] = metrics.brier_score_loss(y == "bad", chance)
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
    assert result.metric("f1").value == pytest.approx(metrics.f1_score(y, said, average="macro"))
    assert result.metric("brier_score").value == pytest.approx(metrics.brier_score_loss(y, chance, labels=model.classes_), abs=1e-12)
    assert result.metric("log_loss").value == pytest.approx(metrics.log_loss(y, chance), abs=1e-12)
    recalls = metrics.recall_score(y, said, average=None)
    assert result.metric("worst_recall").value == pytest.approx(recalls.min())
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
    assert [f.key for f in result.findings] == ["precision"] and "0.167" in result.findings[0].title
    assert Performance(precision=0, balanced=0, recall=0)(*_rare(said, y)).result.status is Status.INCOMPLETE
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
    from tiltyard.validation.input_guard import Guard

    data = _data(2000)
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    target.decide(threshold(0.15, SCHEMA.classes, "yes"))
    made = Guard(rows=500)(target, data).target
    kept = ~made.guard.refused(data.x)
    assert (made.labels(data.x)[kept] == target.labels(data.x)[kept]).all()
    assert "'yes' from 0.15 on" in made.rule


def _deciding(found: int, of: int, wrong: int, others: int):
    """A model that finds ``found`` of ``of`` rows 'yes' and calls ``wrong`` of ``others`` rows 'yes', sure of all it says."""
    y = np.repeat([1, 0], [of, others]).astype(np.int64)
    said = np.concatenate([np.arange(of) < found, np.arange(others) < wrong]).astype(np.float64)
    return _rare(said, y)


def test_a_recall_below_what_is_accepted_is_a_finding_and_says_the_rule():
    result = Performance(alarm=1.0)(*_deciding(495, 1000, 50, 3000)).result
    assert result.status is Status.FINDING
    assert [f.key for f in result.findings] == ["recall"]
    assert "recall of 'yes' is 0.495 (0.464 to 0.526; at least 0.5 is accepted)" in result.summary
    assert result.findings[0].severity == "low"  # the interval holds 0.5
    assert Performance(alarm=1.0)(*_deciding(300, 1000, 50, 3000)).result.findings[0].severity == "medium"
    assert Performance(alarm=1.0, recall=0.4)(*_deciding(495, 1000, 50, 3000)).result.status is Status.PASSED


def test_a_value_within_whose_bound_is_not_passes_nothing():
    result = Performance(alarm=1.0)(*_deciding(52, 100, 2, 300)).result
    assert result.metric("recall").value > 0.5 > result.metric("recall").low
    assert result.status is Status.INCOMPLETE
    assert "Not settled: recall of 'yes' is 0.520" in result.summary
    assert "rows would tell" in result.summary


def test_what_is_accepted_stands_in_chart_and_table_and_the_table_marks_what_is_not():
    result = Performance(alarm=1.0)(*_deciding(495, 1000, 50, 3000)).result
    chart = next(c for c in result.charts if c.name == "accepted")
    assert chart.series[-1].y == (0.6, 0.5, 0.5, 1.0)
    table = next(t for t in result.tables if t.name == "measures")
    assert [table.rows[i][0] for i, _ in table.marked] == ["Recall of 'yes'"]


@pytest.mark.parametrize("off", [0.03, 0.055, 0.2])
def test_a_calibration_error_above_the_alarm_is_never_green(off):
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 1, 20_000) if off > 0.1 else rng.uniform(0.2, 0.8, 20_000)
    y = (rng.random(len(p)) < np.clip(p - off, 0, 1)).astype(np.int64)
    data = Dataset(x=p[:, None].astype(np.float32), y=y, schema=SCHEMA)
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    result = Performance(rows=20_000, balanced=0, recall=0, precision=0)(target, data).result
    error = result.metric("calibration_error")
    assert (result.status is Status.PASSED) == (error.high <= 0.05)
    assert (result.status is Status.FINDING) == (error.value > 0.05)
    assert "at most 0.05" in result.summary


def test_a_calibrated_model_of_few_rows_is_seldom_a_finding_though_its_bins_show_an_error():
    broken = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0, 1, 150)
        y, labels = (rng.random(150) < p).astype(np.int64), (p > 0.5).astype(np.int64)
        found = Calibration.of(y, labels, np.stack([1 - p, p], 1), 15, 0.02, rng)
        limit = Limit(found.error, 0.02, found.chance)
        assert found.error.value > 0.02 and limit.state != "kept"  # fifteen bins of ten rows settle nothing
        broken += limit.state == "broken"
    assert broken <= 6


def test_the_baseline_is_scikit_learns_dummy():
    from sklearn import metrics
    from sklearn.dummy import DummyClassifier

    from tiltyard.targets.decision import threshold

    y = (np.random.default_rng(0).random(500) < 0.8).astype(np.int64)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((500, 1)), y)
    said, chance = dummy.predict(np.zeros((500, 1))), dummy.predict_proba(np.zeros((500, 1)))[:, 1]
    p = np.linspace(0.01, 0.99, 500)
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    target.decide(threshold(0.4, SCHEMA.classes, "yes"))
    result = Performance()(target, Dataset(x=p[:, None], y=y, schema=SCHEMA)).result
    found = {row[0].split(" of ")[0]: row[5] for row in next(t for t in result.tables if t.name == "measures").rows}
    assert found["Brier score"] == pytest.approx(metrics.brier_score_loss(y, chance))
    assert found["Log loss"] == pytest.approx(metrics.log_loss(y, chance))
    assert found["Balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, said))
    assert found["F1"] == pytest.approx(metrics.f1_score(y, said))
    assert found["ROC AUC"] == pytest.approx(metrics.roc_auc_score(y, chance))
    assert found["Average precision"] == pytest.approx(metrics.average_precision_score(y, chance))
