"""Rows of tables as they go wrong on the way: noise, missing fields, other units, typing errors, categories mixed up, in five severities.

Every kind takes a `Corrupted` and changes some of its cells; how many, or by how much, is said by the severity. What a row cannot lack is
filled as an importer would: a number with the median of the rows, a category with their commonest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema

CELLS = (0.02, 0.05, 0.1, 0.2, 0.35)  # of the cells that a kind can happen to
FEET = 3.28084


@dataclass(frozen=True)
class Corrupted:
    """Rows (n, columns) that are being corrupted, in place; ``was`` are the rows as they came. ``cut``: numbers stay within the schema's bounds."""

    x: Rows
    was: Rows
    schema: Schema
    severity: int
    rng: np.random.Generator
    cut: bool = True

    @property
    def share(self) -> float:
        """Of the cells that a kind can happen to, how many it does happen to."""
        return CELLS[self.severity - 1]

    @property
    def numbers(self) -> tuple[Feature, ...]:
        """Columns of numbers that are no dates."""
        return numbers(self.schema)

    def column(self, feature: Feature) -> NDArray[np.float64]:
        """A feature's number, or the place of its category, (n,)."""
        part = self.was[:, self.schema.slices[feature.name]]
        return (part.argmax(1) if feature.kind == "onehot" else part[:, 0]).astype(np.float64)

    def hit(self) -> NDArray[np.bool_]:
        """Rows drawn at random, a `share` of them."""
        return self.rng.random(len(self.x)) < self.share

    def put(self, feature: Feature, rows: NDArray[np.bool_], values: NDArray[np.float64]) -> None:
        """Write numbers, or places of categories, (n,) into ``rows`` of a feature, as the column can hold them."""
        part = self.schema.slices[feature.name]
        if feature.kind == "onehot":
            self.x[rows, part] = np.eye(feature.width)[values[rows].astype(int)]
            return
        if feature.numeric:
            values = np.rint(values) if feature.whole else values
            values = values.clip(feature.low, feature.high) if self.cut else _held(values, feature)
        kept = rows & ~np.isnan(self.was[:, part.start])
        self.x[kept, part.start] = values[kept]


def fields(schema: Schema) -> tuple[Feature, ...]:
    """The features of a schema but free text and derived columns, which follow from others."""
    derived = {d.name for d in schema.related.derived}
    return tuple(f for f in schema.features if f.kind != "text" and f.name not in derived)


def numbers(schema: Schema) -> tuple[Feature, ...]:
    """The features of a schema that are numbers and no dates."""
    return tuple(f for f in fields(schema) if f.numeric and not f.dtype.startswith(("datetime", "timedelta")))


def groups(schema: Schema) -> tuple[Feature, ...]:
    """The features of a schema that are one of several categories."""
    return tuple(f for f in fields(schema) if f.grouped and len(f.values) > 1)


def _held(values: NDArray[np.float64], feature: Feature) -> NDArray[np.float64]:
    """Within what the column's own dtype can hold."""
    kind = feature.dtype.lower()
    if kind.removeprefix("u").startswith("int"):
        info = np.iinfo(kind)
        return values.clip(float(info.min), np.nextafter(float(info.max), 0.0) if info.bits > 52 else float(info.max))
    return values


def gaussian_noise(rows: Corrupted) -> None:
    """Every number off by a share of how much its column varies; within the schema's bounds."""
    by = (0.05, 0.1, 0.2, 0.35, 0.5)[rows.severity - 1]
    for f in rows.numbers:
        value = rows.column(f)
        moved = value + by * _spread(value) * rows.rng.normal(size=len(value))
        rows.put(f, np.ones(len(value), bool), moved.clip(f.low, f.high))


def coarse_numbers(rows: Corrupted) -> None:
    """Every number rounded to steps of a share of how much its column varies; within the schema's bounds."""
    by = (0.25, 0.5, 1.0, 1.5, 2.5)[rows.severity - 1]
    for f in rows.numbers:
        value, step = rows.column(f), by * _spread(rows.column(f))
        if step > 0:
            rows.put(f, np.ones(len(value), bool), (np.rint(value / step) * step).clip(f.low, f.high))


def missing_fields(rows: Corrupted) -> None:
    """Cells here and there that are empty."""
    for f in fields(rows.schema):
        _emptied(rows, f, rows.hit())


def missing_columns(rows: Corrupted) -> None:
    """Columns that are empty in every row, for what feeds them is down."""
    every = fields(rows.schema)
    count = max(1, round((0.05, 0.1, 0.2, 0.3, 0.4)[rows.severity - 1] * len(every)))
    for i in rows.rng.permutation(len(every))[:count]:
        _emptied(rows, every[i], np.ones(len(rows.x), bool))


def times_ten(rows: Corrupted) -> None:
    """A point in the wrong place: ten times as much, or a tenth."""
    _scaled(rows, 10.0)


def times_thousand(rows: Corrupted) -> None:
    """Thousands for units or units for thousands."""
    _scaled(rows, 1000.0)


def feet_for_metres(rows: Corrupted) -> None:
    """A number in feet where metres were meant, or the other way."""
    _scaled(rows, FEET)


