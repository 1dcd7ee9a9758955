"""The audit against the published procedure, randomized response of known epsilon, a memorizer, and DP-SGD itself."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.privacy._epsilon_bounds import (
    epsilon_of_mu,
    gaussian_delta,
    gaussian_refuted,
    independent_bound,
    mu_of_epsilon,
    one_run_bound,
    one_run_p,
    rates_bound,
)
from tiltyard.privacy.audit_epsilon import AuditEpsilon
from tiltyard.privacy.audit_report import NOTHING_SHOWN, Audited, Bounds, Group, from_canary_scores, guessed, pooled
from tiltyard.privacy_accounting.budget import Budget
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Severity, Status
from tiltyard.targets.target import Target

SCHEMA = Schema(
    features=tuple(Feature(name=f"x{i}", kind="continuous", low=-9, high=9) for i in range(4)), label="y", classes=("no", "yes")
)


def published(m: int, r: int, v: int, eps: float, delta: float) -> float:
    """The p-value of Steinke et al. 2023, appendix D, as printed there."""
    from scipy.stats import binom

    q = 1 / (1 + math.exp(-eps))
    beta = binom.sf(v - 1, r, q)
    alpha, total = 0.0, 0.0
    for i in range(1, v + 1):
        total += binom.pmf(v - i, r, q)
        alpha = max(alpha, total / i)
    return float(min(beta + alpha * delta * 2 * m, 1.0))


@pytest.mark.parametrize(
    ("m", "r", "v", "eps", "delta"), [(100, 50, 40, 0.5, 1e-3), (1000, 100, 99, 3.0, 1e-5), (10, 10, 0, 1.0, 1e-2), (60, 60, 60, 2.0, 0.0)]
)
def test_p_equals_the_published_procedure(m: int, r: int, v: int, eps: float, delta: float) -> None:
    assert one_run_p(m, r, v, eps, delta) == pytest.approx(published(m, r, v, eps, delta))


def test_all_right_has_a_closed_form() -> None:
    """100 of 100 right: q^100 = 0.05, epsilon = log(q / (1 - q)) = 3.49."""
    q = 0.05**0.01
    assert one_run_bound(100, 100, 100, 0.0, 0.95) == pytest.approx(math.log(q / (1 - q)), abs=1e-6)
    assert one_run_bound(100, 100, 50, 0.0, 0.95) == 0.0
    assert one_run_bound(100, 100, 100, 1e-3, 0.95) < one_run_bound(100, 100, 100, 0.0, 0.95)


def test_the_bound_holds_for_randomized_response() -> None:
    """Answers flipped with chance 1 / (1 + e) are exactly 1-private: at 95 % the bound passes 1 in at most 5 % of runs (10 of 100 here)."""
    rng = np.random.default_rng(0)
    above = {"run": 0, "rates": 0}
    for _ in range(100):
        member = rng.random(600) < 0.5
        told = member ^ (rng.random(600) < 1 / (1 + math.e))
        right = int((told == member).sum())
        above["run"] += one_run_bound(600, 600, right, 0.0, 0.95) > 1
        counts = (int((told & member).sum()), int(member.sum()), int((told & ~member).sum()), int((~member).sum()))
        above["rates"] += rates_bound(*counts, 0.0, 0.95) > 1
    assert above["run"] <= 10
    assert above["rates"] <= 10


def test_more_answers_bring_the_bound_near_the_truth() -> None:
    rng = np.random.default_rng(1)
    member = rng.random(20_000) < 0.5
    right = int((rng.random(20_000) > 1 / (1 + math.exp(2))).sum())
    assert 1.85 < one_run_bound(20_000, len(member), right, 0.0, 0.95) < 2.0


def test_guesses_are_fixed_beforehand() -> None:
    member = np.arange(200) < 100
    found = guessed(Group("rows", member.astype(float), member), 0.2)
    assert (found.guesses, found.right) == (40, 40)


def test_a_gaussian_curve_has_its_known_delta() -> None:
    """Balle and Wang 2018: one release of sensitivity 1 and noise 1 is (1, 0.1269)-private; the two ways round agree."""
    assert gaussian_delta(1.0, 1.0) == pytest.approx(0.12693674, abs=1e-7)
    for mu in (0.3, 1.0, 3.0):
        assert mu_of_epsilon(epsilon_of_mu(mu, 1e-5), 1e-5) == pytest.approx(mu, abs=1e-4)


def recursion(m: int, c_cap: int, c: int, mu: float, tau: float) -> bool:
    """Algorithms 3 and 4 of Mahloujifar et al. 2025 with all their steps."""
    from scipy.stats import norm

    h, r = [0.0] * (c + 1), [0.0] * (c + 1)
    r[c], h[c] = tau * c / m, tau * (c_cap - c) / m
    for i in range(c - 1, -1, -1):
        h[i] = max(h[i + 1], float(norm.cdf(norm.ppf(min(r[i + 1], 1.0)) - mu)))
        r[i] = r[i + 1] + i / (c_cap - i) * (h[i] - h[i + 1])
    return r[0] + h[0] > c_cap / m


@pytest.mark.parametrize(("m", "guesses", "right"), [(200, 200, 130), (500, 250, 250), (500, 100, 90), (100, 100, 50), (100, 40, 0)])
def test_the_curve_equals_the_published_recursion(m: int, guesses: int, right: int) -> None:
    for mu in (0.05, 0.3, 0.8, 1.5, 3.0):
        assert gaussian_refuted(m, guesses, right, mu, 0.95) == recursion(m, guesses, right, mu, 0.05)


def test_bounds_hold_for_gaussian_noise_and_come_near_it() -> None:
    """Canaries in noise of standard deviation 1, moved by 1 where they are in: mu is 1, and no bound passes it in over 5 % of runs."""
    rng = np.random.default_rng(0)
    above, apart = {"curve": 0, "apart": 0}, []
    for i in range(100):
        member = rng.random(600) < 0.5
        found = guessed(Group("canaries", rng.normal(size=600) + member, member), 1.0)
        apart.append(independent_bound(600, found.right, 0.95))
        above["apart"] += apart[-1] > 1
        above["curve"] += i < 20 and gaussian_refuted(600, 600, found.right, 1.0, 0.95)
    assert above["apart"] <= 10
    assert above["curve"] == 0
    assert np.mean(apart) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "rate", "steps", "delta"), [(0.73, 0.064, 79, 1e-5), (2.43, 0.064, 79, 1e-5), (1.0, 0.01, 1000, 1e-5)])
def test_the_curve_through_the_claim_is_no_stricter_than_the_training(noise: float, rate: float, steps: int, delta: float) -> None:
    """Guesses rest on the middle of the trade-off curve: there DP-SGD must give away no more than the Gaussian through its epsilon, delta."""
    from tiltyard.privacy_accounting.accountants import epsilon

    mu = mu_of_epsilon(epsilon(noise, rate, steps, delta, "prv").epsilon, delta)
    for larger in (1e-3, 1e-2, 0.05):
        assert epsilon(noise, rate, steps, larger, "prv").epsilon <= epsilon_of_mu(mu, larger) + 0.02


class Known(Target):
    """Sure of the rows it was trained on, and claims an epsilon."""

    def __init__(self, x: NDArray[np.float64], epsilon: float) -> None:
        super().__init__("known", SCHEMA.classes, SCHEMA, frozenset({"labels", "scores"}), f"known {len(x)}")
        self.known = {row.tobytes() for row in x}
        self.budget = Budget.of(1000, 100, 5, epsilon=epsilon)

    def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        yes = np.array(
            [0.999 if row.tobytes() in self.known else np.random.default_rng(list(row.tobytes())).uniform(0.2, 0.8) for row in x]
        )
        return np.stack([1 - yes, yes], 1)


class Forgetful(Known):
    """Knows no row."""

    def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        yes = np.random.default_rng(len(x)).uniform(0.2, 0.8, len(x))
        return np.stack([1 - yes, yes], 1)


def ones(n: int = 800) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).clip(-9, 9)
    return Dataset(x, np.ones(n, np.int64), SCHEMA, member=np.arange(n) % 2 == 0)


def test_a_false_claim_is_refuted() -> None:
    data = ones()
    result = AuditEpsilon(share=0.5)(Known(data.seen.x, 0.5), data).result
    assert result.status is Status.FINDING
    assert result.findings[0].severity is Severity.CRITICAL
    assert (result.metric("epsilon_lower").value or 0) > 3
    assert result.metric("epsilon_claimed").value == pytest.approx(0.5, rel=1e-3)
    assert CheckResult.model_validate_json(result.model_dump_json()) == result
    fair = AuditEpsilon(share=0.5, claimed=1.0)(Forgetful(data.seen.x, 0.5), data).result
    assert fair.status is Status.INCOMPLETE
    assert "not contradicted" in fair.summary
    assert NOTHING_SHOWN in fair.summary


def test_a_claim_that_no_guess_could_refute_is_no_pass() -> None:
    data = ones()
    for step, rows in ((AuditEpsilon(share=0.5, claimed=20.0), data), (AuditEpsilon(), data.take(np.arange(60)))):
        result = step(Forgetful(data.seen.x, 0.5), rows).result
        assert result.status is Status.INCOMPLETE
        assert "not evidence of privacy" in result.summary


def separable(n: int = 900) -> Dataset:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    x = (rng.normal(size=(n, 4)) + 1.5 * (2 * y[:, None] - 1)).clip(-9, 9)
    return Dataset(x, y, SCHEMA, member=np.arange(n) < n // 2)


def test_canaries_catch_a_memorizer_and_need_training() -> None:
    class Learner(Known):
        def retrain(self, x: NDArray[np.float64], y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
            return Wrong({row.tobytes(): int(label) for row, label in zip(x, y, strict=True)})

    class Wrong(Known):
        def __init__(self, answers: dict[bytes, int]) -> None:
            super().__init__(np.zeros((0, 4)), 1.0)
            self.answers = answers

        def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
            yes = np.array([0.5 if r.tobytes() not in self.answers else 0.01 + 0.98 * self.answers[r.tobytes()] for r in x])
            return np.stack([1 - yes, yes], 1)

    data = ones()
    target = Learner(data.seen.x, 1.0)
    refused = AuditEpsilon(canaries=300, placed="wrong_labels")(target, data).result
    assert refused.status is Status.NOT_APPLICABLE
    target.offers = target.offers | {"training"}
    result = AuditEpsilon(canaries=300, placed="wrong_labels", share=0.5)(target, data).result
    assert result.status is Status.FINDING
    assert (result.metric("epsilon_lower").value or 0) > 3
    assert result.metric("guessed_right").value == 1.0


def test_without_a_claim_it_measures_all_the_same() -> None:
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget

    data = separable()
    plain = TorchTarget(build(mlp(4, (), 2, [0.0] * 4, [1.0] * 4)), SCHEMA.classes, SCHEMA)
    result = AuditEpsilon()(plain, data).result
    assert result.metric("epsilon_claimed").value is None
    assert result.status is Status.INCOMPLETE
    assert "not evidence of privacy" in result.summary
    assert "no epsilon is claimed" in result.summary
    progress = Progress()
    progress.cancel()
    assert AuditEpsilon()(plain, data, progress).result.status is Status.CANCELLED


def test_scores_of_canaries_alone_are_enough(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    member = rng.random(400) < 0.5
    path = tmp_path / "canaries.csv"
    path.write_text("score,member\n" + "".join(f"{3 * m + e},{int(m)}\n" for m, e in zip(member, rng.normal(size=400), strict=True)))
    assert from_canary_scores(path, 1.0, 1e-5).status is Status.FINDING
    assert from_canary_scores(path, 50.0, 1e-5).status is Status.INCOMPLETE
    path.write_text("score,member\nnan,1\n")
    with pytest.raises(Problem, match="a number as score"):
        from_canary_scores(path, 1.0, 1e-5)


@pytest.mark.parametrize(("gaussian", "apart", "tests"), [(True, True, 4), (True, False, 3), (False, True, 3), (False, False, 3)])
def test_the_bounds_that_a_claim_is_held_against_share_one_chance_of_error(gaussian: bool, apart: bool, tests: int) -> None:
    """As many bounds are looked at as the 2 % is divided by; what is not paid for is not looked at."""
    group = Group("a", np.arange(40.0), np.arange(40) % 2 == 0)
    groups = pooled((group, Group("b", group.scores, group.member)))
    it = Audited(groups, "", True, apart, gaussian, (), 1.0, 1e-5, 0.98, 0.5)
    assert it.each == pytest.approx(1 - 0.02 / tests)
    names = [f"{kind} {i}" for i in range(3) for kind in ("any", "curve", "apart")]

    def held(name: str) -> float:
        bounds = [Bounds(*(float(f"{kind} {i}" == name) for kind in ("any", "curve", "apart"))) for i in range(3)]
        return max(it.chosen(bounds))

    assert sum(held(name) for name in names) == tests
