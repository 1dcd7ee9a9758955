"""Epsilon against Opacus called by hand, and the ties of a budget."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tiltyard.errors import Cancelled, Problem
from tiltyard.privacy_accounting import accountants as accounting
from tiltyard.privacy_accounting.accountants import default_delta, epsilon, noise_for
from tiltyard.privacy_accounting.budget import Budget, curve
from tiltyard.privacy_accounting.pld import FINE, pld_epsilon
from tiltyard.privacy_accounting.rdp import constant, rdp
from tiltyard.progress import Progress

SETTINGS = [(1.0, 0.01, 1000, 1e-5), (0.6, 256 / 26049, 1018, 1e-5), (2.0, 0.05, 200, 1e-4), (0.8, 0.3, 50, 1e-3)]


@pytest.mark.parametrize("setting", SETTINGS)
def test_rdp_is_never_above_opacus_and_beats_it_where_its_orders_end(setting: tuple[float, float, int, float]) -> None:
    from opacus.accountants import RDPAccountant

    noise, rate, steps, delta = setting
    by_hand = RDPAccountant()
    by_hand.history = [(noise, rate, steps)]
    assert epsilon(*setting, accountant="rdp").epsilon <= by_hand.get_epsilon(delta) * (1 + 1e-9)


@pytest.mark.filterwarnings("ignore:Optimal order")
def test_a_small_epsilon_has_its_best_order_past_63() -> None:
    from opacus.accountants import RDPAccountant

    by_hand = RDPAccountant()
    by_hand.history = [(100.0, 0.01, 100)]
    assert epsilon(100.0, 0.01, 100, 1e-5, "rdp").epsilon < by_hand.get_epsilon(1e-5) / 5


@pytest.mark.parametrize("setting", SETTINGS)
def test_prv_agrees_with_opacus_and_the_tightest_is_below_it(setting: tuple[float, float, int, float]) -> None:
    from opacus.accountants import PRVAccountant

    noise, rate, steps, delta = setting
    by_hand = PRVAccountant()
    by_hand.history = [(noise, rate, steps)]
    found = epsilon(*setting, accountant="prv")
    assert found.accountant == "prv"
    upper = by_hand.get_epsilon(delta, eps_error=0.01)
    assert found.epsilon == pytest.approx(upper, abs=0.02)
    tightest = epsilon(*setting)
    assert tightest.accountant == "pld"
    assert upper - 0.02 < tightest.epsilon < upper < epsilon(*setting, accountant="rdp").epsilon


@pytest.mark.parametrize("accountant", ["rdp", "tightest"])
@pytest.mark.parametrize("target", [0.01, 0.3, 1.0, 4.0, 12.0])
def test_noise_reaches_the_target_from_below(target: float, accountant: accounting.Accountant) -> None:
    found = noise_for(target, 0.01, 500, 1e-5, accountant)
    assert (1 - 3e-4) * target <= found.epsilon <= target
    assert epsilon(found.noise_multiplier, 0.01, 500, 1e-5, accountant).epsilon == found.epsilon


def test_the_tightest_needs_less_noise() -> None:
    assert noise_for(1.0, 0.01, 500, 1e-5).noise_multiplier < noise_for(1.0, 0.01, 500, 1e-5, "rdp").noise_multiplier


def test_where_prv_fails_rdp_answers_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from opacus.accountants import PRVAccountant

    def broken(self: object, delta: float, eps_error: float) -> float:
        raise RuntimeError("Discrete mean differs significantly from continuous mean.")

    monkeypatch.setattr(PRVAccountant, "get_epsilon", broken)
    found = epsilon(1.2345, 0.01, 300, 1e-5, "prv")
    assert found.accountant == "rdp"
    assert "Discrete mean" in found.note
    assert found.epsilon == epsilon(1.2345, 0.01, 300, 1e-5, "rdp").epsilon


def test_a_prv_that_is_looser_than_rdp_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = epsilon(1.3, 0.01, 300, 1e-5, "rdp").epsilon
    monkeypatch.setattr(accounting, "prv", lambda *_: bound * (1 + 1e-6))
    found = epsilon(1.3, 0.01, 300, 1e-5, "prv")
    assert (found.accountant, found.epsilon) == ("rdp", bound)


def test_prv_too_large_for_memory_falls_back() -> None:
    found = epsilon(0.06, 0.5, 100_000, 1e-5, "prv")
    assert found.accountant == "rdp"
    assert "mesh points" in found.note


@pytest.mark.parametrize("accountant", ["tightest", "rdp", "prv"])
def test_whole_batches_are_accounted_for_exactly(accountant: accounting.Accountant) -> None:
    """One step of noise 1 at delta 1e-5 costs 4.377 (Balle and Wang 2018, figure 1 of their analytic mechanism)."""
    found = epsilon(1.0, 1.0, 1, 1e-5, accountant)
    assert (found.accountant, round(found.epsilon, 3)) == ("gaussian", 4.377)
    assert epsilon(5.0, 1.0, 25, 1e-5, accountant).epsilon == pytest.approx(found.epsilon, rel=1e-9)


@given(noise=st.floats(0.5, 8), rate=st.floats(0.001, 0.2), steps=st.integers(1, 3000))
@settings(max_examples=8, deadline=None)
def test_more_steps_cost_more(noise: float, rate: float, steps: int) -> None:
    few, many = epsilon(noise, rate, steps, 1e-5).epsilon, epsilon(noise, rate, 2 * steps, 1e-5).epsilon
    assert 0 <= few <= many


@example(noise=15.0, rate=0.265625, steps=521, delta=1e-5)
@example(noise=0.3, rate=0.02, steps=200, delta=1e-5)  # the best order is below 2, where the series is long
@given(noise=st.floats(0.3, 30), rate=st.floats(1e-4, 0.9), steps=st.integers(1, 20_000), delta=st.sampled_from([1e-3, 1e-5, 1e-7]))
@settings(max_examples=20, deadline=None)
def test_rdp_is_the_least_of_all_of_opacus_orders(noise: float, rate: float, steps: int, delta: float) -> None:
    from opacus.accountants import RDPAccountant
    from opacus.accountants.analysis.rdp import compute_rdp

    orders = np.concatenate([[1.01, 1.03], RDPAccountant.DEFAULT_ALPHAS, [64, 256, 1024]])
    spent = compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=orders.tolist())
    least = np.min(spent - (np.log(delta) + np.log(orders)) / (orders - 1) + np.log((orders - 1) / orders))
    found = rdp(noise, rate, steps, delta)
    assert found.epsilon <= max(least, 0.0) * (1 + 1e-8) + 1e-9
    own = compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=[found.order])[0] + constant(np.array([found.order]), delta)[0]
    assert found.epsilon == pytest.approx(max(own, 0.0), rel=1e-8, abs=1e-9)


def test_a_budget_moves_together() -> None:
    budget = Budget.of(26_049, 256, 5, epsilon=4.0)
    assert budget.delta == 1e-5
    assert budget.steps == math.ceil(5 * 26_049 / 256)
    longer = budget.with_epochs(10)
    assert longer.noise_multiplier > budget.noise_multiplier
    assert longer.epsilon == pytest.approx(4.0, rel=3e-4)
    assert longer.with_epochs(5).noise_multiplier == pytest.approx(budget.noise_multiplier, rel=1e-3)
    dearer = budget.with_epochs(10, hold="noise")
    assert dearer.noise_multiplier == budget.noise_multiplier
    assert dearer.epsilon > budget.epsilon
    bigger = budget.with_batch_size(512)
    assert bigger.noise_multiplier > budget.noise_multiplier
    assert "noise follows" in bigger.held
    assert budget.with_noise(2.0).epsilon < budget.epsilon
    assert budget.with_epsilon(1.0).noise_multiplier > budget.noise_multiplier
    assert budget.by == "pld"
    looser = budget.with_accountant("rdp", hold="noise")
    assert (looser.accountant, looser.by, looser.noise_multiplier) == ("rdp", "rdp", budget.noise_multiplier)
    assert looser.epsilon > budget.epsilon
    assert budget.with_delta(1e-6).noise_multiplier > budget.noise_multiplier


@pytest.mark.parametrize(("n", "delta"), [(1_000_000, 1e-7), (32_561, 1e-5), (1000, 1e-5), (6, 1e-5), (1, 1e-5)])
def test_delta_is_below_one_in_n(n: int, delta: float) -> None:
    assert default_delta(n) == pytest.approx(delta)
    assert default_delta(n) < n**-1.1


def test_curves_pass_through_the_budget() -> None:
    budget = Budget.of(10_000, 100, 10, noise_multiplier=1.0)
    over_epochs = curve(budget, "epochs", x=(1.0, 10.0, 20.0))
    assert over_epochs.epsilon[1] == budget.epsilon
    assert list(over_epochs.epsilon) == sorted(over_epochs.epsilon)
    over_noise = curve(budget, "noise_multiplier", x=(1.0, 2.0))
    assert over_noise.epsilon[0] == budget.epsilon > over_noise.epsilon[1]
    over_batch = curve(budget, "batch_size", points=5)
    assert over_batch.x[-1] == 400
    rough = curve(budget, "epochs", x=(9.0, 11.0)).epsilon
    assert rough[0] < budget.epsilon < rough[1]


def test_a_curve_can_be_cancelled() -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        curve(Budget.of(1000, 100, 5, noise_multiplier=1.0), progress=progress)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda: noise_for(0.0, 0.01, 100, 1e-5), "found 0"),
        (lambda: noise_for(-1.0, 0.01, 100, 1e-5), "found −1"),
        (lambda: noise_for(float("nan"), 0.01, 100, 1e-5), "found not a number"),
        (lambda: noise_for(1e-9, 0.5, 100, 1e-12), "found 1e-09"),
        (lambda: Budget.of(6, 2, 1, epsilon=1.0), "found 6"),
        (lambda: Budget.of(100, 10, 1, delta=0.1, epsilon=1.0), "found 0.1"),
        (lambda: epsilon(0.0, 0.01, 100, 1e-5), "found 0"),
        (lambda: epsilon(1.0, 1.5, 100, 1e-5), "found 1.5"),
        (lambda: epsilon(1.0, 0.1, 0, 1e-5), "found 0"),
        (lambda: epsilon(1.0, 0.1, 10, 1.0), "found 1"),
        (lambda: Budget.of(100, 10, 0, epsilon=1.0), "and 0"),
        (lambda: Budget.of(100, 10, 1), "neither"),
        (lambda: Budget.of(100, 10, 1, epsilon=1.0, noise_multiplier=1.0), "both"),
        (lambda: Budget.of(100, 10, 1, epsilon=0.0), "found 0"),
    ],
)
def test_bad_input_is_one_line(call: object, found: str) -> None:
    with pytest.raises(Problem, match=found) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_delta_of_one_in_n_warns() -> None:
    assert "not below 1 / 1,000 rows" in Budget.of(1000, 100, 5, delta=1e-3, epsilon=1.0).warning
    assert not Budget.of(1000, 100, 5, delta=9e-4, epsilon=1.0).warning


@pytest.mark.parametrize("target", [0.05, 0.6, 3.0, 20.0])
def test_the_search_over_ever_finer_grids_ends_at_the_final_number(monkeypatch: pytest.MonkeyPatch, target: float) -> None:
    """It asks the fine grid three times at most, and ends where the slow search by brackets does."""
    setting = (target, 5e-4, 20_000, 1e-7)
    asked: list[float] = []

    def counted(noise: float, rate: float, steps: int, delta: float, points: float) -> float:
        asked.append(points)
        return pld_epsilon(noise, rate, steps, delta, points)

    monkeypatch.setattr(accounting, "pld_epsilon", counted)
    accounting._spent.cache_clear()
    quick = noise_for(*setting)
    assert asked == [FINE] * len(asked) and len(asked) <= 3
    monkeypatch.setattr(accounting._Search, "_near", lambda _: None)
    slow = noise_for(*setting)
    assert quick.noise_multiplier == pytest.approx(slow.noise_multiplier, rel=4e-4)
    assert (1 - 2.1e-4) * target <= quick.epsilon <= target
    assert quick.epsilon == epsilon(quick.noise_multiplier, *setting[1:]).epsilon
