"""The audit against the published procedure, randomized response of known epsilon, a memorizer, and DP-SGD itself."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy.audit_epsilon import AuditEpsilon, Drawn, guess, one_run_bound, one_run_p, rates_bound
from tiltyard.privacy.dp_sgd import DPSGD
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
    found = guess(Drawn(member.astype(float), member, "", proof=False), 1e-5, 0.95, 0.2)
    assert found.guesses[found.best] == 40
    assert found.right[found.best] == 40


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
    fair = AuditEpsilon(share=0.5, claimed=4.0)(Forgetful(data.seen.x, 0.5), data).result
    assert fair.status is Status.PASSED
    assert "not contradicted" in fair.summary


def test_a_claim_that_no_guess_could_refute_is_no_pass() -> None:
    data = ones()
    for step, rows in ((AuditEpsilon(share=0.5, claimed=20.0), data), (AuditEpsilon(), data.take(np.arange(60)))):
        result = step(Forgetful(data.seen.x, 0.5), rows).result
        assert result.status is Status.INCOMPLETE
        assert "guesses been right, it would have shown" in result.summary


def separable(n: int = 900) -> Dataset:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    x = (rng.normal(size=(n, 4)) + 1.5 * (2 * y[:, None] - 1)).clip(-9, 9)
    return Dataset(x, y, SCHEMA, member=np.arange(n) < n // 2)


def test_private_training_is_not_contradicted() -> None:
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget

    data = separable()
    module = build(mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4))
    made = DPSGD(epsilon=1.0, epochs=2, batch_size=64)(TorchTarget(module, SCHEMA.classes, SCHEMA), data).target
    assert made is not None
    for step in (AuditEpsilon(), AuditEpsilon(canaries=200)):
        result = step(made, data).result
        assert result.status is Status.PASSED, result.summary
        assert result.metric("epsilon_claimed").value == pytest.approx(1.0, rel=0.02)
        assert (result.metric("epsilon_lower").value or 0) <= 1.0
    assert "fair coin" in result.notes[0]
    assert AuditEpsilon(canaries=50).estimate(made, data).seconds is not None


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
    refused = AuditEpsilon(canaries=300)(target, data).result
    assert refused.status is Status.NOT_APPLICABLE
    target.offers = target.offers | {"training"}
    result = AuditEpsilon(canaries=300, share=0.5)(target, data).result
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
    assert "no epsilon is claimed" in result.summary
    progress = Progress()
    progress.cancel()
    assert AuditEpsilon()(plain, data, progress).result.status is Status.CANCELLED
