"""What one column of a person's table most likely means: number, category, or nothing a model should see."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .categories import category_feature, distinct, foreign_in
from .column_names import words
from .dtypes import dtype_name
from .feature import EMPTY_CELL, MISSING, Feature, Written
from .number_columns import EXACT, dated, unit_of, whole_units
from .people import fixed_at_birth, named_as
from .texts import text_feature
from .written_numbers import meaning

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 100
FEW = 20
WORDS = 4
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


UNITS_OF_TIME = ("nanoseconds", "microseconds", "milliseconds", "seconds")
SHORT = ("ns", "us", "ms", "s")


@dataclass(frozen=True)
class Guess:
    """A column's feature, or None with ``why`` it is none; ``note`` is assumed, ``warned`` needs a look; ``texts`` says that it is free text."""

    name: str
    feature: Feature | None
    why: str = ""
    note: str = ""
    warned: str = ""
    texts: bool = False


def guess(frame: "pd.DataFrame", name: str, always: bool = False) -> Guess:
    """What ``frame[name]`` means. ``always`` takes it as a feature even where it looks like an id or free text."""
    import pandas as pd

    column = frame[name]
    types = pd.api.types
    if dated(column):
        return _date(column, name, always)
    if types.is_complex_dtype(column):
        return Guess(name, None, why="it holds complex numbers")
    if column.isna().all() and not (always and types.is_numeric_dtype(column)):
        return _category(column, name, always) if always else Guess(name, None, why="it is empty")
    if column.dtype.kind == "b" or types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return _category(column, name, always)
    if types.is_numeric_dtype(column):
        return _number(column, name, always)
    return _text(column, name, always)


def guess_text(frame: "pd.DataFrame", name: str) -> Guess:
    """``frame[name]`` as free text, however short its texts are."""
    column = frame[name]
    return _free_text(column, name, distinct(column).values, always=True)


def likely_text(frame: "pd.DataFrame") -> tuple[str, str]:
    """The column of a person's table that is its text, and why.

    Raises
    ------
    Problem
        It has no column of text.
    """
    import pandas as pd

    words_of = {}
    for name in map(str, frame.columns):
        held = frame[name].dropna().head(1000)
        if len(held) and pd.api.types.infer_dtype(held, skipna=True) == "string" and not isinstance(frame[name].dtype, pd.CategoricalDtype):
            words_of[name] = float(held.astype(str).str.count(r"\s+").mean()) + 1
    if not words_of:
        known = ", ".join(map(str, list(frame.columns)[:8]))
        raise Problem("a column of text, which the model takes", f"columns {known}, none of them text", "Give a table with its texts")
    most = max(words_of, key=lambda name: words_of[name])
    return most, "the only column of text" if len(words_of) == 1 else f"its texts are the longest, {words_of[most]:.1f} words on average"


def _text(column: "pd.Series", name: str, always: bool) -> Guess:
    import pandas as pd

    inside = pd.api.types.infer_dtype(column, skipna=True) if column.dtype == object else "string"
    if inside in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _number_objects(column, name, always, inside)
    try:
        different = pd.Series(column.dropna().unique())
    except TypeError:
        return Guess(name, None, why="it holds lists or other objects")
    share = float(pd.to_numeric(different, errors="coerce").notna().mean())
    found = _category(column, name, always)
    if share < 1 and len(different) >= FEW / 2 and share >= 1 - 1.5 / len(different) and not always:
        return _slip(column, name, different)
    if len(different) > 2 and (meant := meaning(column)) is not None:
        return _stays_text(found, name, "dates" if dated(meant) else "numbers")
    return found


def _stays_text(found: Guess, name: str, what: str) -> Guess:
    """A column that a model is given as text although it means something else."""
    if found.feature is None:
        return replace(found, why=f"{found.why}; its {what} are written as text, so make them {what} first")
    stay = (
        f"{name!r} holds {what} written as text. They stay text, as a model is given them; make them {what} before you train if they are."
    )
    return replace(found, note=f"{found.note} {stay}".strip())


