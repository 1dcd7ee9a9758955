"""A person's table as rows of x and back, exactly: the places of the columns, their bounds, and their dtypes."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .categories import Categories
from .feature import Feature
from .number_columns import finite, number_column, numbers, plain_dtype
from .remembered import Remembered
from .texts import Texts

FEW_ROWS = 8  # so few are read cell by cell, which of thousands of columns is quicker than column by column

if TYPE_CHECKING:
    import pandas as pd


class Table:
    """The columns of x and of the person's table, from the features in their order; a thing is worked out once.

    x holds the table's own columns: numbers as float64, NaN where a row has none, categories by place. An image is one column of pixels
    after the other.
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features

    @cached_property
    def images(self) -> bool:
        """Is a row an image?"""
        return len(self.features) == 1 and self.features[0].kind == "pixels"

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row of x: (columns,) of a table, (channels, height, width) of images."""
        return self.features[0].shape if self.images else (sum(f.width for f in self.features),)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each feature stands among the columns of x."""
        found, start = {}, 0
        for feature in self.features:
            found[feature.name] = slice(start, start + feature.width)
            start += feature.width
        return found

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """A name for each column of x: the table's own, and of an image its pixels."""
        if self.images:
            f = self.features[0]
            return tuple(f"{f.name}[{i}]" for i in range(f.width))
        return tuple(c for f in self.features for c in f.table_columns)

    def spread(self, of: dict[str, float]) -> NDArray[np.float64]:
        """A number per feature repeated over its columns: float64 of ``shape``."""
        flat = np.concatenate([np.full(f.width, of[f.name], np.float64) for f in self.features])
        return flat.reshape(self.shape)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """Smallest valid value of each column, float64 of ``shape``; 0 of a category's place."""
        return self.spread({f.name: 0.0 if f.grouped else f.low for f in self.features})

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """Largest valid value of each column, float64 of ``shape``; k - 1 of a category's place."""
        return self.spread(
            {f.name: len(f.categories) - 1.0 if f.kind == "categorical" else 1.0 if f.grouped else f.high for f in self.features}
        )

    def encode(self, frame: "pd.DataFrame") -> NDArray[np.floating[Any]]:
        """The rows of a person's table: float64 (n, *shape) of a table, float32 of images.

        Raises
        ------
        Problem
            Naming the column and the value that is not in the schema.
        """
        if self.images:
            return self._pixels(frame)
        self.require(frame)
        x = np.empty((len(frame), *self.shape))
        done = self._read_together(frame, x)
        if len(frame) <= FEW_ROWS:
            done |= self._read_few(frame, x)
        for number, (feature, place) in enumerate(zip(self.features, self.slices.values(), strict=True)):
            if number not in done:
                x[:, place] = self._coded(frame, number, feature)
        return x

    def require(self, frame: "pd.DataFrame") -> None:
        """Refuse a table that lacks a column."""
        if lost := [c for c in self.columns if c not in frame.columns]:
            known = ", ".join(map(str, list(frame.columns)[:20]))
            raise Problem(
                f"the columns {', '.join(self.columns[:20])}",
                f"none called {', '.join(lost[:20])} among {known}",
                "Add or rename the columns",
            )

    def _read_together(self, frame: "pd.DataFrame", x: NDArray[np.float64]) -> set[int]:
        """Write columns of plain numbers into ``x``, those of one dtype at once; which features need no second look."""
        alike: dict[Any, list[int]] = {}
        dtypes = frame.dtypes.to_dict()
        for number in self._numeric:
            dtype = dtypes[self.features[number].name]
            if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
                alike.setdefault(dtype, []).append(number)
        return {n for numbers in alike.values() for n in self._block(frame, numbers, x)}

    def _block(self, frame: "pd.DataFrame", numbers: list[int], x: NDArray[np.float64]) -> list[int]:
        values = frame[[self.features[n].name for n in numbers]].to_numpy().astype(np.float64, copy=False)
        places = self._starts[numbers]
        low, high = self.low[places], self.high[places]
        whole = self._whole[numbers]
        good = ((values >= low) & (values <= high) & (~whole | (values == np.round(values)))).all(0)
        x[:, places[good]] = values[:, good]
        return [n for n, right in zip(numbers, good, strict=True) if right]

    def _read_few(self, frame: "pd.DataFrame", x: NDArray[np.float64]) -> set[int]:
        """Write the categories of few rows into ``x``, cell by cell; which features need no second look."""
        names = [self.features[n].name for n in self._categorical]
        if not names:
            return set()
        cells = frame[names].to_numpy(object)
        done = set()
        for i, number in enumerate(self._categorical):
            held = self._looked_up[number]
            assert isinstance(held, Categories)
            places = [held.place_of_cell(value) for value in cells[:, i].tolist()]
            if min(places, default=0) >= 0:
                x[:, self._starts[number]] = places
                done.add(number)
        return done

    @cached_property
    def _categorical(self) -> list[int]:
        return [n for n, f in enumerate(self.features) if f.kind == "categorical"]

    @cached_property
    def _numeric(self) -> list[int]:
        return [n for n, f in enumerate(self.features) if f.numeric]

    @cached_property
    def _whole(self) -> NDArray[np.bool_]:
        return np.array([f.kind == "integer" for f in self.features], bool)

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        """The first column of x of each feature."""
        return np.array([place.start for place in self.slices.values()], np.intp)

    def _coded(self, frame: "pd.DataFrame", number: int, feature: Feature) -> NDArray[np.float64]:
        held = self._looked_up[number]
        if held is not None:
            return held.codes(frame[feature.name])[:, None]
        return _group(frame, feature) if feature.kind == "onehot" else _number(frame, feature)[:, None]

    def _pixels(self, frame: "pd.DataFrame") -> NDArray[np.float32]:
        f = self.features[0]
        if frame.shape[1] != f.width:
            raise Problem(
                f"{f.width} pixel columns ({'×'.join(map(str, f.shape))})", f"{frame.shape[1]} columns", "Give one column per pixel"
            )
        values = np.stack([finite(frame[c], str(c)) for c in frame.columns], axis=1) / f.divide
        if values.min() < f.low or values.max() > f.high:
            found = f"{values.min() * f.divide:g} to {values.max() * f.divide:g}"
            raise Problem(
                f"pixels between {f.low * f.divide:g} and {f.high * f.divide:g}", found, "Rescale the images or correct the bounds"
            )
        return values.reshape(-1, *f.shape).astype(np.float32)

    def decode(self, x: NDArray[np.floating[Any]]) -> "pd.DataFrame":
        """Rows of x as the person's table: the same columns, dtypes, categories and empty cells."""
        import pandas as pd

        if self.images:
            flat = np.asarray(x, np.float32).reshape(len(x), -1)
            return pd.DataFrame(flat * self.features[0].divide, columns=list(self.columns))
        rows = np.asarray(x, np.float64).reshape(len(x), -1)
        blocks = [_as_dtype(rows[:, places] if len(places) < rows.shape[1] else rows, dtype) for dtype, places in self._blocks]
        if len(self._alone):
            return pd.DataFrame(dict(zip(self.columns, self._one_by_one(rows, blocks), strict=True)))
        columns = np.array(self.columns, object)
        parts = [pd.DataFrame(block, columns=columns[places]) for block, (_, places) in zip(blocks, self._blocks, strict=True)]
        if len(parts) == 1:
            return parts[0]
        order = np.concatenate([places for _, places in self._blocks])
        return pd.concat(parts, axis=1).iloc[:, np.argsort(order)]

    def _one_by_one(self, rows: NDArray[np.float64], blocks: list[NDArray[Any]]) -> list[Any]:
        found: list[Any] = [None] * rows.shape[1]
        for block, (_, places) in zip(blocks, self._blocks, strict=True):
            for i, place in enumerate(places.tolist()):
                found[place] = block[:, i]
        for place in self._alone.tolist():
            found[place] = self._column(place, rows[:, place])
        return found

    def _column(self, column: int, values: NDArray[np.float64]) -> Any:
        number = self._feature_at[column]
        held = self._looked_up[number]
        return held.column(values) if held is not None else number_column(values, self.features[number])

    @cached_property
    def _looked_up(self) -> list[Categories | Texts | None]:
        """Of each feature that is no number what stands in its column."""
        return [Categories(f) if f.kind == "categorical" else Texts(f) if f.kind == "text" else None for f in self.features]

    @cached_property
    def _feature_at(self) -> list[int]:
        """For each column of x, which feature it is of."""
        return [n for n, f in enumerate(self.features) for _ in range(f.width)]

    @cached_property
    def _dtypes(self) -> list[str]:
        """For each column of x the NumPy dtype it always has in the person's table, or an empty string."""
        kept = [_written_as(f) for f in self.features]
        return [kept[n] for n in self._feature_at]

    @cached_property
    def _blocks(self) -> list[tuple[str, NDArray[np.intp]]]:
        """The columns of x that are written back at once, by their dtype."""
        of = np.array(self._dtypes, object)
        return [(dtype, np.flatnonzero(of == dtype)) for dtype in dict.fromkeys(self._dtypes) if dtype]

    @cached_property
    def _alone(self) -> NDArray[np.intp]:
        """The columns of x that are written back one by one."""
        return np.array([i for i, dtype in enumerate(self._dtypes) if not dtype], np.intp)


