"""Limits by columns and by money: no attack spends more, and on a plane, where the best use of both is known, nearly all of it is found."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.lazily import Lazily

from tiltyard.datasets.correcting import Correction
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.evasion._spending import Allowed, spent
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.fgsm import FGSM
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.minimum import Minimum
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.evasion.strong import Strong
from tiltyard.evasion.tabular import Tabular
from tiltyard.result import CheckResult

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

torch, attack_limits, spending = Lazily("torch"), Lazily("tiltyard.attacks.limits"), Lazily("tiltyard.attacks.spending")
WEIGHT, EPS = np.array([1.0, -2.0, 0.5, 1.5, 0.8]), 0.1
PER_UNIT, PER_CHANGE = np.array([10.0, 50.0, 2.0, 20.0, 0.0]), np.array([0.0, 0.0, 0.3, 0.5, 1.0])
CHECKS: tuple[Any, ...] = (
    PGD(steps=8),
    FGSM(),
    Square(query_budget=80),
    HopSkipJump(query_budget=300),
    Strong(effort=0.02),
    Minimum(norm="linf", steps=20),
    Tabular(query_budget=60),
)


def plane(n: int = 60) -> "tuple[TorchTarget, Dataset]":
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    features = tuple(
        Feature(name=f"f{i}", kind="continuous", cost_per_unit=float(PER_UNIT[i]), cost_per_change=float(PER_CHANGE[i])) for i in range(5)
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    model = nn.Linear(5, 2)
    with torch.no_grad():
        weight = torch.tensor(WEIGHT, dtype=torch.float32)
        model.weight[:] = torch.stack([-weight / 2, weight / 2])
        bias = float(WEIGHT.sum()) * 0.25
        model.bias[:] = torch.tensor([bias, -bias])
    target = TorchTarget(model, schema.classes, schema, "plane")
    x = 0.3 + 0.4 * np.random.default_rng(0).random((n, 5))  # so far from the edges that eps is not cut
    return target, Dataset(x, target.labels(x), schema)


def most(columns: int, money: float) -> float:
    """How far the margin can be moved within eps: over all sets of columns the best use of the money."""
    best = 0.0
    for count in range(1, (columns or 5) + 1):
        for chosen in combinations(range(5), count):
            left, gain = (money or np.inf) - PER_CHANGE[list(chosen)].sum(), 0.0
            if left < 0:
                continue
            for j in sorted(chosen, key=lambda j: float(-abs(WEIGHT[j]) / np.maximum(PER_UNIT[j], 1e-12))):
                step = min(EPS, left / PER_UNIT[j]) if PER_UNIT[j] else EPS
                gain, left = gain + step * abs(WEIGHT[j]), left - step * PER_UNIT[j]
            best = max(best, gain)
    return best


def outcome_of(check: Evasion, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Any, CheckResult]:
    target, data = plane()
    seen: list[tuple[Dataset, Any]] = []
    inner = type(check).find_adversarial

    def find(own: Any, target: Any, sample: Dataset, *rest: Any) -> Any:
        seen.append((sample, inner(own, target, sample, *rest)))
        return seen[-1][1]

    monkeypatch.setattr(type(check), "find_adversarial", find)
    result = check(target, data).result
    return (*seen[0], result)


ASKED = [(check, 2, 4.0) for check in CHECKS] + [(check, *limits) for check in (CHECKS[0], CHECKS[-1]) for limits in ((2, 0.0), (0, 4.0))]


@pytest.mark.parametrize(("check", "columns", "money"), ASKED, ids=lambda part: getattr(part, "id", f"{part}"))
def test_no_attack_spends_more_and_on_a_plane_nearly_all_is_found(
    check: Evasion, columns: int, money: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = check.model_copy(update={"eps": EPS, "curve": False, "rows": 40, "max_changes": columns, "max_cost": money})
    sample, outcome, result = outcome_of(check, monkeypatch)
    cost = spent(sample.schema, sample.x, outcome.x)
    assert (cost.columns <= (columns or 5)).all()
    assert (cost.money <= (money or np.inf) + 1e-5).all()
    exact = np.abs((sample.x - 0.5) @ WEIGHT) < most(columns, money) - 1e-6
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= EPS)
    assert not (fooled & ~exact & (np.abs((sample.x - 0.5) @ WEIGHT) > most(columns, money) + 1e-4)).any()
    least = {Square: 0.6, HopSkipJump: 0.1, Minimum: 0.5, FGSM: 0.6, Strong: 0.85, PGD: 0.85}.get(type(check), 0.93)
    assert 5 < exact.sum() < 35
    assert fooled.sum() >= least * exact.sum()
    line = next(row for table in result.tables for row in table.rows if "no more than is allowed" in str(row[0]))
    assert line[1] == "holds"
    assert "columns" in result.metrics[0].label or "money" in result.metrics[0].label


def test_what_it_cost_is_measured_and_the_curve_runs_over_money(monkeypatch: pytest.MonkeyPatch) -> None:
    check = Tabular(query_budget=40, eps=EPS, max_cost=6.0, rows=40, gradients=False)
    sample, outcome, result = outcome_of(check, monkeypatch)
    money = result.metric("median_cost")
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= EPS)
    assert money.value == pytest.approx(np.median(spent(sample.schema, sample.x, outcome.x).money[fooled]))
    assert 0 < float(money.low or 0) <= float(money.value or 0) <= float(money.high or 9) <= 6.0 + 1e-5
    (chart,) = (c for c in result.charts if c.name == "money_curve")
    x, y = chart.series[0].x, chart.series[0].y
    assert x == (0.0, 1.5, 3.0, 4.5, 6.0)
    margin = np.abs((sample.x - 0.5) @ WEIGHT)
    for at, share in zip(x[1:], y[1:], strict=True):
        exact = float((margin >= most(0, at)).mean())
        assert exact - 1e-9 <= float(share or 0) <= exact + 0.05
    assert y[-1] == pytest.approx(result.metrics[0].value)


# to the exact share from above: what stands although the money would turn it, at most, of all rows
SHORT: list[tuple[Evasion, float]] = [
    (Strong(effort=0.02), 0.026),
    (HopSkipJump(query_budget=300), 0.1),
    (Minimum(norm="linf", steps=20), 0.051),
]


@pytest.mark.parametrize(("check", "short"), SHORT, ids=lambda part: getattr(part, "id", ""))
def test_the_curve_over_money_stands_above_the_exact_one_in_every_attack(
    check: Evasion, short: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = check.model_copy(update={"eps": EPS, "max_cost": 6.0, "rows": 40})
    sample, outcome, result = outcome_of(check, monkeypatch)
    (chart,) = (c for c in result.charts if c.name == "money_curve")
    x, y = chart.series[0].x, [float(share or 0) for share in chart.series[0].y]
    margin = np.abs((sample.x - 0.5) @ WEIGHT)
    assert x == (0.0, 1.5, 3.0, 4.5, 6.0)
    assert y == sorted(y, reverse=True)
    assert y[0] == float((outcome.fooled_at >= 0).mean())
    for at, share in zip(x[1:], y[1:], strict=True):
        exact = float((margin >= most(0, at)).mean())
        assert exact - 1e-9 <= share <= exact + short
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= EPS)
    assert y[-1] == pytest.approx(1 - float(fooled.mean()))
    assert min(y[1:4]) < y[0]


GROUPS = (
    Feature(name="a", kind="categorical", categories=tuple("xyz"), cost_per_change=2.0),
    Feature(name="n", kind="integer", low=0, high=20, cost_per_unit=0.5),
    Feature(name="b", kind="onehot", columns=("b1", "b2"), cost_per_change=3.0),
    Feature(name="e", kind="continuous", low=-1, high=1, missing=True, optional=True, cost_per_change=1.0, cost_per_unit=4.0),
    Feature(name="d", kind="continuous", low=-50, high=50),
)
MIXED = Schema(features=GROUPS, label="y", classes=("no", "yes"), relations=("d := n + e within 0.001",))


def mixed(rng: np.random.Generator, n: int) -> np.ndarray:
    b = np.eye(2)[rng.integers(0, 2, n)]
    number, e = rng.integers(0, 21, n).astype(float), np.where(rng.random(n) < 0.2, np.nan, rng.uniform(-1, 1, n))
    return np.column_stack([rng.integers(0, 3, n), number, b, e, np.nan_to_num(number + e)])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), columns=st.integers(0, 4), money=st.sampled_from([0.0, 1.0, 3.5, 8.0]))
def test_repair_keeps_the_limits_whatever_is_tried(seed: int, columns: int, money: float) -> None:
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.repairing import repaired
    from tiltyard.attacks.spending import limited

    rng = np.random.default_rng(seed)
    allowed = Allowed(columns, money)
    space = limited(PerturbationSpace.of(MIXED, torch.float64).counting("linf", 3), MIXED, allowed.limits(MIXED))
    was, other = (torch.from_numpy(encoding_of(MIXED).encode(mixed(rng, 12), np.float64, holding=True)) for _ in range(2))
    keep = was.isnan() & ~other.isnan()  # what is empty stays so
    other[keep] = torch.nan
    assert space.repair is not None
    found = repaired(space.repair, space, was, other, 1.0, 3)
    x, y = encoding_of(MIXED).decode(was.numpy()), encoding_of(MIXED).decode(found.numpy())
    cost = spent(MIXED, x, y)
    assert (cost.columns <= (columns or 9)).all()
    assert (cost.money <= (money or np.inf) + 1e-5).all()
    assert not MIXED.related.broken(y).any()
    if allowed.any:
        limits = attack_limits.Limits.of(MIXED, columns or np.inf, money or np.inf)
        assert torch.allclose(limits.cost(was, found), torch.from_numpy(cost.money))
        assert (limits.changed(was, found).sum(1).numpy() == cost.columns).all()


def test_what_categories_cost_is_taken_off_what_numbers_may() -> None:
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.spending import limited

    space = limited(PerturbationSpace.of(MIXED, torch.float64), MIXED, Allowed(3, 6.0).limits(MIXED))
    x = torch.from_numpy(encoding_of(MIXED).encode(np.array([[0, 5, 1, 0, 0.5, 5.5]] * 3), np.float64, holding=True))
    other = x.clone()
    other[1, :3] = torch.tensor([0.0, 1.0, 0.0])
    other[2, :3], other[2, 4:6] = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0])
    left = {tuple(rows.tolist()): part.repair.limits for rows, part in spending.spent(space, x, other) if part.repair}
    assert {rows: (one.max_changes, one.max_cost) for rows, one in left.items() if one} == {(0,): (3, 6), (1,): (2, 4), (2,): (1, 1)}


def test_wrong_limits_are_refused_in_one_line() -> None:
    free = Schema(features=(Feature(name="a", kind="continuous"),), label="y", classes=("no", "yes"))
    with pytest.raises(Problem, match="costs of columns"):
        Allowed(0, 5.0).limits(free)
    with pytest.raises(ValidationError, match="cost per change"):
        Feature(name="a", kind="categorical", categories=("x", "y"), cost_per_unit=1.0)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Feature(name="a", kind="continuous", cost_per_unit=-1.0)
    assert "cost" not in Feature(name="a", kind="integer").model_dump_json()
    assert Correction(cost_per_unit=2.0).cost_per_unit == 2.0
