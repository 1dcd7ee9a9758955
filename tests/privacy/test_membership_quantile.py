"""Membership by quantile regression: a target whose best attack is known, a coin, and rows beside those attacked."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.privacy._quantiles import Quantiles, across, fitted
from tiltyard.privacy.membership_quantile import MembershipQuantile
from tiltyard.privacy.membership_threshold import MembershipThreshold
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.targets.target import Target

SCHEMA = Schema(
    features=tuple(Feature(name=name, kind="continuous", low=0, high=1) for name in ("hard", "chance")), label="y", classes=("no", "yes")
)


class Noisy(Target):
    """Log odds of the true class: 8 times how hard a row is, a normal draw of its own, and ``lift`` more on rows it was trained on."""

    def __init__(self, known: NDArray[np.float64], lift: float) -> None:
        super().__init__("noisy", SCHEMA.classes, SCHEMA, frozenset({"labels", "scores"}), f"noisy {len(known)} {lift}")
        self.known, self.lift = set(known[:, 1].tolist()), lift

    def _scores(self, x: Any) -> NDArray[np.float64]:
        seen = np.array([v in self.known for v in x[:, 1].tolist()])
        odds = 8 * x[:, 0] - 1 + norm.ppf(x[:, 1] * 1e6 % 1 * 0.998 + 0.001) + self.lift * seen
        yes = 1 / (1 + np.exp(-odds))
        return np.stack([1 - yes, yes], 1)


def rows(n: int, members: int) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(rng.uniform(size=(n, 2)), np.ones(n, np.int64), SCHEMA, member=np.arange(n) < members)


def test_it_comes_near_the_best_attack_where_rows_differ() -> None:
    """Who knows how hard a row is tells N(lift, 1) from N(0, 1), an AUC of Phi(lift / sqrt 2); a threshold cannot."""
    data = rows(3000, 1000)
    target = Noisy(data.seen.x, 2.0)
    best = float(norm.cdf(2.0 / np.sqrt(2)))
    record = MembershipQuantile(rows=1000)(target, data)
    found, plain = record.result, MembershipThreshold(rows=1000)(target, data).result
    assert found.status is Status.FINDING
    assert best - 0.05 < (found.metric("auc").value or 0) < best + 0.02
    assert (plain.metric("auc").value or 1) < best - 0.2
    called = [found.metric(f"called_{side}").value or 0 for side in ("members", "others")]
    assert called[0] > 0.5 and abs(called[1] - 0.1) < 0.05
    assert record.queries == 3000 == MembershipQuantile(rows=1000).estimate(target, data).queries
    assert CheckResult.model_validate_json(found.model_dump_json()) == found


def test_a_coin_is_a_coin() -> None:
    data = rows(1600, 800)
    result = MembershipQuantile(accepted_tpr=0.05)(Noisy(data.seen.x, 0.0), data).result
    area = result.metric("auc")
    assert (area.low or 1) <= 0.5 <= (area.high or 0)
    assert result.status is not Status.FINDING
    assert abs((result.metric("called_members").value or 0) - (result.metric("called_others").value or 0)) < 0.06


def test_a_quantile_is_the_one_of_the_row() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(4000, 1))
    observed = 5 * x[:, 0] + (1 + x[:, 0]) * rng.normal(size=4000)
    for share in (0.5, 0.9):
        truth = 5 * x[:, 0] + (1 + x[:, 0]) * norm.ppf(share)
        assert float(np.mean(np.abs(fitted(x, observed, share, 0)(x) - truth))) < 0.25
    beyond = Quantiles(np.zeros(3), np.array([1.0, 2.0, -1.0])).beyond(np.array([1.0, 1.0, 1.0]))
    assert beyond[:2].tolist() == [1.0, 0.5]
    assert np.isfinite(beyond).all()


def test_no_row_is_judged_by_quantiles_that_saw_it() -> None:
    """One row not trained on with an absurd score: were it fitted on, its own quantile would follow it."""
    rng = np.random.default_rng(1)
    x, observed = rng.uniform(size=(400, 1)), rng.normal(size=400)
    member = np.arange(400) < 200
    observed[399], x[399] = 1e6, 2.0
    scores = across(x, observed, member, 0.9, 0, Progress())
    assert scores[399] == scores.max() > 1e4
    alone = across(x, observed, member, 0.9, 0, Progress(), attacked=300)
    assert alone.shape == (300,)


def test_too_few_rows_are_one_line() -> None:
    with pytest.raises(Problem, match="at least 20 rows that were not trained on"):
        across(np.zeros((50, 1)), np.zeros(50), np.arange(50) < 31, 0.9, 0, Progress())
