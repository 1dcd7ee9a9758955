"""An attack that could change nothing, or aimed at what is never answered, earns no pass."""

from typing import Any, Literal

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion._reach import movable, one_number
from tiltyard.evasion._spending import Allowed
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.result import CheckResult, Status

torch: Any = Lazily("torch")
N = 100


def table(kind: Literal["continuous", "integer"] = "continuous", **given: Any) -> Dataset:
    """Two numbers from 0 to 100; the class says whether the first is above 50."""
    features = tuple(Feature(name=name, kind=kind, high=100.0, **given) for name in "ab")
    x = np.random.default_rng(0).integers(0, 100, (N, 2)).astype(np.float64)
    return Dataset(x, (x[:, 0] > 49.5).astype(np.int64), Schema(features=features, label="y", classes=("no", "yes", "never")))


def line(data: Dataset, norm: str, eps: float, money: float = 0.0) -> bool | None:
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.spending import limited

    allowed = Allowed(0, money)
    space = limited(PerturbationSpace.of(data.schema), data.schema, allowed.limits(data.schema))
    return movable(data, np.ones(len(data), bool), space, one_number(norm, eps), allowed, 1).held


@pytest.mark.parametrize(
    ("data", "norm", "eps", "money", "held"),
    [
        (table("integer"), "linf", 0.009, 0.0, False),
        (table("integer"), "linf", 0.011, 0.0, True),
        (table(), "l2", 0.001, 0.0, True),
        (table(), "linf", 1e-9, 0.0, False),
        (table(cost_per_change=5.0), "linf", 0.3, 4.0, False),
        (table(cost_per_change=5.0), "linf", 0.3, 6.0, True),
        (table(), "l0", 0.5, 0.0, False),
        (table(), "l0", 1.0, 0.0, True),
    ],
)
def test_whether_rows_can_be_changed_at_all_is_known(data: Dataset, norm: str, eps: float, money: float, held: bool) -> None:
    assert line(data, norm, eps, money) is held


def test_rows_at_the_end_of_a_one_way_street_cannot_be_changed() -> None:
    data = table(direction="up")
    top = Dataset(np.full_like(data.x, 100.0), data.y, data.schema)
    assert line(data, "linf", 0.1) is True
    assert line(top, "linf", 0.1) is False


def asked(check: Any, data: Dataset) -> CheckResult:
    from tiltyard.targets.torch_target import TorchTarget

    layer = torch.nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-0.1, 0.0], [0.1, 0.0], [0.0, 0.0]]))
        layer.bias.copy_(torch.tensor([4.95, -4.95, -1e9]))
    result: CheckResult = check(TorchTarget(layer, data.schema.classes, data.schema, "line"), data).result
    return result


def test_a_black_box_that_may_not_take_one_whole_step_does_not_pass() -> None:
    result = asked(Square(eps=0.004, query_budget=200, curve=False), table("integer"))
    assert result.status is Status.INCOMPLETE
    assert "Rows can be changed within what is allowed: no, 0 of 100 rows" in result.summary


def test_a_class_that_is_never_answered_is_no_aim() -> None:
    result = asked(PGD(eps=0.1, goal="never", curve=False), table())
    assert result.status is Status.INCOMPLETE
    assert "The class aimed at is answered at all: no, to 0 of 100 rows" in result.summary


@pytest.mark.parametrize(("steps", "restarts", "enough"), [(1, 20, False), (10, 2, True), (20, 1, True), (10, 1, False)])
def test_many_starts_of_one_step_are_no_strength(steps: int, restarts: int, enough: bool) -> None:
    assert (PGD(steps=steps, restarts=restarts).weakness(images=True) == "") is enough
