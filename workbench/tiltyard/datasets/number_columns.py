"""Columns of numbers and dates as float64 and back, as the person's table holds them."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .dtypes import dtype_named, held_as
from .feature import Feature

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 1e300
EXACT = 2**53  # whole numbers from here on are rounded in float64
PLAIN = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool"})


def dated(column: "pd.Series") -> bool:
    """Does it hold dates or spans of time?"""
    import pandas as pd

    return pd.api.types.is_datetime64_any_dtype(column) or column.dtype.kind == "m"


def whole_units(column: "pd.Series", dtype: str = "") -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
    """Dates and spans as units of ``dtype``, or of their own, since 1970, int64 (n,), and which of them are empty."""
    lost = column.isna().to_numpy(bool)
    unit = unit_of(dtype) or unit_of(str(column.dtype))
    kind = "timedelta64" if column.dtype.kind == "m" else "datetime64"
    plain: Any = column.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(column.dt, "tz", None) is not None else column
    return plain.astype(f"{kind}[{unit}]").to_numpy().astype(np.int64), lost


def unit_of(dtype: str) -> str:
    """``"us"`` of ``datetime64[us, UTC]``; what is no dtype of dates has no unit."""
    return dtype.split("[")[1].split("]")[0].split(",")[0] if dtype.startswith(("datetime", "timedelta", "timestamp", "duration")) else ""


def number_values(column: "pd.Series", dtype: str = "", divide: float = 1.0) -> NDArray[np.float64]:
    """A column's numbers as float64 (n,), NaN where there is none; dates as ``divide`` units of ``dtype`` since 1970."""
    import pandas as pd

    if dated(column):
        whole, lost = whole_units(column, dtype)
        return np.where(lost, np.nan, whole / divide)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.to_numpy(np.float64)
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def numbers(column: "pd.Series", feature: Feature) -> NDArray[np.float64]:
    """The numbers of a feature (n,); NaN only where the feature says that rows may lack one, or may be left empty."""
    if not (feature.missing or feature.optional):
        return finite(column, feature.name, feature.dtype, feature.divide)
    values = number_values(column, feature.dtype, feature.divide)
    lost = ~np.isfinite(values) & ~column.isna().to_numpy(bool)
    if lost.any():
        row = int(lost.argmax())
        raise Problem(f"a finite number or nothing in {feature.name!r}", f"{_shown(column.iloc[row])} in row {row}", "Correct the value")
    return _bounded(values, feature.name)


def finite(column: "pd.Series", name: str, dtype: str = "", divide: float = 1.0) -> NDArray[np.float64]:
    """The numbers of a column (n,), each of them finite."""
    values = number_values(column, dtype, divide)
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


def dtype_of(feature: Feature) -> str:
    """The dtype of its column in the person's table."""
    return feature.dtype or ("int64" if feature.kind == "integer" and not feature.missing else "float64")


def plain_dtype(feature: Feature) -> str:
    """The NumPy dtype of its column where every value within its bounds fits; else an empty string."""
    dtype = dtype_of(feature)
    if dtype not in PLAIN or np.dtype(dtype).kind in "fb" or feature.kind == "onehot":
        return dtype if dtype in PLAIN else ""
    held = np.iinfo(dtype)
    return dtype if held.min <= feature.low and feature.high <= held.max and not feature.missing and not feature.optional else ""


def number_column(values: NDArray[np.float64], feature: Feature) -> Any:
    """Numbers (n,) as the person's column holds them: its dtype, its empty cells, dates as dates."""
    import pandas as pd

    dtype = dtype_of(feature)
    if unit_of(dtype):
        return _dates(values, dtype, feature.divide)
    if dtype == "object":
        return _objects(values, feature)
    if dtype not in PLAIN:
        dense = pd.Series(values, dtype="float64")
        whole = dense.round() if feature.kind == "integer" else dense
        return (whole if dtype.startswith("Sparse") else whole.astype("Float64")).astype(dtype_named(dtype)).array
    if np.dtype(dtype).kind in "fb":
        return values.astype(dtype)
    if np.isnan(values).any():
        return values.copy()
    held = np.iinfo(dtype)
    fits = len(values) == 0 or (held.min <= values.min() and values.max() <= held.max)
    return values.round().astype(dtype if fits else "int64")


def _dates(values: NDArray[np.float64], dtype: str, divide: float) -> Any:
    import pandas as pd

    lost = np.isnan(values)
    whole = np.nan_to_num(values).round().astype(np.int64) * np.int64(divide)
    whole[lost] = np.iinfo(np.int64).min
    span = dtype.startswith(("timedelta", "duration"))
    dates = pd.Series(whole.view(f"{'timedelta64' if span else 'datetime64'}[{unit_of(dtype)}]"))
    zoned = dates.dt.tz_localize("UTC") if "," in dtype else dates
    return zoned.astype(dtype_named(dtype)).array


def _objects(values: NDArray[np.float64], feature: Feature) -> Any:
    lost = np.isnan(values)
    held = np.empty(len(values), object)
    held[~lost] = [round(v) if feature.kind == "integer" else v for v in values[~lost].tolist()]
    held[lost] = None if feature.written == (None,) else np.nan
    return held_as(held)
