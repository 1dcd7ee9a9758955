"""How a `Chart` is drawn: ranges, ticks and their texts, colors, dashes, markers, places and legend, decided once.

matplotlib (`reports.figures`) and the browser (the panels' ``chart.js``) follow it; they choose only what depends on their room:
where a label finds a place, and which of the ticks' texts are left out where two would meet.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal

from ..result import Axis, Chart, ChartKind, Frozen, Levels, Series
from .numbers import SHARES, number, percent, together
from .swarms import beside
from .ticks import Range, tick_places, tick_texts, widened

# The colors of light pages by role; Okabe and Ito (2008), the lighter ones darkened until they stand out from white. Role 0 judges neither way.
COLORS = ("#7b848d", "#0072b2", "#d55e00", "#009e73", "#b0568b", "#b87e00", "#2b8fc7", "#30363c")
# One continuous scale from low to high: blue to orange, which every kind of color vision tells apart, and lighter all the way.
LEVELS = ("#00558c", "#1c5c8c", "#37648c", "#536b8c", "#6e738c", "#8a7a8c", "#9a7870", "#ab7654", "#bb7438", "#cc721c", "#dc7000")
DASHES: tuple[tuple[int, ...], ...] = ((), (7, 4), (2, 3), (10, 3, 2, 3), (5, 2, 1, 2), (14, 4), (3, 6))
Marker = Literal["circle", "square", "triangle", "diamond", "wedge", "plus", "dash"]
MARKERS: tuple[Marker, ...] = ("circle", "square", "triangle", "diamond", "wedge", "plus", "dash")
TONES = {"good": 1, "bad": 2, "neither": 0}
RAISES, LOWERS = 2, 1  # the steps of a waterfall, as the ends of `LEVELS`
ROLES = len(COLORS) - 1
MARKED = 24  # a line of more points goes without markers
DENSE = 300
VALUED = 24  # of more bars the values are not written beside them
BAR, DOT = 0.76, 0.12  # of the distance between two categories


class AxisSpec(Frozen):
    """An axis as it is drawn, from ``low`` to ``high``; categories lie at 0, 1, …, and from top to bottom where it goes ``down``."""

    title: str
    scale: Literal["linear", "log", "category"]
    low: float
    high: float
    down: bool
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


class SeriesSpec(Frozen):
    """A series with its looks; ``shift`` is how far it stands beside its place, ``texts`` and ``between`` its values and intervals in words.

    ``colors`` are places in `LEVELS` where each point has its own, -1 for a point without one. ``start`` is where each bar of a
    waterfall begins; a series of a waterfall without it marks its two ends.
    """

    name: str
    color: int
    dash: tuple[int, ...]
    marker: Marker
    marked: bool
    shift: float
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    places: tuple[str, ...]
    texts: tuple[str, ...]
    between: tuple[str, ...]
    thin: bool = False
    colors: tuple[int, ...] = ()
    remarks: tuple[str, ...] = ()
    start: tuple[float | None, ...] = ()


class Reference(Frozen):
    """A line at a value, with its label and both in words."""

    label: str
    value: float
    text: str


class Spec(Frozen):
    """A chart as it is drawn. ``flip``: its values lie along x, its places along y. ``width`` of a bar is in units of the places."""

    kind: ChartKind
    title: str
    alt: str
    flip: bool
    dense: bool
    valued: bool
    width: float
    lanes: int
    x: AxisSpec
    y: AxisSpec
    series: tuple[SeriesSpec, ...]
    references: tuple[Reference, ...]
    legend: tuple[str, ...]
    """The names of the series in their order where there are several, thin ones of a name once, then of bars the reference lines."""
    levels: Levels | None = None


def spec(chart: Chart) -> Spec:
    """How ``chart`` is drawn."""
    if chart.kind == "waterfall":
        return _waterfall(chart)
    flip = _flipped(chart)
    bars = chart.kind in ("bar", "hbar")
    places, values = _spread(chart, flip)
    place, value = (chart.y, chart.x) if flip else (chart.x, chart.y)
    step = 1.0 if place.categories else _step(places)
    lanes = 1 if bars and len(set(places)) == len(places) else len(chart.series)
    width = BAR * step / max(lanes, 1)
    if bars and not place.categories:
        places = [at + side * step / 2 for at in places for side in (-1, 1)]
    lines = chart.kind in ("line", "step")
    along = _axis(place, widened(place, places, pad=0.0 if lines or bars else 0.05), 6, flip)
    count = 6 if flip else 5
    across = _axis(value, widened(value, values, zero=bars, pad=0.05, whole=count), count, not flip)
    references = _references(chart, value)
    named = tuple(s.name for s in chart.series if not s.thin and not s.level)
    many = tuple(dict.fromkeys(s.name for s in chart.series if s.thin))
    names = (*named, *many) if len(chart.series) > 1 else ()
    return Spec(
        kind=chart.kind,
        title=chart.title,
        alt=chart.alt or chart.title,
        flip=flip,
        dense=any(len(s.x) > DENSE for s in chart.series),
        valued=bars and lanes * len(place.categories or set(places)) <= VALUED,
        width=width,
        lanes=lanes,
        x=across if flip else along,
        y=along if flip else across,
        series=_beside(chart, tuple(_series(chart, s, i, _shift(chart, i, lanes, width)) for i, s in _counted(chart.series)), across),
        references=references,
        legend=(*names, *(r.text for r in references if chart.kind == "bar")),
        levels=chart.levels,
    )


def _counted(series: Sequence[Series]) -> list[tuple[int, Series]]:
    """Each series with its place among those that take a color of their own."""
    counted, place = [], 0
    for s in series:
        counted.append((place, s))
        place += not s.thin and not s.level
    return counted


def _references(chart: Chart, value: Axis) -> tuple[Reference, ...]:
    drawn = [(name, at) for name, at in chart.reference if math.isfinite(at)]
    return tuple(Reference(label=name, value=at, text=f"{name}: {shown(value, at)}") for name, at in drawn)


def _beside(chart: Chart, series: tuple[SeriesSpec, ...], across: AxisSpec) -> tuple[SeriesSpec, ...]:
    """The points of a swarm laid beside one another."""
    if chart.kind != "swarm":
        return series
    points = [(x, y) for s in series for x, y in zip(s.x, s.y, strict=True)]
    laid = iter(beside(points, across.low, across.high))
    return tuple(s.model_copy(update={"y": tuple(next(laid) for _ in s.y)}) for s in series)


def _waterfall(chart: Chart) -> Spec:
    """Steps that each begin where the one before ended, in two series by their sign, between the marks of the two ends."""
    course, (steps,) = chart.course, chart.series
    assert course is not None
    places = chart.y.model_copy(update={"categories": (course.start, *chart.y.categories, course.end)})
    added = [0.0 if v is None else v for v in _finite(steps.x)]
    ends = [course.base, *(course.base + total for total in accumulate(added))]
    values = [*ends, *(v for v in _whiskers(steps, ends) if v is not None), *(at for _, at in chart.reference if math.isfinite(at))]
    parts = tuple(_steps(chart, steps, ends, up) for up in (True, False))
    marks = _ends(chart, (ends[0], ends[-1]), len(added) + 1)
    return Spec(
        kind="waterfall",
        title=chart.title,
        alt=chart.alt or chart.title,
        flip=True,
        dense=False,
        valued=len(added) <= VALUED,
        width=BAR,
        lanes=1,
        x=_axis(chart.x, widened(chart.x, values, pad=0.05, whole=6), 6, False),
        y=_axis(places, Range(0, 1), 6, True),
        series=(*parts, marks),
        references=_references(chart, chart.x),
        legend=(course.towards, course.away),
    )


def _whiskers(steps: Series, ends: Sequence[float]) -> list[float | None]:
    """Both ends of each step's whisker, where the steps stand."""
    both = [*zip(ends, _finite(steps.low), strict=False), *zip(ends, _finite(steps.high), strict=False)]
    return [None if by is None else start + by for start, by in both]


