"""The privacy loss distribution against what is known in closed form, and against a sum over the losses by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.privacy_accounting import pld
from tiltyard.privacy_accounting.gaussian import gaussian_delta, gaussian_epsilon
from tiltyard.privacy_accounting.pld import COARSE, FINE, pld_epsilon
from tiltyard.privacy_accounting.rdp import rdp


@pytest.mark.parametrize(("noise", "steps", "delta"), [(1.0, 1, 1e-5), (4.0, 16, 1e-6), (40.0, 400, 1e-5), (2.0, 10, 1e-3), (9.0, 1, 1e-9)])
def test_nearly_every_row_in_every_step_is_nearly_the_closed_form(noise: float, steps: int, delta: float) -> None:
    exact = gaussian_epsilon(noise, steps, delta)
    found = pld_epsilon(noise, 1 - 1e-9, steps, delta)
    assert exact <= found * (1 + 1e-6)
    assert found == pytest.approx(exact, rel=2e-3)


def test_the_closed_form_gives_its_delta_back() -> None:
    for mu, delta in ((1.0, 1e-5), (0.2, 1e-3), (30.0, 1e-9)):
        assert gaussian_delta(gaussian_epsilon(1 / mu, 1, delta), mu) == pytest.approx(delta, rel=1e-6)


def one_step(epsilon: float, noise: float, rate: float) -> float:
    """delta of one step where a row is taken away, exactly: the region where the loss is above ``epsilon`` is a half line."""
    from scipy.stats import norm

    cut = noise**2 * math.log((math.exp(epsilon) - 1) / rate + 1) + 0.5
    with_row = (1 - rate) * norm.sf(cut / noise) + rate * norm.sf((cut - 1) / noise)
    return float(with_row - math.exp(epsilon) * norm.sf(cut / noise))


@given(noise=st.floats(0.4, 10), rate=st.floats(1e-4, 0.9), log_delta=st.floats(-9, -2))
@settings(max_examples=20, deadline=None)
def test_one_step_is_exact_and_never_below(noise: float, rate: float, log_delta: float) -> None:
    delta = 10**log_delta
    found = pld_epsilon(noise, rate, 1, delta)
    if one_step(1e-12, noise, rate) > delta:
        assert one_step(found, noise, rate) <= delta * (1 + 1e-6)
        assert one_step(found * 0.99 - 1e-9, noise, rate) > delta


@given(noise=st.floats(0.5, 20), rate=st.floats(1e-3, 0.5), steps=st.integers(1, 5000), log_delta=st.floats(-8, -3))
@settings(max_examples=10, deadline=None)
def test_it_is_below_rdp_and_a_finer_grid_only_lowers_it(noise: float, rate: float, steps: int, log_delta: float) -> None:
    fine, coarse = (pld_epsilon(noise, rate, steps, 10**log_delta, points) for points in (FINE, COARSE))
    assert fine <= coarse * (1 + 1e-3) + 1e-9
    assert fine <= rdp(noise, rate, steps, 10**log_delta).epsilon * (1 + 2e-3)


def test_two_steps_are_a_sum_of_two_losses() -> None:
    """By Monte Carlo over the exact losses: the bound holds, and is within the noise of a million draws."""
    noise, rate, steps, delta = 0.8, 0.2, 4, 1e-2
    rng = np.random.default_rng(0)
    taken = rng.random((500_000, steps)) < rate
    draws = rng.normal(size=taken.shape) * noise + taken
    loss = np.log1p(rate * np.expm1((2 * draws - 1) / (2 * noise**2))).sum(1)
    found = pld_epsilon(noise, rate, steps, delta)
    spent = np.maximum(-np.expm1(found - loss), 0)
    assert spent.mean() == pytest.approx(delta, abs=4 * spent.std() / math.sqrt(len(spent)))


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta", "low", "high"),
    [
        (1.0, 0.01, 1000, 1e-5, 1.778240, 1.8292),
        (0.6, 256 / 26049, 1018, 1e-5, 7.322884, 7.3753),
        (2.0, 0.05, 200, 1e-4, 1.293824, 1.3041),
        (0.8, 0.3, 50, 1e-3, 16.524834, 16.5310),
        (20.0, 0.01, 100, 1e-5, 0.012295, 0.012615),
        (5.0, 0.001, 1000, 1e-5, 0.012486, 0.016655),
        (0.4, 0.02, 300, 1e-5, 27.203095, 27.2200),
        (1.1, 0.004, 100_000, 1e-7, 3.144781, 8.1470),
    ],
)
def test_it_lies_between_the_optimistic_and_the_pessimistic_of_dp_accounting(
    noise: float, rate: float, steps: int, delta: float, low: float, high: float
) -> None:
    """``low`` is dp-accounting 0.6's optimistic estimate; ``high`` its pessimistic one by connected dots, and some 0.02 %."""
    assert low <= pld_epsilon(noise, rate, steps, delta) <= high


@pytest.mark.parametrize("setting", [(0.6, 0.01, 800, 1e-5), (3.0, 0.2, 30, 1e-6), (1.0, 0.5, 1, 1e-2), (20.0, 0.001, 5000, 1e-7)])
def test_the_bound_is_that_of_both_directions_on_the_fine_grid(setting: tuple[float, float, int, float]) -> None:
    """Rows added are asked on a coarse grid first: what is answered is no lower than the larger of the two to the grid's own error."""
    noise, rate, steps, delta = setting
    removed, added = (pld._bound(noise, rate, steps, delta, FINE, removed=way) for way in (True, False))
    assert pld_epsilon(*setting) == pytest.approx(max(removed, added), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 7, 1000, 60_001])
def test_powers_by_squares_are_powers(steps: int) -> None:
    rng = np.random.default_rng(0)
    base = np.exp(-rng.random(50) / steps + 1j * rng.normal(size=50) / steps)
    np.testing.assert_allclose(pld._raised(base, steps), base**steps, rtol=1e-14 * steps + 1e-15)


def test_where_a_row_is_hardly_ever_drawn_the_cells_begin_at_the_least_loss() -> None:
    window = pld._window(1.1, 1e-3, 20_000, 1e-6, FINE)
    step = pld._cells(1.1, 1e-3, window, removed=True)
    assert step.first * window.h == pytest.approx(math.log1p(-1e-3), abs=2 * window.h)
    assert step.mass.sum() + step.infinite == pytest.approx(1.0, abs=1e-9)
