"""A person's table as rows of x and back, exactly: the places of the columns, their bounds, and their dtypes."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .categories import Categories, codes_in
from .feature import Feature
from .remembered import Remembered

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e300
EXACT = 2**53  # whole numbers beyond are rounded in float64


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
        if lost := [c for c in self.columns if c not in frame.columns]:
            known = ", ".join(map(str, list(frame.columns)[:20]))
            raise Problem(
                f"the columns {', '.join(self.columns[:20])}",
                f"none called {', '.join(lost[:20])} among {known}",
                "Add or rename the columns",
            )
        x = np.empty((len(frame), *self.shape))
        for feature, place in zip(self.features, self.slices.values(), strict=True):
            x[:, place] = _coded(frame, feature)
        return x

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
        if self._plain:
            return pd.DataFrame(rows.copy(), columns=list(self.columns))
        data: dict[str, Any] = {}
        for column, (feature, held) in enumerate(self._forms):
            part = rows[:, column]
            data[self.columns[column]] = held.column(part) if held is not None else number_column(part, feature)
        return pd.DataFrame(data)

    @cached_property
    def _plain(self) -> bool:
        return all(f.kind == "continuous" and f.dtype in ("", "float64") for f in self.features)

    @cached_property
    def _forms(self) -> list[tuple[Feature, Categories | None]]:
        """For each column of x its feature, and the categories of one that has them."""
        return [(f, Categories(f) if f.kind == "categorical" else None) for f in self.features for _ in range(f.width)]


def _coded(frame: "pd.DataFrame", f: Feature) -> NDArray[np.float64]:
    if f.kind == "categorical":
        return codes_in(frame[f.name], f)[:, None]
    if f.kind == "onehot":
        group = np.stack([finite(frame[c], c) for c in f.columns], axis=1)
        wrong = (group.sum(1) != 1) | ~np.isin(group, (0, 1)).all(1)
        if wrong.any():
            found = f"{group[wrong.argmax()].tolist()} in row {wrong.argmax()}"
            raise Problem(f"exactly one 1 among {', '.join(f.columns)}", found, "Fix the row")
        return group
    column = numbers(frame[f.name], f)
    slack = 1e-6 * max(abs(f.low), abs(f.high), 1e-30)
    outside = (column < f.low - slack) | (column > f.high + slack)
    if outside.any():
        row = int(outside.argmax())
        raise Problem(
            f"{f.name!r} between {f.low:g} and {f.high:g} {f.unit}".strip(),
            f"{column[row]:g} in row {row} ({int(outside.sum())} such rows)",
            "Correct the value, or the bounds in the schema",
        )
    there = column[~np.isnan(column)]
    if f.kind == "integer" and (there != there.round()).any():
        row = int((~np.isnan(column) & (column != column.round())).argmax())
        raise Problem(f"whole numbers in {f.name!r}", f"{column[row]:g} in row {row}", "Declare the column continuous")
    return column[:, None]


def number_values(column: "pd.Series") -> NDArray[np.float64]:
    """A column's numbers as float64 (n,), NaN where there is none; dates as units of their dtype since 1970."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        lost = column.isna().to_numpy(bool)
        raw = column.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(column.dt, "tz", None) is not None else column
        return np.where(lost, np.nan, raw.to_numpy().astype(np.int64).astype(np.float64))
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def numbers(column: "pd.Series", feature: Feature) -> NDArray[np.float64]:
    """The numbers of a feature (n,); NaN only where the feature says that rows may lack one, or may be left empty."""
    values = number_values(column)
    if not (feature.missing or feature.optional):
        return finite(column, feature.name)
    lost = ~np.isfinite(values) & ~column.isna().to_numpy(bool)
    if lost.any():
        row = int(lost.argmax())
        raise Problem(f"a finite number or nothing in {feature.name!r}", f"{_shown(column.iloc[row])} in row {row}", "Correct the value")
    return _bounded(values, feature.name)


def finite(column: "pd.Series", name: str) -> NDArray[np.float64]:
    """The numbers of a column (n,), each of them finite."""
    values = number_values(column)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(bad.argmax())
        raise Problem(
            f"a finite number in every row of {name!r}",
            f"{_shown(column.iloc[row])} in row {row} ({int(bad.sum())} such rows)",
            f"Fill or drop these rows, say what stands for them (features: {name}, missing = …), or declare the column categorical",
        )
    return _bounded(values, name)


def _bounded(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    if (np.abs(values) > LARGEST).any():
        row = int(np.nan_to_num(np.abs(values)).argmax())
        raise Problem(f"numbers within ±{LARGEST:g} in {name!r}", f"{values[row]:g} in row {row}", "Give the column in a larger unit")
    return values


def _shown(value: object) -> str:
    """A cell as a person would write it."""
    return repr(value) if isinstance(value, str) else str(value)


def number_column(values: NDArray[np.float64], feature: Feature) -> Any:
    """Numbers (n,) as the person's column holds them: its dtype, its empty cells, dates as dates."""
    import pandas as pd

    dtype = feature.dtype or ("int64" if feature.kind == "integer" and not np.isnan(values).any() else "float64")
    if dtype.startswith(("datetime64", "timedelta64")):
        lost = np.isnan(values)
        whole = np.where(lost, np.iinfo(np.int64).min, np.nan_to_num(values).round()).astype(np.int64)
        plain = dtype.split(",")[0].rstrip("]") + "]"
        dates = pd.Series(whole.view(plain))
        return dates.dt.tz_localize("UTC").astype(dtype).array if "," in dtype else dates.array  # type: ignore[call-overload]
    kind = np.dtype(dtype).kind if dtype[:1].islower() and dtype not in ("boolean", "str", "string", "object", "category") else ""
    if kind == "f":
        return values.astype(dtype)
    if kind in "iu" and kind:
        return values.copy() if np.isnan(values).any() else values.round().astype(dtype)
    if dtype[:1].isupper():  # Int64 and its like hold numbers and empty cells
        lost = np.isnan(values)
        filled = np.nan_to_num(values)
        held: Any = pd.array(filled.round() if not dtype.startswith("Float") else filled, dtype="Float64").astype(dtype)  # type: ignore[call-overload]
        held[lost] = pd.NA
        return held
    return values.copy()


_tables: Remembered[Table] = Remembered(Table)


def table_of(features: tuple[Feature, ...]) -> Table:
    """The table of these very features, worked out once."""
    return _tables.of(features)