def _slip(column: "pd.Series", name: str, different: "pd.Series") -> Guess:
    """A column of numbers with something else in it."""
    import pandas as pd

    parsed = pd.to_numeric(column, errors="coerce")
    found = _number(parsed, name, always=False)
    first = int((column.notna() & parsed.isna()).to_numpy().argmax())
    return Guess(name, found.feature, found.why, found.note, f"{name!r} holds numbers, but {column.iloc[first]!r} in row {first}.")


def _number_objects(column: "pd.Series", name: str, always: bool, inside: str) -> Guess:
    """Python's numbers in a column of objects; what stands where there is none is remembered, None or NaN."""
    import pandas as pd

    if inside == "integer" and max(abs(v) for v in column.dropna().tolist()) >= EXACT:
        return _category(column, name, always)
    found = _number(pd.to_numeric(column.astype("float64")), name, always)
    if found.feature is None or not found.feature.numeric:
        return found
    lost = column[column.isna()].tolist()
    nones = sum(v is None for v in lost)
    if 0 < nones < len(lost) or (inside == "integer") != (found.feature.kind == "integer"):
        return _category(column, name, always) if inside != "decimal" else found
    feature = found.feature.model_copy(update={"dtype": "object", "written": (None,) if nones else ()})
    decimal = f"{name!r} holds decimal numbers of Python; a model is given them as float64." if inside == "decimal" else ""
    return replace(found, feature=feature, note=f"{found.note} {decimal}".strip())


