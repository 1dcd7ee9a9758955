"""Policies that mislead: what a thief without data learns of them, what honest users pay."""

from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft._guarded import deceptive
from tiltyard.theft.extraction import Extraction
from tiltyard.theft.output_policy import OutputPolicy

SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-10, high=10) for i in range(6)), label="y", classes=("a", "b", "c")
)
WEIGHTS = np.random.default_rng(0).normal(size=(6, 3))


def scores(x: Any) -> np.ndarray[Any, Any]:
    z = np.exp(np.asarray(x, float) @ WEIGHTS)
    return z / z.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def narrow() -> tuple[FunctionTarget, Dataset]:
    """Rows in a small part of what is valid."""
    x = np.random.default_rng(1).normal(0, 0.5, (2400, 6)).clip(-10, 10)
    data = Dataset(x, scores(x).argmax(1).astype(np.int64), SCHEMA, member=np.arange(2400) < 1200)
    return FunctionTarget(scores, SCHEMA.classes, SCHEMA, "softmax"), data


def test_deceptive_scores_keep_the_label_and_hide_how_sure() -> None:
    given = np.array([[0.6, 0.3, 0.1], [0.99, 0.005, 0.005], [1.0, 0.0, 0.0], [1 / 3] * 3])
    shown = deceptive(given)
    assert (shown.argmax(1)[:3] == 0).all() and shown.sum(1) == pytest.approx(1) and (shown >= 0).all()
    assert shown[1, 0] - shown[0, 0] < 0.5 * (given[1, 0] - given[0, 0])


def test_misinformation_costs_honest_users_little_and_a_thief_without_data_all(narrow) -> None:
    target, data = narrow
    defended = OutputPolicy(kind="misinform")(target, data)
    result = defended.record.result
    assert result.metric("same_label").value > 0.96
    assert result.metric("accuracy_after").value > result.metric("accuracy_before").value - 0.04
    steal = Extraction(query_budget=400, points=1, epochs=10, rows=500, knows="nothing")
    before, after = steal(target, data).result, steal(defended.target, data).result
    assert after.metric("fidelity").high < before.metric("fidelity").low
    strange = np.full((3, 6), 9.0)
    assert (defended.target.labels(strange) != target.labels(strange)).all()
    assert (defended.target.labels(strange) == defended.target.scores(strange).argmax(1)).all()


def test_deception_keeps_every_label(narrow) -> None:
    result = OutputPolicy(kind="deceive")(*narrow).record.result
    assert result.metric("same_label").value == 1.0 and result.metric("score_error").value > 0.02


@pytest.mark.parametrize("kind", ["round", "label", "noise", "budget", "deceive"])
def test_a_policy_whose_effect_on_a_thief_is_not_measured_does_not_pass(narrow, kind) -> None:
    result = OutputPolicy(kind=kind, noise=0.01)(*narrow).record.result
    assert result.status is Status.INCOMPLETE and "run model extraction" in result.summary
    assert result.notes[0].startswith("What settles it: what it does to a thief")


def test_a_policy_that_costs_honest_users_too_much_is_a_finding(narrow) -> None:
    result = OutputPolicy(kind="noise", noise=0.9)(*narrow).record.result
    if result.metric("same_label").value == 1.0:
        pytest.fail("the noise moved no label")
    assert result.status is Status.FINDING and result.findings[0].key == "accuracy"
    assert result.metric("accuracy_change").high < -0.05
    assert OutputPolicy(kind="noise", noise=0.9, price=1.0)(*narrow).record.result.status is Status.INCOMPLETE
