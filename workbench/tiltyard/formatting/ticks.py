"""Ranges of axes, places of ticks, and their texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..result import Axis
from .numbers import SHARES, number

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, of which ``high`` is the larger; both above 0 on a log axis."""

    low: float
    high: float


def widened(axis: Axis, values: Sequence[float], zero: bool = False, pad: float = 0.0, whole: int = 0) -> Range:
    """The range of ``values``, within it 0 where ``zero``, and ``pad`` of it more on both sides; the axis's own bounds where it has them.

    ``whole`` is the number of ticks to whose steps a linear range is rounded outwards; 0 leaves it.
    """
    if axis.scale == "log":
        return _log_range(axis, [v for v in values if v > 0], pad)
    floor = [0.0] if zero else []
    low = axis.low if axis.low is not None else min([*values, *floor], default=0.0)
    high = axis.high if axis.high is not None else max([*values, *floor], default=low + 1)
    if high <= low:
        by = abs(low) * 0.1 or 1.0
        low, high = (low if axis.low is not None or (zero and low == 0) else low - by), low + by
    extra = (high - low) * pad
    if axis.low is None and not (zero and low >= 0):
        low -= extra
    if axis.high is None and not (zero and high <= 0):
        high += extra
    if whole:
        step = _step(low, high, whole)
        low = low if axis.low is not None else math.floor(low / step + 1e-9) * step
        high = high if axis.high is not None else math.ceil(high / step - 1e-9) * step
    if axis.unit in SHARES:  # no room below nothing and above all, where nothing is there
        low = max(low, 0.0) if axis.low is None and min(values, default=0.0) >= 0 else low
        high = min(high, 1.0) if axis.high is None and max(values, default=1.0) <= 1 and low < 1 else high
    return Range(low, high)


def _log_range(axis: Axis, values: Sequence[float], pad: float) -> Range:
    high = axis.high if axis.high is not None and axis.high > 0 else max(values, default=0.0)
    low = axis.low if axis.low is not None and axis.low > 0 else min(values, default=min(1e-3, (high or 1.0) / 10))
    high = high or low * 10
    if high <= low:
        low, high = low / 10, low * 10
    by = 1.15 if pad else 1.0
    return Range(low if axis.low is not None else low / by, high if axis.high is not None else high * by)


def tick_places(scale: Scale, drawn: Range, count: int) -> list[float]:
    """About ``count`` round places inside the range."""
    if scale == "log":
        return _log_places(drawn, count)
    step = _step(drawn.low, drawn.high, count)
    first, last = math.ceil(drawn.low / step - 1e-6), math.floor(drawn.high / step + 1e-6)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _step(low: float, high: float, count: int) -> float:
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(lead for lead in (1, 2, 2.5, 5, 10) if lead * power >= raw * 0.999) * power


def _log_places(drawn: Range, count: int) -> list[float]:
    """Powers of ten; where these are fewer than three, also numbers between them; within less than a decade, as on a linear axis."""
    first, last = math.floor(math.log10(drawn.low) + 1e-9), math.ceil(math.log10(drawn.high) - 1e-9)
    every = max(1, math.ceil((last - first) / max(count, 2)))
    for leads in ((1,), (1, 3), (1, 2, 5)):
        places = [float(f"{lead}e{power}") for power in range(first, last + 1, every) for lead in leads]
        inside = [at for at in places if drawn.low * 0.9999 <= at <= drawn.high * 1.0001]
        if len(inside) > 2 or every > 1:
            return inside
    return [at for at in tick_places("linear", drawn, count) if at > 0]


def tick_texts(scale: Scale, places: Sequence[float], share: bool) -> list[str]:
    """The texts of ticks, with equal decimals on a linear axis; in percent of a ``share``."""
    tail, by = (" %", 100.0) if share else ("", 1.0)
    sizes = [float(f"{at * by:.12g}") for at in places]
    largest = max(map(abs, sizes), default=0.0)
    if scale == "log" or largest >= 1e9 or 0 < largest < 1e-3:
        return [number(size) + tail for size in sizes]
    decimals = max((_decimals(size) for size in sizes), default=0)
    return [f"{size:,.{decimals}f}".replace("-", "−") + tail for size in sizes]


def _decimals(size: float) -> int:
    """How many decimals write ``size`` whole, 8 at most."""
    text = f"{size:.8f}".rstrip("0")
    return len(text) - text.index(".") - 1
