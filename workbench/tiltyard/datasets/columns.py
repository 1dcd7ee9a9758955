"""What one column of a person's table most likely means: number, category, or nothing a model should see."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .categories import category_feature, codes_in
from .column_names import words
from .feature import MISSING, Feature
from .people import fixed_at_birth, named_as
from .table import EXACT, number_values

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 100
FEW = 20
NOMINAL = frozenset({"sex", "gender", "race", "religion", "nationality", "marital"})
UNITS = {
    "age": "years",
    "hours": "hours",
    "hour": "hours",
    "month": "months",
    "months": "months",
    "years": "years",
    "percent": "%",
    "km": "km",
    "kg": "kg",
}


UNITS_OF_TIME = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True)
class Guess:
    """A column's feature, or None with ``why`` it is none; ``note`` is assumed, ``warned`` needs a look."""

    name: str
    feature: Feature | None
    why: str = ""
    note: str = ""
    warned: str = ""


def guess(frame: "pd.DataFrame", name: str, always: bool = False) -> Guess:
    """What ``frame[name]`` means. ``always`` takes it as a feature even where it looks like an id or free text."""
    import pandas as pd

    column = frame[name]
    types = pd.api.types
    if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
        return _date(column, name)
    if types.is_complex_dtype(column):
        return Guess(name, None, why="it holds complex numbers")
    if column.isna().all():
        return Guess(name, None, why="it is empty")
    if types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return _category(column, name, always)
    if types.is_numeric_dtype(column):
        return _number(column, name, always)
    return _text(column, name, always)


def _text(column: "pd.Series", name: str, always: bool) -> Guess:
    import pandas as pd

    try:
        different = pd.Series(column.dropna().unique())
    except TypeError:
        return Guess(name, None, why="it holds lists or other objects")
    if pd.to_numeric(different, errors="coerce").notna().sum() < 3:
        return _category(column, name, always)
    parsed = pd.to_numeric(column, errors="coerce")
    given = column.notna()
    share = float(parsed[given].notna().mean())
    if share == 1 and (len(different) > FEW or not different.map(lambda v: isinstance(v, str)).any()):
        return _number(parsed, name, always)
    if 0.9 < share < 1:
        found = _number(parsed, name, always)
        bad = given & parsed.isna()
        first = int(bad.to_numpy().argmax())
        return Guess(name, found.feature, found.why, found.note, f"{name!r} holds numbers, but {column.iloc[first]!r} in row {first}.")
    return _category(column, name, always)


def _date(column: "pd.Series", name: str) -> Guess:
    """A date as a number of its dtype's units since 1970; a span of time as a number of them."""
    values = number_values(column)
    there = values[~np.isnan(values)]
    if len(there) == 0:
        return Guess(name, None, why="it is empty")
    if np.abs(there).max() > EXACT:
        return Guess(name, None, why="its dates are written in too small a unit to be held exactly; store them in microseconds or longer")
    dtype = str(column.dtype)
    unit = UNITS_OF_TIME.get(dtype.split("[")[1].split("]")[0].split(",")[0], "")
    feature = Feature(
        name=name,
        kind="integer",
        low=float(there.min()),
        high=float(there.max()),
        unit=f"{unit} since 1970" if dtype.startswith("datetime") else unit,
        dtype=dtype,
        missing=len(there) < len(values),
        mutable=not fixed_at_birth(name),
        assumed=_assumed(name, f"seen: {column.min()} to {column.max()}"),
    )
    return Guess(name, feature, note=f"{name!r} holds dates; they are numbers of {unit} to an attacker, and dates to the model.")


