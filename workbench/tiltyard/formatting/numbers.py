"""How numbers, intervals and times are written for a reader: the one place, for panels, shell and reports alike.

A metric is ``84.8 % [82.4, 87.0] at 95 %, n = 1,000``; `value`, `interval` and `count` are its parts, for who sets them apart, and
`copied` is it in running text. Shares are in percent, differences of shares (unit ``points``) in percentage points, epsilon is a symbol.
"""

import math
import re
from collections.abc import Sequence

from ..result import Metric

EXACT = {"Clopper-Pearson", "Wilson", "clopper-pearson", "wilson"}
SHARES = {"share", "rate", "fraction"}
POINTS = "points"  # of a metric: a difference of two shares, -1 to 1
EPSILON = "epsilon"
ONE_SIDED = "one-sided"
NEWCOMBE = "Newcombe"  # of an area under a curve: 0 to 1, and not closed at its ends
_SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 3) -> str:
    """``value`` to ``digits`` significant figures, grouped by thousands; powers of ten outside 0.001 to 1e6."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e12 and float(value).is_integer():
        return f"{round(value):,}".replace("-", "−")
    if size >= 1e6 or size < 1e-3:
        return _scientific(value, digits)
    if size >= 10**digits:
        return f"{round(value):,}".replace("-", "−")
    places = max(digits - 1 - math.floor(math.log10(size)), 0)
    return _trimmed(f"{value:,.{places}f}").replace("-", "−")


def _trimmed(text: str) -> str:
    """Without zeros at the end of its decimals; those of 230 stay."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scientific(value: float, digits: int) -> str:
    lead, power = f"{value:.{digits - 1}e}".split("e")
    lead = _trimmed(lead)
    tail = "10" + str(int(power)).translate(_SUPER)
    if lead in ("1", "-1"):
        return lead.replace("1", "").replace("-", "−") + tail
    return f"{lead}×{tail}".replace("-", "−", 1)


