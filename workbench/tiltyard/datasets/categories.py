"""The different values of a column, each by a name and by what the table itself holds, and rows as places among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .dtypes import CATEGORY, dtype_name, dtype_named, held_as, level_dtype
from .feature import EMPTY_CELL, MISSING, Feature, Written

if TYPE_CHECKING:
    import pandas as pd

EMPTY = "(empty)"
NONE = "(none)"
ABSENT = ("", "?")
PLAIN = (str, bool, int, float, type(None))


@dataclass(frozen=True)
class Distinct:
    """The different values of a column.

    Attributes
    ----------
    codes : (n,)
        The place of each row's value in ``values``.
    values
        As Python values, in the order of their first row; of a pandas category all of its levels, in their order. Where rows have no
        value, `EMPTY_CELL` or None is among them, the last; of a column of any objects both may be.
    foreign
        The type of a value that is neither text, a number, true, false nor an empty cell, so that here stands its text; or empty.
    """

    codes: NDArray[np.intp]
    values: tuple[Written, ...]
    foreign: str = ""

    @property
    def nameless(self) -> NDArray[np.bool_]:
        """Which rows (n,) have no value, or one that says so, such as ``?``."""
        return np.array([name_of(v) == MISSING for v in self.values], bool)[self.codes]


def distinct(column: "pd.Series") -> Distinct:
    """The different values of ``column``; 1, 1.0, True and ``"1"`` are four."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return _with_empty(column.cat.codes.to_numpy().astype(np.intp), column.cat.categories.tolist())
    if column.dtype == bool:
        return Distinct(column.to_numpy().astype(np.intp), (False, True))
    if column.dtype == object:
        inside = pd.api.types.infer_dtype(column, skipna=True)
        nones = _nones(column) if inside == "string" else 0
        if inside != "string" or nones not in (0, int(column.isna().sum())):
            return _mixed(column)
        codes, values = pd.factorize(column, use_na_sentinel=True)
        return _with_empty(codes.astype(np.intp), values.tolist(), None if nones else EMPTY_CELL)
    codes, held = pd.factorize(column, use_na_sentinel=True)
    return _with_empty(codes.astype(np.intp), pd.Index(held).tolist())


def _nones(column: "pd.Series") -> int:
    return sum(v is None for v in column[column.isna()].tolist())


def _with_empty(codes: NDArray[np.intp], values: list[Any], empty: Written = EMPTY_CELL) -> Distinct:
    """With code -1 as the last value, ``empty``."""
    found = tuple(map(_plain, values))
    foreign = next((type(v).__name__ for v, own in zip(values, found, strict=True) if type(own) is str and not isinstance(v, str)), "")
    lost = codes < 0
    return Distinct(np.where(lost, len(found), codes), (*found, empty), foreign) if lost.any() else Distinct(codes, found, foreign)


def _mixed(column: "pd.Series") -> Distinct:
    """Of a column of any objects, one by one."""
    import pandas as pd

    places: dict[tuple[type, Any], int] = {}
    codes = np.empty(len(column), np.intp)
    lost = column.isna().to_numpy(bool)
    foreign = ""
    for i, (cell, gone) in enumerate(zip(column.tolist(), lost, strict=True)):
        if not pd.api.types.is_hashable(cell):
            raise Problem(f"text, numbers or true and false in {column.name!r}", f"{cell!r} in row {i}", "Leave it out")
        value = cell if cell is None else EMPTY_CELL if gone else _plain(cell)
        odd = cell is not None and not isinstance(cell, float) if gone else isinstance(value, str) and not isinstance(cell, str)
        if odd:
            foreign = foreign or type(cell).__name__
        codes[i] = places.setdefault((type(value), value), len(places))
    return Distinct(codes, tuple(value for _, value in places), foreign)


def _plain(value: Any) -> Any:
    """A NumPy number as Python's; anything that JSON cannot hold as text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, PLAIN) and not (isinstance(value, float) and not np.isfinite(value)) else str(value)


def name_of(value: Written) -> str:
    """A category's name: text without the blanks around it, whole numbers without ``.0``; ``(missing)`` for ``?``, empty and no value."""
    if value is None or value == EMPTY_CELL or value != value:
        return MISSING
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    text = str(value).strip()
    return MISSING if text in ABSENT else text


def foreign_in(column: "pd.Series", found: Distinct) -> str:
    """What `Distinct.foreign` says, but of the levels of a pandas category, which a dtype of their own may bring back."""
    import pandas as pd

    dtype = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return "" if pd.api.types.is_datetime64_any_dtype(dtype) or dtype.kind == "m" else found.foreign


def category_feature(column: "pd.Series", name: str, found: Distinct | None = None, *, mutable: bool = True, assumed: str = "") -> Feature:
    """A feature of the different values of ``column``: in alphabetical order, those of a pandas category in their own."""
    import pandas as pd

    found = found or distinct(column)
    values = found.values
    names = category_names(values)
    own = isinstance(column.dtype, pd.CategoricalDtype)
    seen = set(np.unique(found.codes).tolist())
    order = [i for i in range(len(names)) if i in seen] if own else sorted(range(len(names)), key=names.__getitem__)
    categories = tuple(names[i] for i in order)
    written = tuple(values[i] for i in order)
    return Feature(
        name=name,
        kind="categorical",
        categories=categories,
        written=() if written == categories and all(isinstance(v, str) for v in written) else written,
        dtype=dtype_name(column),
        ordered=own and bool(column.cat.ordered),
        levels=tuple(v for v in values if v != EMPTY_CELL) if len(order) < len(values) else (),
        mutable=mutable,
        assumed=assumed,
    )


