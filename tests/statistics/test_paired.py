"""Differences of two rates over the same rows: Newcombe's paired interval against published tables and by its coverage."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.comparison.comparison import difference, verdict
from tiltyard.result import Metric
from tiltyard.statistics.intervals import correlation, rate, rate_by_row

TABLES = {  # rows of both, of the first alone, of the second alone, of neither: published interval of the difference
    "Altman et al. 2000, Statistics with Confidence, p. 52": ((14, 5, 0, 22), (0.122, 0.011, 0.226)),
    "Bentur et al. 2009 in Fagerland et al. 2017, chapter 8": ((1, 1, 7, 12), (-0.286, -0.507, -0.026)),
    "Cavo et al. 2012 in Fagerland et al. 2017, chapter 8": ((59, 6, 16, 80), (-0.062, -0.119, -0.005)),
}


def wilson(hits: int, n: int) -> tuple[float, float]:
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def over(hits: NDArray[np.bool_], rows: str = "r") -> Metric:
    return rate_by_row("m", "M", hits, rows, "higher")


def scored(hits: NDArray[np.bool_]) -> Metric:
    low, high = wilson(int(hits.sum()), len(hits))
    return over(hits).model_copy(update={"low": low, "high": high})


@pytest.mark.parametrize("name", TABLES)
def test_the_interval_is_the_published_one(name: str) -> None:
    counts, expected = TABLES[name]
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    assert difference(scored(second), scored(first)) == pytest.approx(expected, abs=6e-4)


def test_pairing_needs_the_same_rows() -> None:
    hits = np.arange(50) % 3 > 0
    assert correlation(over(hits), over(hits)) == pytest.approx(1 - 50 / 2 / (hits.sum() * (~hits).sum()))
    assert correlation(over(hits), over(~hits)) == -1
    assert correlation(over(hits, "a"), over(hits, "b")) is None
    assert correlation(over(hits), rate("m", "M", 3, 50)) is None
    assert correlation(over(np.ones(50, bool)), over(hits)) == 0


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1000])
def test_outcomes_survive_packing(n: int) -> None:
    """The correlation with an independent copy of the same bits tells whether each bit is where it was."""
    rng = np.random.default_rng(n)
    one, other = rng.random(n) < 0.5, rng.random(n) < 0.5
    again = Metric.model_validate_json(over(one).model_dump_json())
    a, b, both = int(one.sum()), int(other.sum()), int((one & other).sum())
    spread, product = a * (n - a) * b * (n - b), both * n - a * b
    expected = 0.0 if not spread else (product if product < 0 else max(product - n / 2, 0)) / spread**0.5
    assert correlation(again, over(other)) == pytest.approx(expected)


def test_outcomes_of_too_many_rows_are_not_kept() -> None:
    assert over(np.ones(100_001, bool)).outcomes is None
    assert over(np.ones(100_000, bool)).outcomes is not None


def test_equal_models_on_the_same_rows_are_called_different_in_at_most_a_twentieth() -> None:
    """1,000 pairs of models that are right on 80 % and agree on most rows: 0 is missed in at most 5 % (within 2 points)."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(1000):
        easy, own = rng.random(200) < 0.7, rng.random((2, 200)) < 1 / 3
        wrong += verdict(*(over(easy | mine) for mine in own)) in ("better", "worse")
    assert wrong / 1000 <= 0.05 + 0.02


def test_a_small_gain_on_the_same_rows_is_found_that_two_samples_do_not_show() -> None:
    before = np.arange(500) < 400
    after = before | (np.arange(500) >= 480)
    assert verdict(rate("m", "M", 400, 500, "higher"), rate("m", "M", 420, 500, "higher")) == "unclear"
    assert verdict(over(before), over(after)) == "better"
    assert verdict(over(before), over(before)) == "same"
