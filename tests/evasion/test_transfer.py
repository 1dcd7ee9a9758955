"""Transfer: on a plane, whose copy points the same way, as many rows fall as by the plane's own gradient; a flat model gives nothing."""

import numpy as np
import pytest
from tests.campaign.test_campaign import WEIGHTS, space

from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion.transfer import Transfer
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target


@pytest.fixture
def rows() -> Dataset:
    x = (0.25 + 0.5 * np.random.default_rng(0).random((600, 3), np.float32)).astype(np.float32)
    return Dataset(x, (x @ WEIGHTS > 0.375).astype(np.int64), space(), "linear data", {}, None)


def plane(outputs: str = "scores") -> Target:
    def scores(x: np.ndarray) -> np.ndarray:
        far = np.asarray(x) @ WEIGHTS - 0.375
        return (1 / (1 + np.exp(-20 * far))).astype(np.float32) if outputs == "scores" else (far > 0).astype(np.float32)

    return FunctionTarget(scores, ("no", "yes"), space(), "plane")


@pytest.mark.parametrize("outputs", ["scores", "labels"])
def test_a_plane_falls_by_its_copy_as_by_its_own_gradient(rows: Dataset, outputs: str) -> None:
    check = Transfer(eps=0.05, rows=100, query_budget=400, curve=False)
    record = check(plane(outputs), rows)
    attacked = check.attacked(rows)
    exact = float((np.abs(attacked.x @ WEIGHTS - 0.375) > 0.05 * np.abs(WEIGHTS).sum()).mean())
    found = record.result.metric("robust_accuracy").value
    assert found is not None and exact - 1e-9 <= found <= exact + 0.1, "never more than the exact attack, nearly as many"
    assert record.result.metric("asked_for_copy").value == 400
    assert record.queries <= (check.estimate(plane(outputs), rows).queries or 0)
    assert record.result.status is Status.FINDING


def test_rows_that_stand_are_no_pass(rows: Dataset) -> None:
    result = Transfer(eps=1e-6, rows=50, query_budget=100, epochs=2, curve=False)(plane(), rows).result
    assert result.status is Status.INCOMPLETE and "one copy" in result.summary


def test_too_few_rows_for_a_copy_are_one_line(rows: Dataset) -> None:
    result = Transfer(rows=300)(plane(), rows.take(np.arange(60))).result
    assert result.status is Status.NOT_APPLICABLE and "at least 20" in result.summary
