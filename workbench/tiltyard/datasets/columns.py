"""What one column of a person's table most likely means: number, category, or nothing a model should see."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .column_names import words
from .people import fixed_at_birth, named_as
from .schema import MISSING, Feature, coded

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
        return Guess(name, None, why="it holds dates")
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


def _category(column: "pd.Series", name: str, always: bool) -> Guess:
    codes, texts = coded(column)
    found = np.unique(texts).tolist()
    alone = len(found) > max(len(codes) / 2, FEW)
    if (alone or len(found) > MOST_CATEGORIES) and not always:
        kind = "look like an id or free text" if alone else "are too many for one column each"
        return Guess(name, None, why=f"its {len(found):,} different values {kind}")
    missing = int((texts == MISSING)[codes].sum())
    note = f"{name!r} lacks a value in {missing:,} rows; they became the category {MISSING!r}." if missing else ""
    warned = f"{name!r} has the same value in every row." if len(found) == 1 else ""
    assumed = _assumed(name, f"{missing:,} missing" if missing else "")
    feature = Feature(name=name, kind="categorical", categories=tuple(found), mutable=not fixed_at_birth(name), assumed=assumed)
    return Guess(name, feature, note=note, warned=warned)


def _number(column: "pd.Series", name: str, always: bool) -> Guess:
    values = column.to_numpy(np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return Guess(name, None, why="it holds no finite number")
    whole = bool((finite == np.round(finite)).all())
    if not always and whole and _counts_rows(values, name):
        return Guess(name, None, why="it numbers the rows")
    if whole and named_as(name) in NOMINAL and len(np.unique(finite)) <= 20:
        found = _category(column, name, always)
        return Guess(
            name, found.feature, note=f"{name!r} holds numbers that stand for groups, so it was read as categories. {found.note}".strip()
        )
    low, high = outward(float(finite.min()), float(finite.max()), whole)
    bad = int(len(values) - len(finite))
    first = int((~np.isfinite(values)).argmax())
    warned = f"{name!r} lacks a finite number in {bad:,} rows, first row {first}; fill or drop them, or make it categorical." if bad else ""
    if not bad and low == high:
        warned = f"{name!r} has the same value in every row."
    feature = Feature(
        name=name,
        kind="integer" if whole else "continuous",
        low=low,
        high=high,
        unit=next((UNITS[w] for w in words(name) if w in UNITS), ""),
        mutable=not fixed_at_birth(name),
        assumed=_assumed(name, f"seen: {finite.min():g} to {finite.max():g}"),
    )
    return Guess(name, feature, warned=warned)


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
