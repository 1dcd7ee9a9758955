"""Numbers as a reader sees them."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tiltyard.result import Metric
from tiltyard_widgets import numerals


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
    assert numerals.interval(metric()) == "95 % interval 20.0 to 31.0 %"
    assert numerals.value(metric(interval="bootstrap")) == ("0.25", "")
    assert numerals.value(metric(interval="bootstrap", unit="share")) == ("25.0", "%")
    assert numerals.value(metric(value=3.0, low=None, high=None, unit="ms")) == ("3", "ms")


def test_what_was_not_measured_is_said() -> None:
    assert numerals.value(metric(value=None, low=None, high=None, note="too few rows")) == ("not measured", "")


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (80, "1 min 20 s"), (7500, "2 h 5 min")])
def test_duration(seconds: float, text: str) -> None:
    assert numerals.duration(seconds) == text