def _date(column: "pd.Series", name: str, always: bool) -> Guess:
    """A date as a number of its dtype's units since 1970, of coarser ones where that is exact; a span of time as a number of them."""
    values, lost = whole_units(column)
    there = values[~lost]
    if len(there) == 0:
        return _category(column, name, always) if always else Guess(name, None, why="it is empty")
    dtype = dtype_name(column)
    finest = SHORT.index(unit_of(dtype))
    steps = [s for s in range(len(SHORT) - finest) if (there % 1000**s == 0).all() and np.abs(there // 1000**s).max() < EXACT]
    if not steps:
        return Guess(name, None, why="its dates are too fine to be held exactly; store them in microseconds or longer")
    unit, divide = UNITS_OF_TIME[finest + steps[0]], 1000 ** steps[0]
    feature = Feature(
        name=name,
        kind="integer",
        low=float(there.min() // divide),
        high=float(there.max() // divide),
        unit=f"{unit} since 1970" if column.dtype.kind == "M" else unit,
        divide=divide,
        dtype=dtype,
        missing=bool(lost.any()),
        mutable=not fixed_at_birth(name),
        assumed=_assumed(name, f"seen: {column.min()} to {column.max()}"),
    )
    what = "dates" if column.dtype.kind == "M" else "spans of time"
    return Guess(name, feature, note=f"{name!r} holds {what}; they are numbers of {unit} to an attacker, and {what} to the model.")


def _category(column: "pd.Series", name: str, always: bool) -> Guess:
    import pandas as pd

    try:
        found = distinct(column)
    except Problem:
        return Guess(name, None, why="it holds lists or other objects")
    own = isinstance(column.dtype, pd.CategoricalDtype)
    if foreign := foreign_in(column, found):
        return Guess(name, None, why=f"it holds {foreign}, which is neither text nor a number; write it as one of them")
    count = len(found.values)
    alone = count > max(len(column) / 2, FEW)
    if alone and _worded(found.values):
        return _free_text(column, name, found.values, always)
    if (alone or count > MOST_CATEGORIES) and not always and not own:
        kind = "look like an id or free text" if alone else f"are more than {MOST_CATEGORIES}"
        return Guess(name, None, why=f"its {count:,} different values {kind}")
    feature = category_feature(column, name, found, mutable=not fixed_at_birth(name))
    missing = int(found.nameless.sum())
    note = f"{name!r} lacks a value in {missing:,} rows; they became the category {MISSING!r}." if missing else ""
    warned = f"{name!r} has the same value in every row." if len(np.unique(found.codes)) == 1 else spellings(feature)
    assumed = _assumed(name, f"{missing:,} missing" if missing else "")
    return Guess(name, feature.model_copy(update={"assumed": assumed}), note=note, warned=warned)


def _free_text(column: "pd.Series", name: str, values: tuple[Written, ...], always: bool) -> Guess:
    """A feature where the model takes it: as one of numbers and categories it would only be in the way."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return Guess(name, None, why="it holds free text as a pandas category; make it text, as the model is given it")
    if not all(isinstance(v, str) or v is None or v == EMPTY_CELL for v in values):
        return Guess(name, None, why="it holds free text and other values")
    if None in values and EMPTY_CELL in values:
        return Guess(name, None, why="it holds free text, and None and NaN where there is none; write one of them")
    if not always:
        return Guess(name, None, why="it holds free text, a feature only where the model takes it", texts=True)
    note = f"{name!r} holds free text; it is given to the model as it is, and checks that need numbers do not apply."
    return Guess(name, text_feature(column, name), note=note, texts=True)


def _worded(values: tuple[Written, ...]) -> bool:
    """Are they texts of several words: four or more on average?"""
    texts = [v for v in values[:1000] if isinstance(v, str)]
    return len(texts) > FEW and sum(v.count(" ") + 1 for v in texts) >= WORDS * len(texts)


def spellings(feature: Feature) -> str:
    """A sentence on categories that are one word in several spellings, or an empty string."""
    same: dict[str, list[str]] = {}
    for written in feature.written or feature.categories:
        if isinstance(written, str):
            same.setdefault(" ".join(written.casefold().split()), []).append(written)
    if not (several := [names for word, names in same.items() if word and len(names) > 1]):
        return ""
    some = "; ".join(", ".join(map(repr, names[:4])) for names in several[:3])
    return f"{feature.name!r} writes one thing in several ways ({some}); to the model they are different."


def _number(column: "pd.Series", name: str, always: bool) -> Guess:
    values = column.to_numpy(np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    if len(finite) == 0 and always and np.isnan(values).all():
        return Guess(name, Feature(name=name, kind="continuous", low=0, high=0, dtype=dtype_name(column), missing=True))
    if len(finite) == 0:
        return Guess(name, None, why="it holds no finite number")
    if column.dtype.kind in "iu" and float(np.abs(finite).max()) >= EXACT:
        why = "its whole numbers are too large to be held exactly; give them as text, or in a larger unit"
        return _category(column, name, always) if always else Guess(name, None, why=why)
    whole = bool((finite == np.round(finite)).all())
    if not always and whole and _counts_rows(values, name):
        return Guess(name, None, why="it numbers the rows")
    if whole and named_as(name) in NOMINAL and len(np.unique(finite)) <= 20:
        found = _category(column, name, always)
        return Guess(
            name, found.feature, note=f"{name!r} holds numbers that stand for groups, so it was read as categories. {found.note}".strip()
        )
    low, high = bounds_of(finite)
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
        dtype=dtype_name(column),
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


def bounds_of(finite: NDArray[np.float64]) -> tuple[float, float]:
    """The smallest and largest value; rounded outward where they are not whole, so that never a place past a vocabulary is asked for."""
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if (finite == finite.round()).all() else outward(low, high)


def outward(low: float, high: float) -> tuple[float, float]:
    """The observed smallest and largest value, rounded outward to a round step of at most a quarter of the span.

    The rounding never crosses zero; equal values stay as they are.
    """
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return low, high
    exponent = math.floor(math.log10(span / 4)) if span / 4 > 1e-300 else -300
    step = 10.0**exponent
    down, up = math.floor(low / step) * step, math.ceil(high / step) * step
    digits = max(-exponent, 0)
    if digits <= 15:
        down, up = round(down, digits), round(up, digits)
    down, up = min(down, low), max(up, high)
    return (max(down, 0.0) if low >= 0 else down), (min(up, 0.0) if high <= 0 else up)
