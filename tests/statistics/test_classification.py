"""Intervals of recall, ranking and their means: equal to scikit-learn's numbers, and covering the truth as often as they say, of few rows too."""

import numpy as np
import pytest

from tiltyard.statistics.classification import Confusion, brier, log_loss, ranked_area, ranked_precision
from tiltyard.statistics.intervals import mean_of_shares, wilson
from tiltyard.statistics.roc import area_interval, average_precision


def test_wilson_by_hand() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(1.0, 3)[1] == 1.0
    assert wilson(1.0, 3)[0] == pytest.approx(0.4385, abs=1e-4)
    assert wilson(0.3, 0) == (0.0, 1.0)


def test_an_average_precision_with_ties_is_scikit_learns() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    for _ in range(20):
        positive, scores = rng.random(60) < 0.2, rng.integers(0, 8, 60) / 8
        if positive.any():
            assert average_precision(positive, scores) == pytest.approx(average_precision_score(positive, scores))


def test_a_perfect_area_of_few_rows_is_not_certain() -> None:
    low, high = area_interval(1.0, 4, 40)
    assert high == 1.0 and 0.4 < low < 0.9
    assert area_interval(0.0, 4, 40)[0] == 0.0
    low, high = area_interval(0.5, 50, 50)
    assert low == pytest.approx(1 - high)


def test_the_interval_of_balanced_accuracy_covers_it_of_a_rare_class_too() -> None:
    rng = np.random.default_rng(1)
    for recalls, n in (((0.95, 0.7), (2000, 8)), ((0.999, 0.9), (990, 10)), ((0.6, 0.8), (50, 50))):
        hits = np.stack([rng.binomial(m, p, 1000) for p, m in zip(recalls, n, strict=True)], 1) / n
        found = np.array([mean_of_shares(h, np.array(n, float)) for h in hits])
        inside = ((found[:, 0] <= np.mean(recalls)) & (np.mean(recalls) <= found[:, 1])).mean()
        assert 0.92 <= inside <= 0.995, (recalls, n, inside)


def test_the_intervals_of_ranking_cover_it_of_few_positive_rows_too() -> None:
    from scipy.stats import norm

    rng = np.random.default_rng(2)
    shift, m, n = 1.2, 12, 400
    many = 200_000
    positive = np.arange(many) < many * m // (m + n)
    true_precision = average_precision(positive, rng.normal(size=many) + shift * positive)
    true_area = float(norm.cdf(shift / np.sqrt(2)))
    areas = precisions = 0
    for _ in range(400):
        mine = np.arange(m + n) < m
        scores = rng.normal(size=m + n) + shift * mine
        area, precision = ranked_area(mine, scores), ranked_precision(mine, scores)
        areas += area.low <= true_area <= area.high
        precisions += precision.low <= true_precision <= precision.high
    assert 0.92 <= areas / 400 <= 0.995
    assert precisions / 400 >= 0.92


def test_a_class_that_is_never_answered_has_no_precision_and_says_why() -> None:
    found = Confusion.of(np.array([0, 0, 1]), np.array([0, 0, 0]), 3)
    assert found.precision(1).value is None
    assert found.recall(2).value is None
    assert found.balanced.value == 0.5
    assert "never answered" in found.precision_metric(1, "b").note
    assert found.precision_metric(None, "").value == pytest.approx((2 / 3 + 0) / 2)


def test_brier_score_and_log_loss_are_scikit_learns_of_two_and_more_classes() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(3)
    for k in (2, 2, 3, 5, 10):
        scores = rng.dirichlet(np.full(k, 0.5), 300)
        y = rng.integers(0, k, 300)
        theirs = metrics.brier_score_loss(y, scores[:, 1] if k == 2 else scores, **({} if k == 2 else {"labels": range(k)}))
        assert brier(y, scores).mean() == pytest.approx(theirs, abs=1e-12)
        assert log_loss(y, scores).mean() == pytest.approx(metrics.log_loss(y, scores, labels=range(k)), abs=1e-12)
    sure = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert log_loss(np.array([0, 0]), sure).mean() == pytest.approx(metrics.log_loss([0, 0], sure, labels=[0, 1]))


def test_f1_is_scikit_learns_and_its_interval_covers_it() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(4)
    y, said = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    found = Confusion.of(y, said, 3)
    assert [found.f1(k).value for k in range(3)] == pytest.approx(f1_score(y, said, average=None))
    assert found.f1_metric(None, "").value == pytest.approx(f1_score(y, said, average="macro"))
    cells = np.array([0.15, 0.05, 0.1, 0.7])  # hit, missed, false alarm, rest
    true = 2 * 0.15 / (2 * 0.15 + 0.15)
    drawn = [Confusion(np.array([[rest, alarm], [missed, hit]])).f1(1) for hit, missed, alarm, rest in rng.multinomial(120, cells, 600)]
    assert 0.94 <= np.mean([r.low <= true <= r.high for r in drawn]) <= 0.995