def _written_as(f: Feature) -> str:
    """The NumPy dtype that a feature's columns always have, or an empty string; false and true are the places 0 and 1."""
    if f.kind == "categorical":
        return "bool" if f.dtype == "bool" and f.written == (False, True) else ""
    return "" if f.kind == "text" else plain_dtype(f)


def _as_dtype(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    return np.round(values).astype(dtype) if np.dtype(dtype).kind in "iu" else values.astype(dtype)


def _group(frame: "pd.DataFrame", f: Feature) -> NDArray[np.float64]:
    group = np.stack([finite(frame[c], c) for c in f.columns], axis=1)
    wrong = (group.sum(1) != 1) | ~np.isin(group, (0, 1)).all(1)
    if wrong.any():
        found = f"{group[wrong.argmax()].tolist()} in row {wrong.argmax()}"
        raise Problem(f"exactly one 1 among {', '.join(f.columns)}", found, "Fix the row")
    return group


def _number(frame: "pd.DataFrame", f: Feature) -> NDArray[np.float64]:
    column = numbers(frame[f.name], f)
    slack = 1e-6 * max(abs(f.low), abs(f.high), 1e-30)
    outside = (column < f.low - slack) | (column > f.high + slack)
    if outside.any():
        row = int(outside.argmax())
        raise Problem(
            f"{f.name!r} between {f.low:.12g} and {f.high:.12g} {f.unit}".strip(),
            f"{column[row]:.12g} in row {row} ({int(outside.sum())} such rows)",
            "Correct the value, or the bounds in the schema",
        )
    broken = ~np.isnan(column) & (column != column.round())
    if f.kind == "integer" and broken.any():
        row = int(broken.argmax())
        raise Problem(f"whole numbers in {f.name!r}", f"{column[row]:.12g} in row {row}", "Declare the column continuous")
    return column


_tables: Remembered[Table] = Remembered(Table)


def table_of(features: tuple[Feature, ...]) -> Table:
    """The table of these very features, worked out once."""
    return _tables.of(features)
