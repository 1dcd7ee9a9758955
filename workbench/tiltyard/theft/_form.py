"""Rows as a thief's own model eats them: each number by its spread, a one-hot group for categories, and where numbers may be missing a mark of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema
from ._words import columns_of, width_of

CELLS = 2**22  # numbers encoded at a time
FLAT = 1e-12


@dataclass(frozen=True)
class Form:
    """Rows of x as columns ``(value - shift) / scale``, worked out in float64; a number that a row lacks is 0 there and 1 in a column of its own.

    Attributes
    ----------
    shift, scale : float64 (encoded columns,)
    """

    schema: Schema
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def by_bounds(cls, schema: Schema) -> Self:
        """From 0 to 1 within the bounds of each column."""
        encoding = encoding_of(schema)
        low, high = encoding.low.ravel(), encoding.high.ravel()
        return cls(schema, low, np.maximum(high - low, 1e-12))

    @classmethod
    def by_spread(cls, schema: Schema, x: Rows) -> Self:
        """With mean 0 and standard deviation 1 over the rows ``x``; columns that never change stay as they are but for their mean."""
        mean = _mean(schema, x, np.zeros(1), 1)
        spread = np.sqrt(_mean(schema, x, mean, 2))
        return cls(schema, mean, np.where(spread <= FLAT * np.maximum(np.abs(mean), 1), 1.0, spread))

    @property
    def empty(self) -> NDArray[np.intp]:
        """The encoded columns of which a row may lack the number."""
        if any(f.kind == "text" for f in self.schema.features):
            return np.empty(0, np.intp)
        places = encoding_of(self.schema).slices
        return np.array([places[name].start for name in self.schema.missing], np.intp)

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.shift) + len(self.empty)

    def __call__(self, x: Rows, dtype: type[Any] = np.float32) -> NDArray[Any]:
        """The columns (n, width) of ``dtype``."""
        z = (columns_of(self.schema, x) - self.shift) / self.scale
        lost = np.isnan(z[:, self.empty])
        return np.concatenate([np.nan_to_num(z, nan=0.0), lost], 1).astype(dtype)


def parts(schema: Schema, n: int) -> Iterator[slice]:
    """``n`` rows in slices of `CELLS` encoded numbers at most, one row at the least."""
    size = max(1, CELLS // max(width_of(schema), 1))
    return (slice(start, start + size) for start in range(0, n, size))


def _mean(schema: Schema, x: Rows, around: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """The mean of (value - around) ** power over the rows that have a value, of each encoded column."""
    total, count = 0.0, 0.0
    for part in parts(schema, len(x)):
        moved = (columns_of(schema, x[part]) - around) ** power
        total, count = total + np.nansum(moved, 0), count + (~np.isnan(moved)).sum(0)
    found: NDArray[np.float64] = np.asarray(total / np.maximum(count, 1), np.float64)
    return found


def settle(x: Rows, schema: Schema) -> None:
    """Make whole, in place, the numbers of x (n, columns) that must be, within their bounds."""
    places = np.flatnonzero(schema.integer)
    x[:, places] = np.clip(np.round(x[:, places]), np.ceil(schema.low[places]), np.floor(schema.high[places]))


def members(feature: Feature, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """``n`` random places among the values of a group that a thief may write: an empty cell only where the field may be left empty."""
    allowed = np.array([i for i, value in enumerate(feature.values) if value != MISSING or feature.optional] or [0], np.intp)
    return allowed[rng.integers(0, len(allowed), n)]
