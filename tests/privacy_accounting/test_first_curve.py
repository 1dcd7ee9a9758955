"""The curve that a slider shows at once is true: never below the tightest bound, and near it."""

import pytest

from tiltyard.privacy_accounting.budget import Budget, Over, curve, first_curve
from tiltyard.privacy_accounting.rdp import rdp, rdp_at_once


@pytest.mark.parametrize("over", ["epochs", "noise_multiplier", "batch_size"])
@pytest.mark.parametrize(("rows", "noise"), [(2000, 0.7), (32_561, 1.1)])
def test_no_point_is_below_the_tightest_bound(over: Over, rows: int, noise: float) -> None:
    budget = Budget.of(rows, 256, 4, noise_multiplier=noise)
    first, finer = first_curve(budget, over, points=6), curve(budget, over, points=6)
    assert first.first and not finer.first and first.x == finer.x
    assert all(tight <= at_once * (1 + 1e-9) for tight, at_once in zip(finer.epsilon, first.epsilon, strict=True))
    assert all(at_once <= 5 * tight for tight, at_once in zip(finer.epsilon, first.epsilon, strict=True))


def test_whole_orders_alone_are_no_tighter_than_all() -> None:
    for noise, rate, steps in ((0.5, 0.2, 50), (1.0, 0.01, 1000), (4.0, 0.001, 100), (0.8, 1.0, 3)):
        assert rdp(noise, rate, steps, 1e-5).epsilon <= rdp_at_once(noise, rate, steps, 1e-5)