def _steps(chart: Chart, steps: Series, ends: Sequence[float], up: bool) -> SeriesSpec:
    course = chart.course
    assert course is not None
    kept = [i for i, v in enumerate(steps.x) if (v >= 0) == up]
    whiskers = _whiskers(steps, ends)
    low, high = whiskers[: len(steps.x)], whiskers[len(steps.x) :]
    known = bool(steps.low and steps.high)
    color = RAISES if up else LOWERS
    words = [f"+{text}" if v is not None and v > 0 else text for v, text in zip(steps.x, _alike(chart.x, steps.x), strict=True)]
    between = [f"{signed(chart.x, a)} to {signed(chart.x, b)}" for a, b in zip(steps.low, steps.high, strict=False)]
    return SeriesSpec(
        name=course.towards if up else course.away,
        color=color,
        dash=(),
        marker=MARKERS[0],
        marked=True,
        shift=0.0,
        x=tuple(ends[i + 1] for i in kept),
        y=tuple(float(i + 1) for i in kept),
        low=tuple(low[i] for i in kept) if known else (),
        high=tuple(high[i] for i in kept) if known else (),
        places=tuple(chart.y.categories[round(steps.y[i] or 0)] for i in kept),
        texts=tuple(words[i] for i in kept),
        between=tuple(between[i] for i in kept) if known else (),
        remarks=tuple(steps.remarks[i] for i in kept) if steps.remarks else (),
        start=tuple(ends[i] for i in kept),
    )


