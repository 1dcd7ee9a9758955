"""Rows brought back onto relations: whatever was moved they hold, within bounds and budget; and PGD reaches the exact optimum."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.relations import Relations
from tiltyard.datasets.schema import Schema

FIELDS = ("a", "b", "c", "d")


def schema(relations: Sequence[str], integer: Sequence[str] = ()) -> Schema:
    from tiltyard.datasets.feature import Feature

    numbers = tuple(Feature(name=n, kind="integer" if n in integer else "continuous", low=0, high=10) for n in FIELDS)
    work = Feature(name="work", kind="categorical", categories=("none", "some", "much"))
    pay = Feature(name="pay", kind="categorical", categories=("low", "high"))
    return Schema(features=(*numbers, work, pay), label="y", classes=("0", "1"), relations=tuple(relations))


CASES = [
    (["a <= b"], ()),
    (["a + b + c = 12"], ()),
    (["a + b + c = 12"], ("a", "b", "c")),
    (["a + 2*b <= 14", "b <= c"], ("a",)),
    (["at most one above zero: a, d"], ()),
    (["at most one above zero: a, d", "a <= b"], ("a", "d")),
    (["d := (a + b) / 2", "d <= c + 5"], ()),
    (["d := round(a * b / 10)"], ("d",)),
    (["if work is none then pay is low", "if work is none then a <= 5"], ()),
    (["if pay is high then b >= 3"], ("b",)),
]


def valid_rows(related: Relations, n: int, rng: np.random.Generator, low: float, high: float, integer: Sequence[str]) -> np.ndarray:
    rows: list[Any] = []
    while len(rows) < n:
        x = np.concatenate([low + (high - low) * rng.random((500, 4)), rng.integers(0, 3, (500, 1)), rng.integers(0, 2, (500, 1))], 1)
        x[:, [FIELDS.index(name) for name in integer]] = np.rint(x[:, [FIELDS.index(name) for name in integer]])
        x[rng.random(500) < 0.5, 0] = 0.0
        x[rng.random(500) < 0.5, 3] = 0.0
        x[:, 2] = np.where(rng.random(500) < 0.5, np.clip(12 - x[:, 0] - x[:, 1], 0, 10), x[:, 2])
        x = related.recomputed(x)
        rows += list(x[~related.broken(x) & (x[:, :4] <= 10).all(1)])
    return np.array(rows[:n])


@pytest.mark.parametrize(("relations", "integer"), CASES)
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_whatever_is_moved_holds_within_bounds_and_budget(relations: list[str], integer: tuple[str, ...], norm: Any) -> None:
    import torch

    from tiltyard.attacks.norms import drawn, length, project_within
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.datasets.encoding import encoding_of

    meant = schema(relations, integer)
    space = PerturbationSpace.of(meant, torch.float64).counting(norm, 1)
    rows = valid_rows(meant.related, 120, np.random.default_rng(0), 0, 10, integer)
    x = torch.from_numpy(encoding_of(meant).encode(rows, np.float64))
    change = project_within(drawn(x, norm, 0.6, torch.Generator().manual_seed(0), space.free) * 3, norm, 0.6, *space.room(x))
    moved = space.moved(x, change)
    assert space.repair is not None
    assert not space.repair.broken(moved).any()
    assert ((moved >= space.low) & (moved <= space.high)).all()
    assert (moved[:, space.whole] == moved[:, space.whole].round()).all()
    assert bool((length(space.change(x, moved), norm) <= 0.6 * (1 + 1e-4) + 1e-5).all())
    assert float((moved != x).any(1).double().mean()) > 0.8  # repaired, not put back


@pytest.mark.parametrize("relations", [["a + b = c + d"], ["a <= b", "c + d <= 9"], ["a + b + c + d = 20", "a <= 6"]])
def test_pgd_reaches_the_optimum_of_a_linear_model_under_relations(relations: list[str]) -> None:
    """The reachable set is a polytope, so the largest margin is a linear program."""
    import torch
    from scipy.optimize import linprog
    from torch import nn

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.datasets.encoding import encoding_of

    meant = schema(relations)
    rng = np.random.default_rng(1)
    rows: list[Any] = []
    while len(rows) < 12:
        row = np.append(rng.integers(0, 11, 4).astype(float), [0.0, 0.0])
        rows += [] if meant.related.broken(row[None])[0] else [row]
    weight = np.array([1.0, 0.6, -0.8, 0.3, 0, 0, 0, 0, 0])
    module = nn.Linear(9, 2).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor(np.stack([-weight, weight])))
        module.bias.zero_()
    x = torch.from_numpy(encoding_of(meant).encode(np.array(rows), np.float64))
    space = PerturbationSpace.of(meant, torch.float64)
    found = pgd(module, x, torch.zeros(len(x), dtype=torch.int64), space, "linf", 0.2, 60, torch.Generator().manual_seed(0))
    assert space.repair is not None
    assert not space.repair.broken(found.x).any()
    factors, bounds = space.repair.factors.numpy(), space.repair.bounds.numpy()
    columns = list(space.repair.summed)
    for one, row in zip(found.x.numpy(), rows, strict=True):
        matrix = np.zeros((len(factors), 4))
        matrix[:, columns] = factors
        limits = [(max(0, v - 2), min(10, v + 2)) for v in row[:4]]
        least = linprog(-weight[:4], matrix, bounds + 1e-9, bounds=limits).fun
        assert weight @ one == pytest.approx(-float(least or 0), abs=0.03)  # 0.03 of a reach of 5.4


def test_of_columns_of_which_one_may_be_above_zero_the_gradient_chooses() -> None:
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.datasets.encoding import encoding_of

    meant = schema(["at most one above zero: a, d"])
    space = PerturbationSpace.of(meant, torch.float64)
    x = torch.from_numpy(encoding_of(meant).encode(np.array([[0, 5, 5, 0, 0, 0], [1, 5, 5, 0, 0, 0.0]]), np.float64))
    change, gradient = torch.zeros_like(x), torch.zeros_like(x)
    change[:, [0, 3]] = 0.2
    gradient[:, 0], gradient[:, 3] = 1.0, 3.0
    kept = space.related(x, change, gradient, 0.2)
    assert kept[:, 3].tolist() == pytest.approx([0.2, 0.2])
    assert kept[:, 0].tolist() == pytest.approx([0.0, -0.1])  # the second row gives up what it had, which eps allows
    assert space.related(x, change, gradient, 0.05)[1, 3] <= 0  # within less it cannot


def test_an_implied_category_follows_within_the_budget_or_the_cause_goes_back() -> None:
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.datasets.encoding import encoding_of

    meant = schema(["if work is none then pay is low"])
    encoding = encoding_of(meant)
    x = torch.from_numpy(encoding.encode(np.array([[5, 5, 5, 5, 1, 1.0]]), np.float64))
    moved = torch.from_numpy(encoding.encode(np.array([[5, 5, 5, 5, 0, 1.0]]), np.float64))
    one, two = (PerturbationSpace.of(meant, torch.float64).counting("linf", flips) for flips in (1, 2))
    assert encoding.decode(one.regrouped(x, moved).numpy())[0, 4:].tolist() == [1, 1]
    assert encoding.decode(two.regrouped(x, moved).numpy())[0, 4:].tolist() == [0, 0]


def test_gradients_reach_through_a_derived_column() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.repair import related
    from tiltyard.datasets.encoding import encoding_of

    meant = schema(["d := a - b + 5"])
    module = nn.Linear(9, 2).double()
    with torch.no_grad():
        module.weight.zero_()
        module.bias.zero_()
        module.weight[1, 3] = 1.0  # d alone decides
    space = PerturbationSpace.of(meant, torch.float64)
    x = torch.from_numpy(encoding_of(meant).encode(np.array([[3, 3, 0, 5, 0, 0.0]]), np.float64))
    found = pgd(related(module, space), x, torch.zeros(1, dtype=torch.int64), space, "linf", 0.1, 20, torch.Generator().manual_seed(0))
    assert found.x[0, :4].tolist() == pytest.approx([4, 2, 0, 7])
