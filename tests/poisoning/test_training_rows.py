"""Training rows against held-out rows: one source gives no alarm, what was slipped in does, and who stands out is named."""

import numpy as np
import pytest
from tests.poisoning.test_poisoning import SCHEMA, poisoned, rows

from tiltyard.datasets.dataset import Dataset
from tiltyard.poisoning._compared import TAILS, compared, least_seen, others
from tiltyard.poisoning.training_rows import TrainingRows
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.statistics.roc import area
from tiltyard.targets.estimators import FunctionTarget


def model() -> FunctionTarget:
    return FunctionTarget(lambda x: (np.asarray(x)[:, 0] > 0.4).astype(np.float32), SCHEMA.classes, SCHEMA, "a rule")


def test_one_source_gives_no_alarm() -> None:
    for seed in range(6):
        result = TrainingRows(seed=seed)(model(), rows(800, seed)).result
        assert result.status is Status.PASSED, result.summary


def test_a_trigger_in_a_table_is_found_and_its_rows_stand_out() -> None:
    data, bad = poisoned(rows(1600, 1), 0.04)
    result = TrainingRows()(model(), data).result
    assert result.status is Status.FINDING and "labeled yes" in result.summary
    seen = others(data.seen, data.unseen, 0, Progress())
    assert area(np.isin(np.arange(len(data.seen)), bad), seen.scores) > 0.95
    assert seen.flagged[bad].mean() > 0.8


def test_labels_flipped_to_one_class_are_found() -> None:
    data = rows(1600, 2)
    y = data.y.copy()
    flipped = np.flatnonzero((y == 0) & data.member & (data.x[:, 0] < -1))[:80]
    y[flipped] = 1
    result = TrainingRows()(model(), Dataset(data.x, y, SCHEMA, member=data.member)).result
    assert result.status is Status.FINDING and "labeled yes" in result.summary


def test_what_could_not_be_seen_is_no_pass() -> None:
    data = rows(800, 3)
    few = Dataset(data.x, data.y, SCHEMA, member=np.arange(800) < 740)
    result = TrainingRows()(model(), few).result
    assert result.status is Status.INCOMPLETE and "give more held-out rows" in result.summary


def test_the_least_that_is_seen_is_the_hypergeometric_chance() -> None:
    k = least_seen(300, 100, 2, 0.005)
    tests = 2 * len(TAILS)
    chance = np.prod([(300 - i) / (400 - i) for i in range(k)]) * tests
    before = np.prod([(300 - i) / (400 - i) for i in range(k - 1)]) * tests
    assert chance <= 0.005 < before
    assert least_seen(20, 2, 2, 0.005) == 0


@pytest.mark.slow
def test_the_chance_holds_without_poison() -> None:
    """Of 40 draws from one source those at 10 % or less: 4 are to be expected, more than 10 have a chance below 0.2 %."""
    found = []
    for seed in range(40):
        data = rows(400, seed)
        found += [c.p for c in compared(data.seen, data.unseen, seed, Progress())[:1]]
    assert sum(p <= 0.1 for p in found) <= 10