def _ends(chart: Chart, values: tuple[float, float], last: int) -> SeriesSpec:
    course = chart.course
    assert course is not None
    texts = tuple(_alike(chart.x, values))
    return SeriesSpec(
        name=chart.x.label,
        color=TONES["neither"],
        dash=(),
        marker="diamond",
        marked=True,
        shift=0.0,
        x=values,
        y=(0.0, float(last)),
        low=(),
        high=(),
        places=(course.start, course.end),
        texts=texts,
        between=(),
    )


def signed(axis: Axis, value: float | None) -> str:
    """A value on ``axis`` in words with its sign: what a step adds."""
    text = shown(axis, value)
    return f"+{text}" if value is not None and value > 0 else text


def _flipped(chart: Chart) -> bool:
    return chart.kind in ("hbar", "swarm") or bool(chart.y.categories and not chart.x.categories)


def shown(axis: Axis, value: float | None) -> str:
    """A value on ``axis`` in words: its category, percent of a share, else a number."""
    if value is not None and axis.categories and math.isfinite(value) and 0 <= round(value) < len(axis.categories):
        return axis.categories[round(value)]
    if axis.unit in SHARES:
        return percent(value)
    return number(value) + (" %" if axis.unit == "%" and value is not None else "")


def _alike(axis: Axis, values: Sequence[float | None]) -> list[str]:
    """Values that stand one under another at their bars, numbers with equal decimals."""
    alone = axis.categories or axis.unit in SHARES or axis.unit == "%"
    return [shown(axis, v) for v in values] if alone else together(values)


def _axis(axis: Axis, drawn: Range, count: int, upright: bool) -> AxisSpec:
    share = axis.unit in SHARES
    title = f"{axis.label} ({axis.unit})" if axis.unit and not share else axis.label
    if axis.categories:
        n = len(axis.categories)
        ticks = tuple(map(float, range(n)))
        return AxisSpec(title=title, scale="category", low=-0.5, high=n - 0.5, down=upright, ticks=ticks, labels=axis.categories)
    places = tick_places(axis.scale, drawn, count)
    labels = tuple(tick_texts(axis.scale, places, share))
    return AxisSpec(title=title, scale=axis.scale, low=drawn.low, high=drawn.high, down=False, ticks=tuple(places), labels=labels)


def _series(chart: Chart, s: Series, i: int, shift: float) -> SeriesSpec:
    flip = _flipped(chart)
    place, value = (chart.y, chart.x) if flip else (chart.x, chart.y)
    places, values = (s.y, s.x) if flip else (s.x, s.y)
    color = 0 if s.thin else TONES.get(s.tone, 1 + i % ROLES)
    banded = bool(s.low and s.high)
    neither = color == 0
    ends = tuple(zip(s.low, s.high, strict=True)) if banded else ()
    return SeriesSpec(
        name=s.name,
        color=color,
        dash=() if s.thin else DASHES[2] if neither else DASHES[(color - 1 + 2 * (0 if s.tone else i // ROLES)) % ROLES],
        marker=MARKERS[0] if neither else MARKERS[(color - 1 + 3 * (0 if s.tone else i // ROLES)) % ROLES],
        marked=sum(v is not None for v in s.y) <= MARKED and not s.thin,
        shift=shift,
        x=_finite(s.x),
        y=_finite(s.y),
        low=_finite(s.low) if banded else (),
        high=_finite(s.high) if banded else (),
        places=tuple(shown(place, at) for at in places),
        texts=tuple(_alike(value, values) if chart.kind in ("bar", "hbar") else (shown(value, v) for v in values)),
        between=tuple("–" if a is None or b is None else f"{shown(value, a)} to {shown(value, b)}" for a, b in ends),
        thin=s.thin,
        colors=tuple(-1 if v is None else round(v * (len(LEVELS) - 1)) for v in s.level),
        remarks=s.remarks,
    )


def _shift(chart: Chart, i: int, lanes: int, width: float) -> float:
    """Bars stand side by side; points of categories a little apart, so that their whiskers do not meet."""
    middle = min(i, lanes - 1) - (lanes - 1) / 2
    if chart.kind in ("bar", "hbar"):
        return middle * width
    categories = chart.kind in ("dot", "scatter") and not any(s.level for s in chart.series) and (chart.x.categories or chart.y.categories)
    return middle * min(DOT, 0.5 / max(lanes, 1)) if categories else 0.0


def _spread(chart: Chart, flip: bool) -> tuple[list[float], list[float]]:
    """All places and all values that are drawn, whiskers and reference lines with them."""
    places = [v for s in chart.series for v in _finite(s.y if flip else s.x) if v is not None]
    drawn = [v for s in chart.series for part in (s.x if flip else s.y, s.low, s.high) for v in _finite(part) if v is not None]
    return places, [*drawn, *(value for _, value in chart.reference if math.isfinite(value))]


def _step(places: Sequence[float]) -> float:
    """The smallest distance between two places."""
    order = sorted(set(places))
    return min((b - a for a, b in pairwise(order)), default=1.0)


def _finite(values: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(v if v is not None and math.isfinite(v) else None for v in values)