def _category(column: "pd.Series", name: str, always: bool) -> Guess:
    import pandas as pd

    feature = category_feature(column, name, mutable=not fixed_at_birth(name))
    found = len(feature.categories)
    alone = found > max(len(column) / 2, FEW)
    if (alone or found > MOST_CATEGORIES) and not always and not isinstance(column.dtype, pd.CategoricalDtype):
        kind = "look like an id or free text" if alone else f"are more than {MOST_CATEGORIES}"
        return Guess(name, None, why=f"its {found:,} different values {kind}")
    missing = int((codes_in(column, feature) == feature.categories.index(MISSING)).sum()) if MISSING in feature.categories else 0
    note = f"{name!r} lacks a value in {missing:,} rows; they became the category {MISSING!r}." if missing else ""
    warned = f"{name!r} has the same value in every row." if column.nunique(dropna=False) == 1 else ""
    assumed = _assumed(name, f"{missing:,} missing" if missing else "")
    return Guess(name, feature.model_copy(update={"assumed": assumed}), note=note, warned=warned)


def _number(column: "pd.Series", name: str, always: bool) -> Guess:
    values = column.to_numpy(np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return Guess(name, None, why="it holds no finite number")
    if column.dtype.kind in "iu" and float(np.abs(values).max()) > EXACT:
        return Guess(name, None, why="its whole numbers are too large to be held exactly; give them as text, or in a larger unit")
    whole = bool((finite == np.round(finite)).all())
    if not always and whole and _counts_rows(values, name):
        return Guess(name, None, why="it numbers the rows")
    if whole and named_as(name) in NOMINAL and len(np.unique(finite)) <= 20:
        found = _category(column, name, always)
        return Guess(
            name, found.feature, note=f"{name!r} holds numbers that stand for groups, so it was read as categories. {found.note}".strip()
        )
    low, high = float(finite.min()), float(finite.max())
    low, high = (low, high) if whole else outward(low, high, whole)
    infinite = np.isinf(values)
    lost = int(np.isnan(values).sum())
    warned = note = ""
    if infinite.any():
        warned = f"{name!r} lacks a finite number in {int(infinite.sum()):,} rows, first row {int(infinite.argmax())}; fill or drop them."
    elif lost:
        note = f"{name!r} lacks a number in {lost:,} rows; they stay empty, and the model is given them so."
    if not lost and not infinite.any() and low == high:
        warned = f"{name!r} has the same value in every row."
    feature = Feature(
        name=name,
        kind="integer" if whole else "continuous",
        low=low,
        high=high,
        unit=next((UNITS[w] for w in words(name) if w in UNITS), ""),
        dtype=str(column.dtype),
        missing=lost > 0,
        mutable=not fixed_at_birth(name),
        assumed=_assumed(name, f"seen: {finite.min():g} to {finite.max():g}"),
    )
    return Guess(name, feature, note=note, warned=warned)


def _assumed(name: str, *parts: str) -> str:
    """What the schema's table says beside the feature."""
    return "; ".join(filter(None, (*parts, "nobody can change it" if fixed_at_birth(name) else "")))


def _counts_rows(values: NDArray[np.float64], name: str) -> bool:
    """Consecutive numbers, one a row, or different numbers under a name like ``id``."""
    if len(values) < 10 or not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    if (steps == 1).all():
        return True
    return bool({"id", "uid", "uuid", "index", "rowid"} & set(words(name))) and len(np.unique(values)) == len(values)


def outward(low: float, high: float, whole: bool) -> tuple[float, float]:
    """The observed smallest and largest value, rounded outward to a round step of at most a quarter of the span.

    The rounding never crosses zero; equal values stay as they are.
    """
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return low, high
    exponent = math.floor(math.log10(span / 4)) if span / 4 > 1e-300 else -300
    exponent = max(exponent, 0) if whole else exponent
    step = 10.0**exponent
    down, up = math.floor(low / step) * step, math.ceil(high / step) * step
    digits = max(-exponent, 0)
    if digits <= 15:
        down, up = round(down, digits), round(up, digits)
    down, up = min(down, low), max(up, high)
    return (max(down, 0.0) if low >= 0 else down), (min(up, 0.0) if high <= 0 else up)
