"""One change for all rows: a plane of which the best one is known, brightness that a white patch turns, and what a pass needs."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.patch import Patch
from tiltyard.evasion.universal import Universal
from tiltyard.result import CheckResult, Status
from tiltyard.samples.catalog import load_data

if TYPE_CHECKING:
    from torch import Tensor

    from tiltyard.targets.torch_target import TorchTarget

D, ROWS = 6, 400
NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(D)), label="y", classes=("no", "yes"))
WEIGHTS = np.array([1.0, -2.0, 0.5, 1.5, -0.7, 0.9])
LIMIT = float(WEIGHTS.sum() / 2)


def plane() -> "tuple[TorchTarget, Dataset]":
    """A linear model, and rows so far within the cube that no bound cuts a change of 0.1."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    model = nn.Linear(D, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-WEIGHTS / 2, WEIGHTS / 2]))
        model.bias[:] = torch.tensor([LIMIT / 2, -LIMIT / 2])
    x = np.random.default_rng(0).uniform(0.2, 0.8, (ROWS, D)).astype(np.float32)
    member = np.arange(ROWS) < ROWS // 2
    return TorchTarget(model, NUMBERS.classes, NUMBERS, "plane"), Dataset(
        x, (x @ WEIGHTS > LIMIT).astype(np.int64), NUMBERS, "p", {}, member
    )


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.08), ("l2", 0.2), ("l1", 0.3)])
def test_the_one_change_of_a_plane_turns_the_rows_of_one_side_that_are_near(norm: str, eps: float) -> None:
    """The best one moves all rows by eps times the dual norm of the weights: of the aimed class's other side those nearer than that."""
    target, data = plane()
    reach = eps * float(np.linalg.norm(WEIGHTS, {"linf": 1, "l2": 2, "l1": np.inf}[norm]))
    result = Universal(norm=norm, eps=eps, rows=ROWS, fitted_on=200, goal="yes")(target, data).result  # type: ignore[arg-type]
    judged = data.x[(~data.member) & (data.y == 0)].astype(np.float64) if data.member is not None else data.x
    near = LIMIT - judged @ WEIGHTS < reach
    success = result.metric("success_rate")
    assert success.n == len(judged)
    assert success.value == pytest.approx(float(near.mean()), abs=0.03)
    chance = result.metric("chance_rate").value
    assert success.value is not None and chance is not None and success.value > chance
    assert result.status is Status.FINDING and result.findings[0].defense == "evasion.adversarial_training"
    assert "random" not in result.findings[0].title


@pytest.mark.parametrize(("own", "other", "better"), [(30, 30, False), (30, 0, True), (4, 0, False), (60, 30, True), (0, 0, False)])
def test_a_change_that_chance_equals_is_said_to_be_no_better(own: int, other: int, better: bool) -> None:
    """A sign test on the rows that one alone turns; those that both turn tell nothing. 5 of 5 heads have p = 0.03, 4 of 4 0.06."""
    from tiltyard.evasion._one_for_all import Reached, better_than_chance

    n = np.arange(300)
    both, alone = n < 100, (n >= 100) & (n < 100 + own)
    chance = both | ((n >= 200) & (n < 200 + other))
    reached = Reached(n >= 0, both | alone, chance, np.zeros((300, 1)), None, None)  # type: ignore[arg-type]
    assert better_than_chance(reached) is better


def test_untargeted_it_is_the_better_side() -> None:
    target, data = plane()
    result = Universal(eps=0.08, rows=ROWS, fitted_on=200)(target, data).result
    assert data.member is not None
    margin = data.x[~data.member].astype(np.float64) @ WEIGHTS - LIMIT
    reach = 0.08 * np.abs(WEIGHTS).sum()
    sides = [float(((margin < 0) & (margin > -reach)).mean()), float(((margin > 0) & (margin < reach)).mean())]
    value = result.metric("success_rate").value
    assert value is not None
    assert min(abs(value - side) for side in sides) <= 0.03  # of near sides the one that the fitted rows preferred
    assert result.metric("robust_accuracy").value == pytest.approx(1 - value)
    (table,) = (t for t in result.tables if t.name == "change")
    assert all(abs(float(row[3])) <= 0.08 + 1e-6 for row in table.rows)  # type: ignore[arg-type]


def brightness(says: str = "mean") -> "tuple[TorchTarget, Dataset]":
    """A model that answers by the mean of all pixels, on rows of mean 0.45 and 0.9; rows of the first turn by a white patch of 9 by 9, not 8."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    class Mean(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            off = (x.mean((1, 2, 3)) - 0.5) * 50 if says == "mean" else 5 + 0 * x.sum((1, 2, 3))
            return torch.stack([-off, off], 1)

    y = np.arange(440) % 2
    x = np.broadcast_to((0.45 + 0.45 * y)[:, None, None, None], (440, 1, 28, 28)).astype(np.float32)
    schema = load_data("digits").schema.model_copy(update={"classes": ("dark", "bright")})
    return TorchTarget(Mean(), ("dark", "bright"), schema, "mean"), Dataset(x, y.astype(np.int64), schema)


def patched(edge: int, **more: object) -> CheckResult:
    target, data = brightness()
    return Patch(area=edge**2 / 784, rows=100, fitted_on=120, goal="bright", **more)(target, data).result  # type: ignore[arg-type]


def test_a_white_patch_turns_dark_pictures_from_the_size_that_it_takes() -> None:
    """It adds edge² / 784 · 0.55 to a mean of 0.45: 0.0449 at 8, 0.0568 at 9, and 0.05 is needed."""
    small, large = patched(8), patched(9)
    assert small.metric("success_rate").value == 0 and large.metric("success_rate").value == 1
    assert large.metric("chance_rate").value == 0  # noise has a mean of a half
    assert "9 × 9" in large.summary and large.galleries[0].rows


def test_a_pass_is_earned() -> None:
    assert patched(4, accept=0.06).status is Status.PASSED
    assert patched(4, epochs=1).status is Status.INCOMPLETE
    assert patched(4, accept=0.01).status is Status.INCOMPLETE  # too few rows to tell


def test_a_model_without_skill_passes_nothing() -> None:
    target, data = brightness("bright")
    assert Patch(rows=100, fitted_on=120)(target, data).result.status is Status.INCOMPLETE


def test_patches_lie_within_the_picture_at_places_of_their_own() -> None:
    import torch

    from tiltyard.attacks import shared_change

    shape = shared_change.Patch((3, 12, 9), 4, 0.0, 1.0)
    x = torch.zeros(200, 3, 12, 9)
    marks = torch.full((3, 4, 4), 1.0)
    marks[:, 0, 0] = 0.5
    put = shape.put(marks, x, torch.Generator().manual_seed(0))
    assert bool((put.points.sum((1, 2, 3)) == 3 * 15.5).all())
    corners = (put.points[:, 0] == 0.5).nonzero()
    assert set(corners[:, 1].tolist()) == set(range(9)) and set(corners[:, 2].tolist()) == set(range(6))
    back = put.pulled(put.points)  # gathers each row's pixels at its own place
    assert torch.equal(back, marks * 200)
