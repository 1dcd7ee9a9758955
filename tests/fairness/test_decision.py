"""Fairness of the decision that is deployed: tuned and fixed thresholds, SVC, cost-sensitive and calibrated models, as Fairlearn has it alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.reading import read
from tiltyard.fairness.frontier import Frontier
from tiltyard.fairness.group_metrics import Groups
from tiltyard.fairness.threshold_optimizer import ThresholdOptimizer
from tiltyard.targets.opening import open_target


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """People whose loan is approved for one in five, more seldom in one group; numbers, a text, a truth value, empty cells."""
    rng = np.random.default_rng(3)
    n = 3000
    sex = np.where(rng.random(n) < 0.5, "F", "M")
    town = rng.choice(["east", "north", "west"], n)
    income = rng.normal(3, 1, n) + 0.6 * (sex == "M")
    debt = rng.exponential(1, n)
    owner = rng.random(n) < 0.4
    chance = 1 / (1 + np.exp(-(1.4 * income - 1.2 * debt + 0.8 * owner - 5.2)))
    approved = np.where(rng.random(n) < chance, "approved", "denied")
    return pd.DataFrame({"sex": sex, "town": town, "income": income, "debt": debt, "owner": owner, "decision": approved})


def _pipeline(last: Any) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["sex", "town"]), remainder="passthrough"), last)


def _models() -> dict[str, Any]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
    from sklearn.svm import SVC

    logistic = _pipeline(LogisticRegression())
    return {
        "tuned": TunedThresholdClassifierCV(logistic, scoring="balanced_accuracy", random_state=0),
        "fixed": FixedThresholdClassifier(logistic, threshold=0.15, pos_label="denied", response_method="predict_proba"),
        "svc": CalibratedClassifierCV(_pipeline(SVC(C=0.05)), ensemble=False, cv=3),
        "svc without scores": _pipeline(SVC(C=0.05)),
        "cost": _pipeline(LogisticRegression(class_weight={"approved": 6, "denied": 1})),
        "calibrated": CalibratedClassifierCV(logistic, cv=3),
    }


@pytest.mark.parametrize("name", ["tuned", "fixed", "svc", "svc without scores", "cost", "calibrated"])
def test_every_number_is_fairlearns_own_on_the_users_own_frame(frame, name):
    from fairlearn import metrics

    inputs, truth = frame.drop(columns="decision"), frame["decision"]
    model = _models()[name].fit(inputs[:1500], truth[:1500])
    data = read(frame, label="decision", sensitive=("sex",))
    target = open_target(model, data=data)
    said = model.predict(inputs) == "approved"
    result = Groups()(target, data).result
    true = truth == "approved"
    for metric in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio"):
        by_hand = getattr(metrics, metric)(true, said, sensitive_features=frame["sex"])
        assert result.metric(f"{metric}_sex").value == pytest.approx(by_hand, abs=1e-12), metric
    assert result.metric("accuracy").value == (true == said).mean()
    assert any(target.rule in note for note in result.notes)


def test_a_tuned_threshold_is_not_taken_for_one_half(frame):
    inputs, truth = frame.drop(columns="decision"), frame["decision"]
    model = _models()["tuned"].fit(inputs[:1500], truth[:1500])
    data = read(frame, label="decision", sensitive=("sex",))
    target = open_target(model, data=data)
    halves = model.predict_proba(inputs)[:, list(model.classes_).index("approved")] >= 0.5
    own = model.predict(inputs) == "approved"
    assert (halves != own).mean() > 0.05, "the case is none if both decide alike"
    rows = Frontier(points=2, rows=200_000)(target, data).result
    n = rows.metric("accuracy_now").n
    assert rows.metric("gap_now").value == pytest.approx(_gap(own, frame["sex"]), abs=3 / np.sqrt(n))
    assert rows.tables[0].rows[0][1] == target.rule
    before = ThresholdOptimizer(rows=100)(target, data).record.result
    assert before.metric("demographic_parity_before").value == pytest.approx(_gap(own, frame["sex"]), abs=3 / np.sqrt(n))


def _gap(said: Any, groups: Any) -> float:
    from fairlearn.metrics import demographic_parity_difference

    return float(demographic_parity_difference(said, said, sensitive_features=groups))


def test_a_threshold_that_a_person_sets_is_in_force_and_said(frame):
    from fairlearn.metrics import demographic_parity_difference

    inputs, truth = frame.drop(columns="decision"), frame["decision"]
    model = _models()["cost"].fit(inputs[:1500], truth[:1500])
    data = read(frame, label="decision", sensitive=("sex",))
    target = open_target(model, data=data, threshold=0.3, positive="denied")
    said = model.predict_proba(inputs)[:, list(model.classes_).index("denied")] >= 0.3
    result = Groups()(target, data)
    by_hand = demographic_parity_difference(said, ~said, sensitive_features=frame["sex"])
    assert result.result.metric("demographic_parity_difference_sex").value == pytest.approx(by_hand, abs=1e-12)
    assert any("class 'denied' from 0.3 on" in note for note in result.result.notes)
    assert result.target.decision == "class 'denied' from 0.3 on"
