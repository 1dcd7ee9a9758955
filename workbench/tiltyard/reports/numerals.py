"""Measured numbers in words, for whatever is handed out."""

from ..formatting.numbers import is_share, percent
from ..result import Metric


def number(value: float | None, unit: str = "", share: bool = False) -> str:
    """A number as a person reads it: shares as percent, large ones with separators."""
    if value is None:
        return "not measured"
    if share:
        return percent(value)
    if unit == "%":
        return f"{value:.1f} %"
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:,.4g}"
    return f"{text} {unit}".strip()


def measured(metric: Metric) -> str:
    """Value with interval, level and n in one line."""
    share = is_share(metric)
    unit = "" if share else metric.unit
    if metric.value is None:
        return f"not measured: {metric.note}"
    text = number(metric.value, unit, share)
    if metric.low is not None and metric.high is not None:
        text += f" [{number(metric.low, '' if share else unit, share)}, {number(metric.high, '' if share else unit, share)}]"
    if metric.level is not None:
        text += f" at {100 * metric.level:g} %"
    return text + (f", n = {metric.n:,}" if metric.n is not None else "")
