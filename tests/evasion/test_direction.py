"""A number that an attacker may move one way only goes no other way, in any attack; and what is left is found exactly on a plane."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.fgsm import FGSM
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.minimum import Minimum
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.evasion.strong import Strong
from tiltyard.evasion.tabular import Tabular

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

WAYS = ("up", "down", "any", "up")
WEIGHT = np.array([1.0, 1.0, -0.5, 2.0])


def plane(n: int = 60) -> "tuple[TorchTarget, Dataset]":
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    features = tuple(Feature(name=f"f{i}", kind="continuous", direction=way) for i, way in enumerate(WAYS))  # type: ignore[arg-type]
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    model = nn.Linear(4, 2)
    with torch.no_grad():
        weight = torch.tensor(WEIGHT, dtype=torch.float32)
        model.weight[:] = torch.stack([-weight / 2, weight / 2])
        model.bias[:] = torch.tensor([0.875, -0.875])
    target = TorchTarget(model, schema.classes, schema, "plane")
    x = 0.3 + 0.4 * np.random.default_rng(0).random((n, 4))
    return target, Dataset(x, target.labels(x), schema)


def reachable(x: np.ndarray, y: np.ndarray, eps: float) -> np.ndarray:
    """Which rows fall: a no rises by f0, f2 and f3, a yes falls by f1 and f2 alone."""
    margin = (x - 0.5) @ WEIGHT
    return np.where(y == 0, margin + eps * 3.5 > 0, margin - eps * 1.5 < 0)


CHECKS: tuple[Any, ...] = (PGD(steps=15), FGSM(), Square(query_budget=60), HopSkipJump(query_budget=300), Strong(effort=0.1))


@pytest.mark.parametrize("check", [*CHECKS, Minimum(norm="linf", steps=20), Tabular(query_budget=40)], ids=lambda check: check.id)
def test_it_goes_no_other_way(check: Evasion, monkeypatch: pytest.MonkeyPatch) -> None:
    target, data = plane()
    seen: list[tuple[Dataset, Any]] = []
    inner = type(check).find_adversarial

    def find(own: Any, target: Any, sample: Dataset, *rest: Any) -> Any:
        seen.append((sample, inner(own, target, sample, *rest)))
        return seen[-1][1]

    monkeypatch.setattr(type(check), "find_adversarial", find)
    check = check.model_copy(update={"eps": 0.1, "curve": False, "rows": 60})
    check(target, data)
    sample, outcome = seen[0]
    moved = outcome.x - sample.x
    assert (moved[:, [0, 3]] >= 0).all()
    assert (moved[:, 1] <= 0).all()
    exact = reachable(sample.x, sample.y, 0.1)
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= 0.1)
    assert not (fooled & ~exact).any()
    assert fooled.sum() >= {Square: 0.6, HopSkipJump: 0.8, Minimum: 0.9}.get(type(check), 0.97) * exact.sum()
    assert 5 < exact.sum() < 55


def test_only_a_number_has_a_direction() -> None:
    with pytest.raises(ValidationError, match="is no number"):
        Feature(name="a", kind="categorical", categories=("x", "y"), direction="up")
    assert "direction" not in Feature(name="a", kind="integer").model_dump_json()