def swapped_digits(rows: Corrupted) -> None:
    """Two digits beside each other, typed the wrong way round."""
    _typed(rows, lambda text, i: text[:i] + text[i + 1] + text[i] + text[i + 2 :], 2, 2)


def lost_digit(rows: Corrupted) -> None:
    """A digit that was not typed."""
    _typed(rows, lambda text, i: text[:i] + text[i + 1 :], 2, 1)


def doubled_digit(rows: Corrupted) -> None:
    """A digit typed twice."""
    _typed(rows, lambda text, i: text[: i + 1] + text[i:], 1, 1)


def next_category(rows: Corrupted) -> None:
    """The category below the right one in the list."""
    for f in groups(rows.schema):
        rows.put(f, rows.hit(), (rows.column(f) + 1) % len(f.values))


def other_rows_category(rows: Corrupted) -> None:
    """The category of another row: common ones are put in the place of rare ones."""
    for f in groups(rows.schema):
        value = rows.column(f)
        rows.put(f, rows.hit(), value[rows.rng.permutation(len(value))])


def shifted_codes(rows: Corrupted) -> None:
    """A column whose categories are coded anew, each by the one after it, in every row: as many columns as the severity says."""
    every = groups(rows.schema)
    count = max(1, round((0.1, 0.25, 0.4, 0.6, 0.8)[rows.severity - 1] * len(every)))
    for i in rows.rng.permutation(len(every))[:count]:
        rows.put(every[i], np.ones(len(rows.x), bool), (rows.column(every[i]) + 1) % len(every[i].values))


Kind = Callable[[Corrupted], None]
OF_NUMBERS: dict[str, tuple[Kind, ...]] = {
    "noise": (gaussian_noise, coarse_numbers),
    "units": (times_ten, times_thousand, feet_for_metres),
    "typing": (swapped_digits, lost_digit, doubled_digit),
}
OF_ALL: dict[str, tuple[Kind, ...]] = {"missing": (missing_fields, missing_columns)}
OF_GROUPS: dict[str, tuple[Kind, ...]] = {"categories": (next_category, other_rows_category, shifted_codes)}


def kinds(schema: Schema) -> dict[str, tuple[Kind, ...]]:
    """The kinds that can happen to rows of a schema, by family."""
    return {**(OF_NUMBERS if numbers(schema) else {}), **OF_ALL, **(OF_GROUPS if groups(schema) else {})}


def corrupted(x: Rows, schema: Schema, kind: Kind, severity: int, rng: np.random.Generator, cut: bool = True) -> Rows:
    """Rows (n, columns) after ``kind``; derived columns are made anew of what is then there, and ``cut`` to their bounds too."""
    rows = Corrupted(x.copy(), x, schema, severity, rng, cut)
    kind(rows)
    found = schema.related.recomputed(rows.x)
    derived = np.isin(schema.columns, [d.name for d in schema.related.derived])
    return np.where(derived & cut, found.clip(schema.low, schema.high), found)


def _spread(value: NDArray[np.float64]) -> float:
    return 0.0 if np.isnan(value).all() else float(np.nanstd(value))


def _emptied(rows: Corrupted, feature: Feature, where: NDArray[np.bool_]) -> None:
    part, value = rows.schema.slices[feature.name], rows.column(feature)
    if feature.missing and not feature.grouped:
        rows.x[where, part] = np.nan
    elif MISSING in feature.values:
        rows.put(feature, where, np.full(len(value), float(feature.values.index(MISSING))))
    elif feature.grouped:
        rows.put(feature, where, np.full(len(value), float(np.bincount(value.astype(int)).argmax())))
    else:
        rows.put(feature, where, np.full(len(value), np.nanmedian(value)))


def _scaled(rows: Corrupted, factor: float) -> None:
    for f in rows.numbers:
        value, up = rows.column(f), rows.rng.random(len(rows.x)) < 0.5
        rows.put(f, rows.hit(), np.where(up, value * factor, value / factor))


def _typed(rows: Corrupted, wrong: Callable[[str, int], str], least: int, span: int) -> None:
    """Numbers as they are written, ``wrong`` at a drawn place of ``span`` digits; those of fewer than ``least`` digits stay."""
    for f in rows.numbers:
        value = rows.column(f)
        hit, moved = rows.hit() & np.isfinite(value), value.copy()
        for row in np.flatnonzero(hit):
            moved[row] = _mistyped(float(value[row]), f.whole, wrong, least, span, rows.rng)
        rows.put(f, hit, moved)


def _mistyped(value: float, whole: bool, wrong: Callable[[str, int], str], least: int, span: int, rng: np.random.Generator) -> float:
    head, _, tail = (f"{abs(value):.0f}" if whole else np.format_float_positional(abs(value), 6, fractional=False, trim="-")).partition(".")
    digits = head if len(head.lstrip("0")) >= least else head + tail  # in the part before the point, where there is enough of it
    if len(digits) < least:
        return value
    first = len(digits) - len(digits.lstrip("0"))
    places = max(len(digits) - span + 1, 1)
    place = int(rng.integers(min(first, places - 1), places))
    new = wrong(digits, place)
    text = f"{new}.{tail}" if digits == head else f"{new[: len(head)]}.{new[len(head) :]}"
    return float(np.copysign(float(text.rstrip(".") or 0), value))
