"""The different values of a column, each by a name and by what the table itself holds, and rows as places among them."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .feature import MISSING, Feature, Written

if TYPE_CHECKING:
    import pandas as pd

EMPTY = "(empty)"
ABSENT = ("", "?")


@dataclass(frozen=True)
class Distinct:
    """The different values of a column.

    Attributes
    ----------
    codes : (n,)
        The place of each row's value in ``values``; -1 where the row has none.
    values
        As Python values, in the order of their first row; of a pandas category all of its levels, in their order.
    none
        Is what stands in rows without a value Python's None, and not NaN?
    """

    codes: NDArray[np.intp]
    values: tuple[Written, ...]
    none: bool = False


def distinct(column: "pd.Series") -> Distinct:
    """The different values of ``column``; 1, 1.0, True and ``"1"`` are four."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return Distinct(column.cat.codes.to_numpy().astype(np.intp), tuple(map(_plain, column.cat.categories.tolist())))
    if column.dtype == bool:
        return Distinct(column.to_numpy().astype(np.intp), (False, True))
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty"):
        return _mixed(column)
    codes, values = pd.factorize(column, use_na_sentinel=True)
    none = column.dtype == object and bool((codes < 0).any()) and column.iloc[int((codes < 0).argmax())] is None
    return Distinct(codes.astype(np.intp), tuple(map(_plain, pd.Index(values).tolist())), none)


def _mixed(column: "pd.Series") -> Distinct:
    import pandas as pd

    lost = column.isna().to_numpy(bool)
    places: dict[tuple[type, Any], int] = {}
    cells = column.tolist()
    try:
        codes = [-1 if gone else places.setdefault((type(_plain(v)), _plain(v)), len(places)) for v, gone in zip(cells, lost, strict=True)]
    except TypeError:
        row = next(i for i, v in enumerate(cells) if not pd.api.types.is_hashable(v))
        raise Problem(f"text, numbers or true and false in {column.name!r}", f"{cells[row]!r} in row {row}", "Leave it out") from None
    return Distinct(np.array(codes, np.intp), tuple(value for _, value in places), bool(lost.any()) and cells[int(lost.argmax())] is None)


def _plain(value: Any) -> Any:
    """A NumPy number as Python's; anything that JSON cannot hold as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (str, bool, int, float)) else str(value)


def name_of(value: Written) -> str:
    """A category's name: text without the blanks around it, whole numbers without ``.0``; ``(missing)`` for ``?``, empty and no value."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, float) and not isinstance(value, bool) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    text = str(value).strip()
    return MISSING if text in ABSENT else text


def category_feature(column: "pd.Series", name: str, *, mutable: bool = True, assumed: str = "") -> Feature:
    """A feature of the different values of ``column``: in alphabetical order, those of a pandas category in their own."""
    import pandas as pd

    found = distinct(column)
    values: list[Written] = list(found.values)
    if (found.codes < 0).any():
        values.append(None if found.none else MISSING)
    names = _names(values, bool((found.codes < 0).any()))
    own = isinstance(column.dtype, pd.CategoricalDtype)
    order = range(len(names)) if own else sorted(range(len(names)), key=names.__getitem__)
    categories = tuple(names[i] for i in order)
    written = tuple(values[i] for i in order)
    return Feature(
        name=name,
        kind="categorical",
        categories=categories,
        written=() if written == categories and all(isinstance(v, str) for v in written) else written,
        dtype=str(column.dtype),
        ordered=own and bool(column.cat.ordered),
        mutable=mutable,
        assumed=assumed,
    )


def _names(values: list[Written], missing: bool) -> list[str]:
    """A name of its own for each value; the last is a missing one where ``missing`` says so."""
    names = [name_of(v) for v in values]
    if missing:
        names[-1] = MISSING
    taken: dict[str, int] = {}
    for i in reversed(range(len(names))):
        value = values[i]
        if names[i] in taken:
            names[i] = EMPTY if value == "" else str(value) if str(value) not in taken else f"{value!r} ({type(value).__name__})"
        taken[names[i]] = i
    return names


def codes_in(column: "pd.Series", feature: Feature) -> NDArray[np.float64]:
    """The place of each row's value among the feature's categories, float64 (n,): as the table wrote it, else by name.

    Raises
    ------
    Problem
        For a value that is none of them, with its row.
    """
    found = distinct(column)
    places = [_place(value, feature) for value in found.values]
    table = np.array([*places, _missing_place(feature)], np.float64)  # code -1 is the last
    codes = table[found.codes]
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        some = ", ".join(feature.categories[:8]) + (" …" if len(feature.categories) > 8 else "")
        count = int((codes < 0).sum())
        value = MISSING if found.codes[row] < 0 else name_of(found.values[found.codes[row]])
        told = f"{value!r} in row {row} ({count:,} such row{'s' * (count != 1)})"
        do = "Correct it or leave such rows out; add it to the schema only where the model knows it"
        raise Problem(f"{feature.name!r} to be one of {some}", told, do)
    return codes


def _place(value: Written, feature: Feature) -> int:
    """The value's place by what the table writes, else by its name, else as true for 1 and false for 0; -1 where it is none."""
    for i, own in enumerate(feature.written):
        if type(own) is type(value) and own == value and own != MISSING:
            return i
    names = [name_of(value), str(value)]
    if isinstance(value, bool):
        names.append(str(int(value)))
    elif isinstance(value, (int, float)) and value in (0, 1):
        names.append(str(bool(value)))
    return next((feature.categories.index(name) for name in names if name in feature.categories), -1)


def _missing_place(feature: Feature) -> int:
    return feature.categories.index(MISSING) if MISSING in feature.categories else -1


class Categories:
    """The categories of one feature as the person's table holds them, ready to be looked up by place."""

    def __init__(self, feature: Feature) -> None:
        import pandas as pd

        written = feature.written or tuple(MISSING if c == MISSING else c for c in feature.categories)
        held = [np.nan if isinstance(v, str) and v == MISSING else v for v in written]
        self.feature = feature
        self.levels: pd.Index[Any] | None = None
        if feature.dtype == "category":
            levels = [v for v, name in zip(held, feature.categories, strict=True) if name != MISSING]
            numbers = iter(range(len(levels)))
            self.levels = pd.Index(levels)
            self.values: Any = np.array([-1 if name == MISSING else next(numbers) for name in feature.categories], np.intp)
            return
        dtype = feature.dtype or ("object" if not feature.written else None)
        if dtype == "object":
            self.values = np.empty(len(held), object)
            self.values[:] = held
        else:
            self.values = pd.Series(held, dtype=dtype).array

    def column(self, codes: NDArray[np.floating[Any]]) -> Any:
        """The column (n,) of the places ``codes``, of the dtype that the person's table has."""
        import pandas as pd

        places = codes.astype(np.intp)
        if self.levels is not None:
            return pd.Categorical.from_codes(self.values[places], self.levels, ordered=self.feature.ordered)
        return self.values[places]
