"""What the trees behind a pipeline are given, column by column, and their thresholds brought back to the columns of the table.

A scaler, an imputer, a one-hot or ordinal encoder make each column that a tree reads of one column of the table. Which it is, and how, is
asked of the pipeline itself: one column of a row is varied, the others are held. A threshold on a number is brought back by halving, down
to neighboring floats, so that it lies just where the pipeline itself crosses it; of a category it is asked on which side each value falls.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from .tree_dumps import Split

Floats = NDArray[np.float64]
GRID, BASES, HALVINGS = 65, 3, 80


@dataclass(frozen=True)
class Crossed:
    """A column of the trees that a number makes: the ``cuts`` (c,) at which it is compared, and whether it rises with the number."""

    feature: Feature
    column: int
    cuts: Floats
    rising: bool


class Unreadable(Exception):
    """Why the trees' columns cannot be brought back to the table's, in words."""


@dataclass(frozen=True)
class Inputs:
    """How the columns that trees read (m) are made of a table's columns.

    Attributes
    ----------
    given
        From rows of x (n, columns) to what the trees are given, float64 (n, m).
    narrow
        Do the trees compare in float32?
    """

    given: Callable[[Rows], Floats]
    schema: Schema
    x: Rows
    narrow: bool
    _curves: dict[str, Floats] = field(default_factory=dict)

    def boxes(self, low: Floats, high: Floats, splits: Sequence[tuple[Split, ...]]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Boxes of the trees' columns (leaves, m) as boxes of encoded columns, and which of them any row can be in.

        Parameters
        ----------
        splits
            Of each box the splits by categories that lead to it.

        Raises
        ------
        Unreadable
            A column that the trees read is made of several columns, or is no monotone function of its number, or its number is split as categories are.
        """
        encoding = encoding_of(self.schema)
        low, high, reached = low.copy(), high.copy(), np.ones(len(low), bool)
        new_low, new_high = (np.full((len(low), len(encoding.low)), end) for end in (-np.inf, np.inf))
        coded = sorted({split.column for each in splits for split in each})
        used = np.union1d(np.flatnonzero(np.isfinite(low).any(0) | np.isfinite(high).any(0)), np.array(coded, np.intp))
        makers = self._makers(used)
        numbers: list[Crossed] = []
        for column in used:
            feature = makers[int(column)]
            part = slice(0, 0) if feature is None else encoding.slices[feature.name]
            if feature is None:
                value = self._compared(self.given(self.x[:1])[:, column])
                reached &= self._allowed(value, int(column), low, high, splits)[:, 0]
            elif feature.grouped:
                value = self._compared(self._curves[feature.name][:, column])
                allowed = self._allowed(value, int(column), low, high, splits)
                new_high[:, part] = np.where(allowed, new_high[:, part], 0.5)
            elif int(column) in coded:
                raise Unreadable(f"its trees split the number {feature.name!r} by categories")
            else:
                numbers.append(self._crossed(feature, int(column), (low[:, column], high[:, column])))
        for one, places in self._all_crossings(numbers):
            start = encoding.slices[one.feature.name].start
            _cut(one, places, (low[:, one.column], high[:, one.column]), (new_low[:, start], new_high[:, start]))
        return new_low, new_high, reached

    def _allowed(self, value: Floats, column: int, low: Floats, high: Floats, splits: Sequence[tuple[Split, ...]]) -> NDArray[np.bool_]:
        """Which of these values (v,) of a column each box allows, (leaves, v); one that is missing may go either way at a threshold."""
        missing = np.isnan(value)
        found: NDArray[np.bool_] = missing | ((value > low[:, column, None]) & (value <= high[:, column, None]))
        for i, each in enumerate(splits):
            for split in each:
                if split.column == column:
                    found[i] &= split.holds(value)
        return found

    def _compared(self, values: Floats) -> Floats:
        return values.astype(np.float32).astype(np.float64) if self.narrow else values

    def _set(self, feature: Feature, values: Floats, base: Rows) -> Rows:
        """The row ``base`` (columns,) once for each of these numbers, or places of categories."""
        rows, part = np.repeat(base[None], len(values), 0), self.schema.slices[feature.name]
        rows[:, part] = np.eye(feature.width)[values.astype(int)] if feature.kind == "onehot" else values[:, None]
        return rows

    def _makers(self, used: NDArray[np.intp]) -> dict[int, Feature | None]:
        """The one feature that makes each of these columns; None for a column that nothing changes."""
        found: dict[int, Feature | None] = {int(column): None for column in used}
        complete = self.x[~np.isnan(self.x).any(1)]
        bases = (complete if len(complete) else np.nan_to_num(self.x))[:BASES]
        for feature in self.schema.features:
            values = self._values(feature)
            curves = [self.given(self._set(feature, values, base)) for base in bases]
            moves = np.flatnonzero(np.any([~_alike(curve, curve[:1]).all(0) for curve in curves], 0))
            self._curves[feature.name] = curves[0]
            for column in np.intersect1d(moves, used):
                other = found[int(column)]
                if other is not None or not all(
                    np.allclose(curve[:, column], curves[0][:, column], atol=1e-9, equal_nan=True) for curve in curves
                ):
                    names = f"{other.name!r} and {feature.name!r}" if other is not None else f"{feature.name!r} and others"
                    raise Unreadable(f"a column that its trees read is made of {names}")
                found[int(column)] = feature
        return found

    def _values(self, feature: Feature) -> Floats:
        """Numbers over a feature's range, or the places of all its categories."""
        if feature.grouped:
            return np.arange(len(feature.values)).astype(np.float64)
        seen = self.x[:, self.schema.slices[feature.name].start]
        values = np.concatenate([np.linspace(feature.low, feature.high, GRID), seen[~np.isnan(seen)].clip(feature.low, feature.high)])
        return np.unique(np.rint(values) if feature.whole else values)

    def _crossed(self, feature: Feature, column: int, ends: tuple[Floats, Floats]) -> Crossed:
        """What is to be found of a column whose boxes have these ends."""
        steps = np.diff(self._compared(self._curves[feature.name][:, column]))
        if (steps > 0).any() and (steps < 0).any():
            raise Unreadable(f"a column that its trees read rises and falls with {feature.name!r}")
        cuts = np.unique(np.concatenate([end[np.isfinite(end)] for end in ends]))
        return Crossed(feature, column, cuts, not (steps < 0).any())

    def _all_crossings(self, numbers: list[Crossed]) -> Iterator[tuple[Crossed, Floats]]:
        """Each with where it crosses its cuts; columns of different numbers are asked of the pipeline in the same rows."""
        while numbers:
            first = list({one.feature.name: one for one in reversed(numbers)}.values())
            numbers = [one for one in numbers if not any(one is other for other in first)]
            yield from zip(first, self._crossings(first), strict=True)

    def _crossings(self, every: list[Crossed]) -> list[Floats]:
        """The largest number at which the trees' column is on the near side of each cut: at most it where it rises, above it where it falls;
        -inf where none is, inf where all are."""
        wholes = [one.feature.whole for one in every]
        low, high = ([np.full(len(one.cuts), end) for one, end in zip(every, ends, strict=True)] for ends in _ends(every))
        none, whole = [~near for near in self._near(every, low)], self._near(every, high)
        for _ in range(HALVINGS):
            middle = [np.floor((a + b) / 2) if w else a + (b - a) / 2 for a, b, w in zip(low, high, wholes, strict=True)]
            if not any(((m > a) & (m < b)).any() for a, m, b in zip(low, middle, high, strict=True)):
                break
            near = self._near(every, middle)
            low = [np.where(held, m, a) for held, m, a in zip(near, middle, low, strict=True)]
            high = [np.where(held, b, m) for held, m, b in zip(near, middle, high, strict=True)]
        return [np.where(no, -np.inf, np.where(all_, np.inf, at)) for no, all_, at in zip(none, whole, low, strict=True)]

    def _near(self, every: list[Crossed], at: list[Floats]) -> list[NDArray[np.bool_]]:
        """For each column, on which side of its cuts it is where its number is ``at``; all are asked in the same rows."""
        rows = np.repeat(self.x[:1], max(len(values) for values in at), 0)
        for one, values in zip(every, at, strict=True):
            rows[: len(values), self.schema.slices[one.feature.name].start] = values
        matrix = self.given(rows)
        below = [self._compared(matrix[: len(one.cuts), one.column]) <= one.cuts for one in every]
        return [near if one.rising else ~near for one, near in zip(every, below, strict=True)]