def together(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Numbers that are read side by side, with equal decimals: the largest has ``digits`` figures, the smallest at least two.

    Where no one number of decimals serves all, each is written by itself.
    """
    real = [abs(v) for v in values if v is not None and math.isfinite(v) and v != 0]
    if not real or all(float(v).is_integer() for v in real):
        return [number(v, digits) for v in values]
    top, low = (math.floor(math.log10(v)) for v in (max(real), min(real)))
    places = max(digits - 1 - top, 1 - low, 0)
    if top >= 6 or places > 5:
        return [number(v, digits) for v in values]
    while places and all(f"{v:.{places}f}".endswith("0") for v in real):
        places -= 1
    return [f"{v:,.{places}f}".replace("-", "−") if v is not None and math.isfinite(v) else number(v) for v in values]


def percent(share: float | None) -> str:
    """A share as percent with one decimal; two figures below 1 % so that 0.1 % and 0.04 % differ."""
    if share is None:
        return "–"
    if math.isnan(share) or math.isinf(share):
        return number(share)
    shown = 100 * share
    if 1e-4 <= abs(shown) < 1:
        places = 1 - math.floor(math.log10(abs(shown)))
        return f"{_trimmed(f'{shown:.{places}f}')} %".replace("-", "−")
    if shown != 0 and abs(shown) < 1:
        return f"{number(shown, 2)} %"
    tenths = f"{shown:.1f}"
    return ("0" if shown == 0 else "100" if shown == 100 else tenths).replace("-", "−") + " %"


def is_share(metric: Metric) -> bool:
    """Whether a metric is a rate from 0 to 1 to be written in percent."""
    if metric.unit in SHARES:
        return True
    counted = metric.n is not None and metric.interval in EXACT
    return metric.unit == "" and counted and metric.value is not None and 0 <= metric.value <= 1


def in_points(metric: Metric) -> bool:
    """Whether a metric is a difference of shares, to be written in percentage points."""
    return metric.unit == POINTS


def value(metric: Metric) -> tuple[str, str]:
    """The number and its unit, apart, so that the unit can be set smaller; an epsilon has its symbol before it and no unit."""
    if metric.value is None:
        return "not measured", ""
    if is_share(metric) and math.isfinite(metric.value):
        shown, unit = percent(metric.value).rsplit(" ", 1)
        return shown, unit
    if in_points(metric):
        return _points(metric.value), POINTS
    first = together([metric.value, metric.low, metric.high])[0]
    if metric.unit == EPSILON:
        return f"ε {'≥' if ONE_SIDED in metric.interval else '='} {first}", ""
    return first, _of_one(metric.unit) if first == "1" else metric.unit


def _of_one(unit: str) -> str:
    """``row`` for ``rows``, ``query`` for ``queries``; symbols and what is no plural stay."""
    if len(unit) < 4 or not unit.isalpha() or not unit.endswith("s") or unit.endswith("ss"):
        return unit
    return f"{unit[:-3]}y" if unit.endswith("ies") else unit[:-1]


def interval(metric: Metric) -> str:
    """``[82.4, 87.0] at 95 %``, in the metric's unit and percent of a share; an empty string where there is none.

    Where the value is at the end of its range only the other side says something: ``[at least 98.2 %] at 95 %``.
    """
    if metric.low is None or metric.high is None or closed(metric):
        return ""
    shown = bound(metric) or ", ".join(_ends(metric))
    return f"[{shown}]" + (f" at {number(100 * metric.level)} %" if metric.level is not None else "")


def closed(metric: Metric) -> bool:
    """Whether the interval is one point at an end of its range: every draw gave the same, which is no bound."""
    return metric.low is not None and metric.low == metric.high == metric.value and metric.value in (0, 1)


ALMOST = 0.999  # the last share that is written as less than all: no bound is rounded to "at least 100.0 %"


def bound(metric: Metric) -> str:
    """``at least 98.2 %`` of all hits, ``at most 1.8 %`` of none; an empty string where both sides say something."""
    share = is_share(metric)
    if (
        not (share or (metric.interval == NEWCOMBE and not in_points(metric)))
        or metric.low is None
        or metric.high is None
        or metric.low == metric.high
    ):
        return ""
    if metric.value == 1 and metric.high == 1:
        return f"at least {percent(min(metric.low, ALMOST)) if share else number(metric.low)}"
    return (
        f"at most {percent(max(metric.high, 1 - ALMOST)) if share else number(metric.high)}"
        if metric.value == 0 and metric.low == 0
        else ""
    )


def between(metric: Metric) -> str:
    """The interval in words, its unit once: ``82.4 to 87.0 %``, ``at least 98.2 %``; an empty string where there is none."""
    if metric.low is None or metric.high is None or closed(metric):
        return ""
    unit = "%" if is_share(metric) else "" if metric.unit == EPSILON else metric.unit
    return bound(metric) or " ".join(filter(None, (" to ".join(_ends(metric)), unit)))


def copied(metric: Metric) -> str:
    """A metric for running text: ``84.8 % (95 % CI 82.4 to 87.0 %, n = 1,000)``; why not, where there is no value."""
    if metric.value is None:
        return f"not measured: {metric.note}"
    level = f"{number(100 * metric.level)} % CI" if metric.level is not None else "interval"
    inside = ", ".join(filter(None, (f"{level} {between(metric)}" if between(metric) else "", count(metric))))
    return " ".join(filter(None, (*value(metric), f"({inside})" if inside else "")))


def count(metric: Metric) -> str:
    """``n = 1,000``, or an empty string where nothing was counted."""
    return f"n = {metric.n:,}" if metric.n is not None else ""


def measured(metric: Metric) -> str:
    """Value, interval and n in one line: ``84.8 % [82.4, 87.0] at 95 %, n = 1,000``; why not, where there is no value."""
    if metric.value is None:
        return f"not measured: {metric.note}"
    shown = " ".join(filter(None, (*value(metric), interval(metric))))
    return ", ".join(filter(None, (shown, count(metric))))


def labeled(metric: Metric) -> str:
    """`measured` after the metric's label."""
    return f"{metric.label}: {measured(metric)}"


def _ends(metric: Metric) -> list[str]:
    """Both ends of the interval without a unit, in percent where the metric is a share and points where it is a difference of such."""
    ends = (metric.low, metric.high)
    if is_share(metric):
        return [percent(end).removesuffix(" %") for end in ends]
    if in_points(metric):
        return [_points(end) for end in ends if end is not None]
    return together([metric.value, *ends])[1:]


def difference(metric: Metric, gap: float | None, low: float | None = None, high: float | None = None) -> str:
    """A difference between two values of ``metric`` with its interval: ``+3.2 points [+1.0, +5.4]``; of shares in percentage points."""
    if gap is None:
        return "–"
    parts = [gap] if low is None or high is None else [gap, low, high]
    shares = is_share(metric) or in_points(metric)
    texts = [_points(part) for part in parts] if shares else together([float(f"{part:.6g}") for part in parts])
    first, *ends = (("+" if part > 0 and text != "0" else "") + text for part, text in zip(parts, texts, strict=True))
    shown = " ".join(filter(None, (first, POINTS if shares else metric.unit)))
    return f"{shown} [{', '.join(ends)}]" if ends else shown


def _points(share: float) -> str:
    """A difference of shares in percentage points: one decimal, two figures below 1."""
    return percent(round(share, 8)).removesuffix(" %") if math.isfinite(share) else number(share)


def points(share: float | None, signed: bool = False) -> str:
    """A difference of two shares for running text: ``1.3`` for 0.013, in percentage points, ``+1.3`` where it is ``signed``."""
    if share is None:
        return "–"
    text = _points(share)
    return f"+{text}" if signed and share > 0 and text != "0" else text


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``8 s``, ``1 min 20 s``, ``2 h 5 min``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float | None) -> str:
    """An estimate, no finer than it is known: ``under a second``, ``about 7 s``, ``about 40 s``, ``about 2 min``, ``about 1.5 h``."""
    if seconds is None or not math.isfinite(seconds):
        return "for a time that is not known"
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"about {round(seconds) if seconds < 10 else 5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {number(round(minutes / 30) / 2)} h"


def ordinal(n: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``, ``21st``."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def took(seconds: float) -> str:
    """A time that was measured: with a tenth below ten seconds, where it says something."""
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


_BROKEN = re.compile(
    r"(?<=\d) (?=(?:%|(?:points?|ranges?|probability|s|ms|µs|min|h|dB|MB|GB)\b))|(?<=[=≥≤<>≈±]) (?=[\d−-])|(?<=\w) (?=[=≥≤≈] [\d−-])|(?<=\d,) (?=[−-]?\d[\d.,]*\])"
)


def unbroken(text: str) -> str:
    """``text`` with no-break spaces inside each number: between number and unit, in ``n = 1,000``, in ``[82.4, 87.0]``."""
    return _BROKEN.sub("\u00a0", text)
