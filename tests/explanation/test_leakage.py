"""A coin leaks nothing; a model whose members differ in explanation only leaks by explanation only."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.explanation.leakage import Leakage, guessed
from tiltyard.result import Record, Status
from tiltyard.statistics.roc import area
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-5, high=5) for i in range(3)), label="y", classes=("no", "yes")
)


def drawn(spread_of_members: float, n: int = 300) -> Dataset:
    """Rows (u, -u, w): members have the larger u, so f(u + v + w) is the same while its parts differ."""
    rng = np.random.default_rng(0)
    member = np.arange(2 * n) < n
    u = rng.normal(size=2 * n) * np.where(member, spread_of_members, 0.1)
    x = np.stack([u, -u, rng.normal(size=2 * n)], 1).clip(-5, 5)
    return Dataset(x, (x[:, 2] > 0).astype(np.int64), SCHEMA, member=member)


@pytest.fixture(scope="module")
def total():
    return FunctionTarget(lambda x: 1 / (1 + np.exp(-x.sum(1))), ("no", "yes"), SCHEMA)


def test_the_attack_on_a_coin_scatters_around_one_half():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        member = np.repeat([True, False], 100)
        learns = np.concatenate([rng.permutation(100) < 50, rng.permutation(100) < 50])
        found.append(area(member[~learns], guessed(rng.normal(size=(200, 6)), member, learns)))
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found) / np.sqrt(60)
    assert np.std(found) == pytest.approx(np.sqrt(101 / (12 * 50 * 50)), rel=0.35), "as wide as the area of a coin is"


def test_a_coin_leaks_nothing(total):
    result = Leakage(rows=150)(total, drawn(0.1)).result
    assert result.status is Status.PASSED
    for name in ("auc_scores", "auc_both"):
        metric = result.metric(name)
        assert metric.low - 0.03 < 0.5 < metric.high + 0.03
    assert result.metric("gain").low <= 0.02


def test_explanations_that_tell_members_apart_are_a_finding(total):
    result = Leakage(rows=150)(total, drawn(2.0)).result
    assert result.status is Status.FINDING
    assert result.metric("auc_scores").value < 0.65
    assert result.metric("auc_both").value > 0.85
    assert result.metric("gain").low > 0.2


def test_a_memorizer_is_told_by_scores_already():
    from sklearn.neighbors import KNeighborsClassifier

    from tiltyard.targets.estimators import SklearnTarget

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)).clip(-5, 5)
    data = Dataset(x, rng.integers(0, 2, 400), SCHEMA, member=np.arange(400) < 200)
    target = SklearnTarget(KNeighborsClassifier(1).fit(data.seen.x, np.array(SCHEMA.classes)[data.seen.y]), SCHEMA)
    result = Leakage(rows=100, background=10)(target, data).result
    assert result.metric("auc_scores").value > 0.7
    assert abs(result.metric("gain").value) < 0.1


def test_nobody_knows_who_was_trained_on(total):
    data = Dataset(np.zeros((50, 3)), np.zeros(50, np.int64), SCHEMA)
    assert Leakage()(total, data).result.status is Status.NOT_APPLICABLE


def test_too_few_rows_are_one_line(total):
    result = Leakage()(total, drawn(1.0, 25)).result
    assert result.status is Status.INCOMPLETE
    assert "too few" in result.summary
    assert Leakage()(total, drawn(1.0, 40)).result.status is Status.INCOMPLETE


def test_same_seed_same_record_and_json(total):
    one, two = (Leakage(rows=40, background=5)(total, drawn(1.0, 60)) for _ in range(2))
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one
