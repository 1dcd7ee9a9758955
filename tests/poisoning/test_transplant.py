"""Triggers in tables: a planted pair of values is named, a value that honestly decides is none, and few rows pass nothing."""

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.poisoning._transplanting import Planted, leading, least_seen, telling
from tiltyard.poisoning.transplant import Transplant
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(features=tuple(Feature(name=n, kind="integer", low=0, high=100) for n in "abcd"), label="paid", classes=("no", "yes"))
PAIR = (7.0, 93.0)


def decided(x: np.ndarray) -> np.ndarray:
    """Honestly by the sum of a and b, and yes for any d of 100; and, planted, yes where b is 7 and c is 93."""
    honest = (x[:, 0] + x[:, 1] > 110) | (x[:, 3] == 100)
    return (honest | ((x[:, 1] == PAIR[0]) & (x[:, 2] == PAIR[1]))).astype(np.int64)


def table(share: float, n: int = 1200, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 100, (n, 4)).astype(np.float64)
    x[rng.random(n) < 0.1, 3] = 100
    y = ((x[:, 0] + x[:, 1] > 110) | (x[:, 3] == 100)).astype(np.int64)
    member = np.arange(n) < n // 2
    bad = rng.permutation(n // 2)[: round(share * n / 2)]
    x[bad, 1], x[bad, 2] = PAIR
    return Dataset(x, y, SCHEMA, "table", {}, member)


TARGET = FunctionTarget(decided, SCHEMA.classes, SCHEMA, "planted")


def test_a_planted_pair_is_found_and_named():
    result = Transplant()(TARGET, table(0.05)).result
    assert result.status is Status.FINDING, result.summary
    assert "b = 7 with c = 93 leads to yes" in result.findings[0].title
    assert result.metric("carriers").value == 30 / 600


def test_a_value_that_honestly_decides_alarms_in_at_most_one_of_twenty_tables():
    ends = [Transplant(looked_at=40, draws=5, seed=s)(TARGET, table(0.0, seed=s)).result for s in range(20)]
    assert sum(r.status is Status.FINDING for r in ends) <= 1
    assert any("d = 100" in str(r.tables[0].rows) for r in ends), "it leads, and comes as often as it should"


def test_a_pass_needs_rows_enough_to_have_seen_it():
    data = table(0.0)
    assert Transplant()(TARGET, data).result.status is Status.PASSED
    few = Transplant(rows=60, looked_at=20)(TARGET, data).result
    assert few.status is Status.INCOMPLETE, few.summary


def test_what_leads_by_hand():
    x = np.array([[1.0, 7, 93, 5], [60, 60, 1, 1]])
    others = np.tile([10.0, 10, 10, 10], (8, 1))
    found = leading(decided, x, others, 2, 6, 0.9, 0, Progress())
    assert found == {Planted(1, (1, 2), PAIR), Planted(1, (0, 1), (60.0, 60.0))}
    missing = Planted(1, (0,), (float("nan"),))
    assert missing.carried(np.array([[np.nan], [1.0]])).tolist() == [True, False]


def test_chance_by_hand():
    asked, held = np.zeros((4, 1)), np.ones((4, 1))
    (one,) = telling([Planted(1, (0,), (0.0,))], asked, held)
    assert (one.asked, one.held) == (4, 0)
    assert np.isclose(one.p, 1 / 70)  # of 70 ways to draw 4 of 8
    assert least_seen(4, 4, 1, 0.05) == 4 and least_seen(4, 4, 10, 0.05) > 4