def _ends(every: list[Crossed]) -> tuple[list[float], list[float]]:
    """The least and the largest that each number may be."""
    low = [math.ceil(one.feature.low) if one.feature.whole else one.feature.low for one in every]
    return low, [math.floor(one.feature.high) if one.feature.whole else one.feature.high for one in every]


def _cut(one: Crossed, crossed: Floats, ends: tuple[Floats, Floats], found: tuple[Floats, Floats]) -> None:
    """Write where the number crosses the ends of each box into ``found``, where that is tighter."""
    below, above = (np.full(len(end), way) for end, way in zip(ends, (-np.inf, np.inf), strict=True))
    for end, into in zip(ends, (below, above), strict=True):
        some = np.isfinite(end)
        into[some] = crossed[np.searchsorted(one.cuts, end[some])]
    low, high = (below, above) if one.rising else (above, below)
    low = np.where(np.isfinite(ends[0 if one.rising else 1]), low, -np.inf)
    high = np.where(np.isfinite(ends[1 if one.rising else 0]), high, np.inf)
    np.maximum(found[0], low, out=found[0])
    np.minimum(found[1], high, out=found[1])


def _alike(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Where two arrays hold the same, NaN being the same as NaN."""
    found: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return found


def dense(matrix: Any, fitted: Sequence[Sequence[Any]] | None = None) -> Floats:
    """A matrix of numbers, sparse or a table, as an array; of a table a category by its code, NaN where a row lacks it.

    ``fitted``: of each column of categories those that the codes count, where they are not the table's own.
    """
    if hasattr(matrix, "toarray"):
        return np.asarray(matrix.toarray(), np.float64)
    if not hasattr(matrix, "columns"):
        return np.asarray(matrix, np.float64)
    theirs = iter(fitted or ())
    columns = [matrix.iloc[:, i] for i in range(matrix.shape[1])]
    return np.column_stack(
        [_codes(column, next(theirs, None)) if column.dtype == "category" else np.asarray(column, np.float64) for column in columns]
    )


def _codes(column: Any, categories: Sequence[Any] | None) -> Floats:
    held = column.cat if categories is None else column.cat.set_categories(categories).cat
    codes: Floats = held.codes.to_numpy().astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


KNOWN = (
    "StandardScaler",
    "MinMaxScaler",
    "MaxAbsScaler",
    "RobustScaler",
    "SimpleImputer",
    "OneHotEncoder",
    "OrdinalEncoder",
    "KBinsDiscretizer",
)
NAMED = ("PowerTransformer", "QuantileTransformer")
MONOTONE = ("negative", "log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "cbrt", "arcsinh", "arctan")


def monotone(step: Any) -> bool:
    """Is every step known to be monotone in each number, so that this need not be seen on some of its values alone?"""
    if step is None or isinstance(step, str):
        return True  # passed through, or dropped
    if hasattr(step, "steps"):
        return all(monotone(part) for _, part in step.steps)
    if hasattr(step, "transformers_"):
        return all(monotone(part[1]) for part in step.transformers_)
    if not type(step).__module__.startswith("sklearn."):
        return False
    name = type(step).__name__
    if name == "FunctionTransformer":
        return step.func is None or (isinstance(step.func, np.ufunc) and step.func.__name__ in MONOTONE)
    return name in (*KNOWN, *NAMED)
