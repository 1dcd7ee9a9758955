"""Private trainers that break their promise, each in one way, against canaries in blank columns; and right ones, which are not accused."""

from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy.audit_epsilon import AuditEpsilon
from tiltyard.privacy_accounting.budget import Budget
from tiltyard.progress import Progress
from tiltyard.result import Status

SCHEMA = Schema(
    features=tuple(Feature(name=f"x{i}", kind="continuous", low=-9, high=9) for i in range(4)), label="y", classes=("no", "yes")
)
EPOCHS, BATCH, ROWS = 3, 64, 640


def separable() -> Dataset:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2 * ROWS)
    x = (rng.normal(size=(2 * ROWS, 4)) + 1.5 * (2 * y[:, None] - 1)).clip(-9, 9)
    return Dataset(x, y, SCHEMA, member=np.arange(2 * ROWS) < ROWS)


def pictures() -> Dataset:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 2 * ROWS)
    x = rng.random((2 * ROWS, 1, 8, 8)).astype(np.float32)
    x[np.arange(2 * ROWS), 0, y] = 1.0
    schema = Schema(features=(Feature(name="image", kind="pixels", low=0, high=1, shape=(1, 8, 8)),), label="row", classes=("0", "1", "2"))
    return Dataset(x, y, schema, member=np.arange(2 * ROWS) < ROWS)


def trainer(kind: str, epsilon: float, data: Dataset) -> Any:
    """A private target whose own routine is right, or broken in one way, with the budget that it claims."""
    from torch import nn

    from tiltyard.privacy._dp_training.loop import Plan
    from tiltyard.privacy._dp_training.target import PrivateTarget

    class Trainer(PrivateTarget):
        def retrain(self, x: Any, y: Any, seed: int, progress: Progress) -> Any:
            right = self.plan
            self.plan = right.model_copy(update=broken(right, kind))
            try:
                return super().retrain(x, y, seed, progress)
            finally:
                self.plan = right

    budget = Budget.of(ROWS, BATCH, EPOCHS, epsilon=epsilon)
    plan = Plan(noise=budget.noise_multiplier, clip=1.0, batch_size=BATCH, epochs=EPOCHS, rate=0.05, optimizer="sgd")
    if data.schema.images:
        module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    else:
        module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    return Trainer(module, data.schema.classes, data.schema, kind, "logits", None, None, plan, budget)


def broken(plan: Any, kind: str) -> dict[str, Any]:
    """What is otherwise in the plan. Without clipping the noise stays what it was; eight times the rate keeps steps and noise a step."""
    return {
        "right": {},
        "noise off": {"noise": 0.0},
        "noise divided twice": {"noise": plan.noise / BATCH},
        "clipping off": {"clip": 1e6, "noise": plan.noise / 1e6},
        "rate times 8": {"batch_size": 8 * BATCH, "epochs": 8 * EPOCHS},
    }[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise off", "noise divided twice", "clipping off", "rate times 8"])
@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_a_broken_trainer_is_caught(kind: str, epsilon: float) -> None:
    data = separable()
    result = AuditEpsilon(canaries=600, control=False)(trainer(kind, epsilon, data), data).result
    assert result.status is Status.FINDING, result.summary
    assert (result.metric("epsilon_lower").value or 0) > epsilon


@pytest.mark.slow
@pytest.mark.parametrize("sees", ["weights", "answers"])
def test_a_right_trainer_passes_and_by_its_control(sees: Any) -> None:
    data = separable()
    for seed in range(2):
        result = AuditEpsilon(canaries=600, sees=sees, seed=seed)(trainer("right", 2.0, data), data).result
        assert result.status is Status.PASSED, result.summary
        assert (result.metric("epsilon_lower").value or 0) <= 2.0 < (result.metric("epsilon_control").value or 0)
    assert "fair coin" in result.notes[0]


@pytest.mark.slow
def test_pictures_have_blank_columns_too() -> None:
    data = pictures()
    for kind, status in (("noise off", Status.FINDING), ("right", Status.PASSED)):
        result = AuditEpsilon(canaries=400)(trainer(kind, 2.0, data), data).result
        assert result.status is status, result.summary


@pytest.mark.slow
def test_answers_see_what_weights_see() -> None:
    data = separable()
    for kind in ("noise off", "clipping off"):
        result = AuditEpsilon(canaries=600, sees="answers", control=False)(trainer(kind, 2.0, data), data).result
        assert result.status is Status.FINDING, result.summary


def test_bad_settings_are_one_line() -> None:
    data = separable()
    few = AuditEpsilon(canaries=10)(trainer("right", 2.0, data), data).result
    assert few.status is Status.FAILED
    assert "at least 20 canaries" in few.summary
    assert AuditEpsilon(canaries=50).estimate(trainer("right", 2.0, data), data).seconds is not None
    progress = Progress()
    progress.cancel()
    assert AuditEpsilon()(trainer("right", 2.0, data), data, progress).result.status is Status.CANCELLED


def test_without_canaries_a_private_model_is_incomplete() -> None:
    data = separable()
    result = AuditEpsilon(canaries=0)(trainer("right", 2.0, data), data).result
    assert result.status is Status.INCOMPLETE
    assert "not evidence of privacy" in result.summary or "put in canaries" in result.summary
