"""The smallest change: exact distances of a plane and of a ball in each norm, and a peer's at equal passes."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.evasion.minimum import Minimum
from tiltyard.result import Status

if TYPE_CHECKING:
    from torch import Tensor

    from tiltyard.targets.torch_target import TorchTarget

D, CENTER, RADIUS, ROWS = 6, 0.5, 0.35, 40
NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(D)), label="y", classes=("no", "yes"))
WEIGHTS = np.array([1.0, -2.0, 0.5, 1.5, -0.7, 0.9])
LIMIT = float(WEIGHTS.sum() / 2)


def plane(lean: float = 0.0) -> "tuple[TorchTarget, Dataset]":
    """A linear model, and rows near the middle of the cube; ``lean`` is added to its logit of "no"."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    model = nn.Linear(D, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-WEIGHTS / 2, WEIGHTS / 2]))
        model.bias[:] = torch.tensor([LIMIT / 2 + lean, -LIMIT / 2])
    x = np.random.default_rng(0).uniform(0.2, 0.8, (ROWS, D)).astype(np.float32)
    return TorchTarget(model, NUMBERS.classes, NUMBERS, "plane"), Dataset(x, (x @ WEIGHTS > LIMIT).astype(np.int64), NUMBERS)


def ball() -> "tuple[TorchTarget, Dataset]":
    """A quadratic model that answers 1 within a ball, and rows outside of it."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    class Ball(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            inside = RADIUS**2 - (x - CENTER).square().sum(1)
            return torch.stack([-inside, inside], 1)

    x = np.random.default_rng(1).uniform(0.05, 0.95, (400, D)).astype(np.float32)
    outside = x[((x - CENTER) ** 2).sum(1) > (RADIUS + 0.15) ** 2][:ROWS]
    return TorchTarget(Ball(), NUMBERS.classes, NUMBERS, "ball"), Dataset(outside, np.zeros(len(outside), np.int64), NUMBERS)


def to_the_plane(x: NDArray[np.float64], norm: str) -> float:
    """The distance of a row (d,) from the plane; in l0 the fewest numbers that reach it, each moved as far as it goes."""
    margin = abs(float(x @ WEIGHTS) - LIMIT)
    if norm != "l0":
        return margin / float(np.linalg.norm(WEIGHTS, {"linf": 1, "l2": 2, "l1": np.inf}[norm]))
    toward = -np.sign(x @ WEIGHTS - LIMIT) * np.sign(WEIGHTS)
    gains = np.sort(np.abs(WEIGHTS) * np.where(toward > 0, 1 - x, x))[::-1].cumsum()
    return 1.0 + int((gains < margin).sum())


def to_the_ball(x: NDArray[np.float64], norm: str) -> float:
    """The distance of a row (d,) outside from the ball: moved straight to it, each number alike, the farthest first, the fewest."""
    away = np.abs(x - CENTER)
    if norm == "l2":
        return float(np.linalg.norm(away) - RADIUS)
    if norm == "l0":
        return 1.0 + int((np.sort(away**2).cumsum()[::-1][1:] > RADIUS**2).sum())
    left = (lambda t: np.maximum(away - t, 0)) if norm == "linf" else (lambda t: np.minimum(away, t))
    low, high = 0.0, float(away.max())
    for _ in range(60):
        middle = (low + high) / 2
        inside = float((left(middle) ** 2).sum()) < RADIUS**2
        low, high = (low, middle) if inside == (norm == "linf") else (middle, high)
    return high if norm == "linf" else float((away - left(low)).sum())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
@pytest.mark.parametrize("make", [plane, ball])
def test_the_smallest_change_is_the_exact_distance(make: "object", norm: str) -> None:
    assert callable(make)
    target, data = make()
    distance = to_the_plane if make is plane else to_the_ball
    exact = np.array([distance(row, norm) for row in data.x.astype(np.float64)])
    eps = 3.0 if norm == "l0" else 0.9 * float(np.median(exact))
    result = Minimum(norm=norm, eps=eps, rows=ROWS, steps=100, curve=False)(target, data).result  # type: ignore[arg-type]
    found = result.metric("median_distance").value
    assert found is not None
    assert float(np.median(exact)) * (1 - 1e-3) <= found <= float(np.median(exact)) * 1.02
    assert result.metric("robust_accuracy").value == pytest.approx(float((exact > eps).mean()), abs=0.051)


def test_no_more_numbers_than_there_are_can_be_changed() -> None:
    target, data = plane()
    with pytest.raises(Problem, match="at most 6"):
        Minimum(norm="l0", eps=7).space(data, target)


def test_a_row_that_nothing_fools_has_no_smallest_change() -> None:
    target, data = plane(lean=100.0)
    sure = Dataset(data.x, np.zeros(len(data.x), np.int64), NUMBERS)
    result = Minimum(rows=20, steps=10, curve=False)(target, sure).result
    assert result.metric("median_distance").value is None
    assert result.metric("robust_accuracy").value == 1.0
    assert result.status is Status.INCOMPLETE


def test_categories_stay_and_are_not_said_to_change() -> None:
    # Its measure said "up to 1 category" and its settings offered them, and none was ever tried.
    import tiltyard as ty

    census = ty.load("census")
    step = Minimum(rows=10, steps=10, curve=False)
    assert "categor" not in step.measure(census.data)
    with pytest.raises(ValueError, match="flips"):
        Minimum(flips=1)
    assert any("categories changed in a row: up to 0" in note for note in step(census.target, census.data).result.notes)
