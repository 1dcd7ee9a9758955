"""Numbers as a reader sees them."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiltyard.formatting import numbers as numerals
from tiltyard.result import Metric


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5731, "0.573"),
        (1234.5, "1,234"),
        (1_234_567, "1,234,567"),
        (-0.25, "−0.25"),
        (1e-5, "10⁻⁵"),
        (-2.5e-7, "−2.5×10⁻⁷"),
        (1.5e13, "1.5×10¹³"),
        (math.nan, "not a number"),
        (-math.inf, "−∞"),
        (None, "–"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert numerals.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.4123, "41.2 %"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9999, "100.0 %"),
        (0.001, "0.1 %"),
        (0.0004, "0.04 %"),
        (-0.023, "−2.3 %"),
        (0.5, "50.0 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert numerals.percent(share) == text


def test_numbers_read_together_have_equal_decimals() -> None:
    assert numerals.together([0.5731, 0.55, 0.596]) == ["0.573", "0.550", "0.596"]
    assert numerals.together([0.025, 0.025, 0.03]) == ["0.025", "0.025", "0.030"]
    assert numerals.together([0.5, None, 0.25]) == ["0.50", "–", "0.25"]
    assert numerals.together([1.0, 20.0]) == ["1", "20"]
    assert numerals.together([1e-9, 2.0]) == ["10⁻⁹", "2"]


@given(st.floats(min_value=1e-3, max_value=9e5))
@example(229.5)  # rounds to 230, whose zero is no decimal
@example(999.7)
def test_number_is_within_a_hundredth_of_the_value(value: float) -> None:
    assert float(numerals.number(value).replace(",", "")) == pytest.approx(value, rel=0.01)


def metric(**changes: object) -> Metric:
    base = {"name": "m", "label": "M", "value": 0.25, "low": 0.2, "high": 0.31, "level": 0.95, "n": 400, "interval": "Clopper-Pearson"}
    return Metric.model_validate(base | changes)


def test_a_counted_rate_is_percent_and_an_auc_is_not() -> None:
    assert numerals.value(metric()) == ("25.0", "%")
    assert numerals.interval(metric()) == "[20.0, 31.0] at 95 %"
    assert numerals.value(metric(interval="bootstrap")) == ("0.25", "")
    assert numerals.value(metric(interval="bootstrap", unit="share")) == ("25.0", "%")
    assert numerals.value(metric(value=3.0, low=None, high=None, unit="ms")) == ("3", "ms")


def test_what_was_not_measured_is_said() -> None:
    assert numerals.value(metric(value=None, low=None, high=None, note="too few rows")) == ("not measured", "")


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (80, "1 min 20 s"), (7500, "2 h 5 min")])
def test_duration(seconds: float, text: str) -> None:
    assert numerals.duration(seconds) == text


def test_a_share_with_its_interval_and_n_in_a_cell() -> None:
    assert numerals.measured(metric()) == "25.0 % [20.0, 31.0] at 95 %, n = 400"
    assert numerals.measured(metric(value=1.0, low=0.991, high=1.0)) == "100 % [at least 99.1 %] at 95 %, n = 400"
    assert numerals.measured(metric(low=None, high=None, n=None, interval="", unit="rate")) == "25.0 %"
    area = metric(value=0.8475, low=0.82, high=0.87, interval="DeLong", unit="AUC")
    assert numerals.measured(area) == "0.848 AUC [0.820, 0.870] at 95 %, n = 400"
    assert numerals.labeled(area.model_copy(update={"level": None})) == "M: 0.848 AUC [0.820, 0.870], n = 400"
    assert numerals.measured(metric(value=None, low=None, high=None, note="too few rows")) == "not measured: too few rows"


@pytest.mark.parametrize(
    ("gap", "low", "high", "text"),
    [
        (0.032, 0.01, 0.0544, "+3.2 points [+1.0, +5.4]"),
        (-0.032, -0.07, 0.005, "−3.2 points [−7.0, +0.5]"),
        (0.0, -0.004, 0.0025, "0 points [−0.4, +0.25]"),
        (1e-17, None, None, "0 points"),
        (0.25, None, None, "+25.0 points"),
        (None, None, None, "–"),
    ],
)
def test_a_difference_of_shares_is_in_points(gap: float | None, low: float | None, high: float | None, text: str) -> None:
    assert numerals.difference(metric(), gap, low, high) == text


def test_a_difference_of_other_numbers_keeps_their_unit() -> None:
    time = metric(value=12.0, low=11.0, high=14.0, unit="µs", interval="range of tries")
    assert numerals.difference(time, 1.25, -0.3, 2.0) == "+1.25 µs [−0.30, +2.00]"
    assert numerals.difference(metric(unit="AUC", interval="DeLong"), -0.04) == "−0.04 AUC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.02, "under a second"),
        (6.6, "about 7 s"),
        (41.7, "about 40 s"),
        (88, "about 90 s"),
        (93, "about 2 min"),
        (1264, "about 21 min"),
        (5500, "about 1.5 h"),
        (7200, "about 2 h"),
        (None, "for a time that is not known"),
        (math.nan, "for a time that is not known"),
    ],
)
def test_an_estimate_is_no_finer_than_it_is_known(seconds: float | None, text: str) -> None:
    assert numerals.about(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (83, "1 min 23 s")])
def test_a_time_that_was_measured(seconds: float, text: str) -> None:
    assert numerals.took(seconds) == text


def test_a_share_at_the_end_of_its_range_is_bounded_on_one_side() -> None:
    every, none = metric(value=1.0, low=0.982, high=1.0), metric(value=0.0, low=0.0, high=0.018)
    assert numerals.interval(every) == "[at least 98.2 %] at 95 %" and numerals.between(none) == "at most 1.8 %"
    assert numerals.copied(every) == "100 % (95 % CI at least 98.2 %, n = 400)"
    closed = metric(value=1.0, low=1.0, high=1.0, interval="bootstrap")  # every draw gave 1: that bounds nothing
    assert numerals.interval(closed) == numerals.between(closed) == "" and numerals.measured(closed) == "1, n = 400"


def test_differences_of_shares_are_points_and_epsilon_is_a_symbol() -> None:
    gap = metric(value=-0.00193, low=-0.0104, high=0.0065, unit="points", interval="paired")
    assert numerals.measured(gap) == "−0.19 points [−1.0, 0.65] at 95 %, n = 400"
    assert numerals.copied(gap) == "−0.19 points (95 % CI −1.0 to 0.65 points, n = 400)"
    assert numerals.difference(gap, 0.02) == "+2.0 points"
    spent = metric(value=3.97, low=None, high=None, level=None, n=None, unit="epsilon", interval="")
    assert numerals.measured(spent) == "ε = 3.97" and numerals.copied(spent) == "ε = 3.97"
    assert numerals.measured(spent.model_copy(update={"interval": "one-run audit, one-sided"})) == "ε ≥ 3.97"


def test_a_number_is_copied_with_its_interval_and_n() -> None:
    kept = metric(value=0.848, low=0.824, high=0.87, n=1000)
    assert numerals.copied(kept) == "84.8 % (95 % CI 82.4 to 87.0 %, n = 1,000)"
    area = metric(value=0.8475, low=0.82, high=0.87, interval="DeLong")
    assert numerals.copied(area) == "0.848 (95 % CI 0.820 to 0.870, n = 400)"
    gone = metric(value=None, low=None, high=None, note="too few rows")
    assert numerals.copied(gone) == "not measured: too few rows"


@pytest.mark.parametrize(
    ("text", "text_with_tildes"),
    [
        ("right on 84.8 % of 300 rows", "right on 84.8~% of 300 rows"),
        ("a gap of 1.3 points (n = 1,000)", "a gap of 1.3~points (n~=~1,000)"),
        ("84.8 % [82.4, 87.0] at 95 %", "84.8~% [82.4,~87.0] at 95~%"),
        ("ε = 3.97, in 3 s, of 20 rows", "ε~=~3.97, in 3~s, of 20 rows"),
    ],
)
def test_no_number_breaks_over_lines(text: str, text_with_tildes: str) -> None:
    assert numerals.unbroken(text).replace("\u00a0", "~") == text_with_tildes


def test_no_bound_is_rounded_to_all_or_none() -> None:
    facts: dict[str, Any] = {"name": "rate", "label": "Rate", "unit": "share", "level": 0.95, "n": 20_000}
    assert numerals.bound(Metric(**facts, value=1.0, low=0.99985, high=1.0)) == "at least 99.9 %"
    assert numerals.bound(Metric(**facts, value=0.0, low=0.0, high=0.00015)) == "at most 0.1 %"
    assert numerals.bound(Metric(**facts, value=1.0, low=0.982, high=1.0)) == "at least 98.2 %"