def category_names(values: Sequence[Written]) -> list[str]:
    """A name of its own for each value; no value, then plain text, has the first claim to one."""

    def claim(i: int) -> tuple[bool, bool, int]:
        value = values[i]
        return value != EMPTY_CELL, value is not None, 0 if value == name_of(value) else 1

    names = [""] * len(values)
    taken: set[str] = set()
    for i in sorted(range(len(values)), key=claim):
        names[i] = next(n for n in _possible_names(values[i]) if n not in taken)
        taken.add(names[i])
    return names


def _possible_names(value: Written) -> "Sequence[str]":
    text = EMPTY if value == "" else NONE if value is None else str(value)
    kind = type(value).__name__
    return name_of(value), text, f"{value!r}", f"{value!r} ({kind})", *(f"{value!r} ({kind} {i})" for i in range(2, 9))


def codes_in(column: "pd.Series", feature: Feature) -> NDArray[np.float64]:
    """The place of each row's value among the feature's categories, float64 (n,): as the table wrote it, else by name.

    Raises
    ------
    Problem
        For a value that is none of them, with its row.
    """
    return Categories(feature).codes(column)


CELLS = frozenset({str, bool, int, float, type(None)})


class Categories:
    """The categories of one feature, looked up by what the person's table holds, and by place."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.held: _Levels | _Values = _Levels(feature) if feature.dtype.startswith(CATEGORY) else _Values(feature)

    @cached_property
    def _named(self) -> dict[str, int]:
        return {name: i for i, name in reversed(list(enumerate(self.feature.categories)))}

    @cached_property
    def _written(self) -> dict[tuple[type, Written], int]:
        """The places of what the table writes other than the names."""
        return {(type(v), v): i for i, v in reversed(list(enumerate(self.feature.written)))}

    def place(self, value: Written) -> int:
        """The value's place by what the table writes, else by its name, else as true for 1 and false for 0; -1 where it is none."""
        exact = self._written.get((type(value), value)) if self.feature.written else self._named.get(value) if type(value) is str else None
        if exact is not None:
            return exact
        names = [name_of(value)]
        if value is not None and value != EMPTY_CELL:
            names.append(str(value))
        if isinstance(value, bool):
            names.append(str(int(value)))
        elif isinstance(value, (int, float)) and value in (0, 1):
            names.append(str(bool(value)))
        return next((self._named[name] for name in names if name in self._named), -1)

    def place_of_cell(self, value: Any) -> int:
        """The place of a cell of a person's table; -1 where it is none, or none that can be told by itself."""
        kind = type(value)
        if kind is float and value != value:
            value = EMPTY_CELL
        elif kind not in CELLS or value in (np.inf, -np.inf):
            return -1
        if (kind, value) not in self._places:
            self._places[kind, value] = self.place(value)
        return self._places[kind, value]

    @cached_property
    def _places(self) -> dict[tuple[type, Any], int]:
        return {}

    def codes(self, column: "pd.Series") -> NDArray[np.float64]:
        """The place of each row's value, float64 (n,); see `codes_in`."""
        found = distinct(column)
        codes = np.array([self.place(value) for value in found.values], np.float64)[found.codes]
        if (codes < 0).any():
            row = int((codes < 0).argmax())
            categories = self.feature.categories
            some = ", ".join(categories[:8]) + (" …" if len(categories) > 8 else "")
            count = int((codes < 0).sum())
            shown = f"{name_of(found.values[found.codes[row]])!r} in row {row} ({count:,} such row{'s' * (count != 1)})"
            do = "Correct it or leave such rows out; add it to the schema only where the model knows it"
            raise Problem(f"{self.feature.name!r} to be one of {some}", shown, do)
        return codes

    def column(self, codes: NDArray[np.floating[Any]]) -> Any:
        """The column (n,) of the places ``codes``, of the dtype that the person's table has; of one row it is to be copied, for it is kept."""
        if len(codes) != 1:
            return self.held.at(codes.astype(np.intp))
        place = int(codes[0])
        if place not in self._alone:
            self._alone[place] = self.held.at(np.array([place], np.intp))
        return self._alone[place]

    @cached_property
    def _alone(self) -> dict[int, Any]:
        """The column of one row by its place."""
        return {}


class _Values:
    """What the table holds for each category."""

    def __init__(self, feature: Feature) -> None:
        import pandas as pd

        held = [np.nan if v == EMPTY_CELL else v for v in feature.written] or list(feature.categories)
        dtype = dtype_named(feature.dtype or "object") if feature.dtype or not feature.written else None
        if dtype is not None and dtype.kind == "O" and isinstance(dtype, np.dtype):
            self.values: Any = np.empty(len(held), object)
            self.values[:] = held
        else:
            self.values = pd.Series(held, dtype=dtype).array

    def at(self, places: NDArray[np.intp]) -> Any:
        return held_as(self.values[places])


class _Levels:
    """The levels of a pandas category; an empty cell is none of them."""

    def __init__(self, feature: Feature) -> None:
        import pandas as pd

        written = feature.written or feature.categories
        levels = list(feature.levels) or [v for v in written if v != EMPTY_CELL]
        places = {(type(level), level): i for i, level in enumerate(levels)}
        self.codes = np.array([places.get((type(v), v), -1) for v in written], np.intp)
        kind = level_dtype(feature.dtype)
        index: pd.Index[Any] = pd.Index(levels).astype(dtype_named(kind)) if kind else pd.Index(levels)
        self.dtype = pd.CategoricalDtype(index, ordered=feature.ordered)

    def at(self, places: NDArray[np.intp]) -> Any:
        import pandas as pd

        return pd.Categorical.from_codes(self.codes[places], dtype=self.dtype, validate=False)
