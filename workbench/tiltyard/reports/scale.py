"""Where the marks of a risk stand on the picture of all risks: shares from 0 to 100 % on one line; other units have no common scale."""

from dataclasses import dataclass

from ..formatting.numbers import in_points, is_share
from ..result import Metric
from .overview import Risk


@dataclass(frozen=True)
class Mark:
    """One mark in percent of the line: ``kind`` is ``span``, ``value``, ``limit`` or ``after``; ``width`` is of a span."""

    kind: str
    at: float
    width: float = 0.0


def marks(risk: Risk) -> list[Mark]:
    """The interval, the value, the limit and the value after a defense; none where the number is no share or difference of shares from 0 to 1."""
    metric = risk.metric
    if metric is None or not _fits(metric.value) or not (is_share(metric) or in_points(metric) or _area(metric)):
        return []
    found = []
    if metric.low is not None and metric.high is not None:
        low, high = _held(metric.low), _held(metric.high)
        found.append(Mark("span", low, high - low))
    if risk.limit is not None:
        found += [Mark("limit", _held(end)) for end in (risk.limit.at_least, risk.limit.at_most) if end is not None]
    if risk.after is not None and _fits(risk.after.metric.value):
        found.append(Mark("after", _held(risk.after.metric.value or 0.0)))
    return [*found, Mark("value", _held(metric.value or 0.0))]


def _fits(value: float | None) -> bool:
    return value is not None and 0 <= value <= 1


def _area(metric: Metric) -> bool:
    """An area under a curve, a difference of rates: no unit, from 0 to 1, with an interval as no count has."""
    return metric.unit == "" and metric.low is not None


def _held(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 2)
