"""Which column is the label, what its classes are, and labels as class indices."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .category_names import as_text, coded
from .class_places import place_of
from .column_names import words
from .feature import MISSING
from .people import named_as

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 100
MOST_FRACTIONS = 20
NAMES = (
    "label",
    "labels",
    "target",
    "class",
    "y",
    "income",
    "outcome",
    "credit",
    "diagnosis",
    "species",
    "default",
    "survived",
    "churn",
    "churned",
    "approved",
    "grade",
    "fraud",
    "response",
    "result",
    "attrition",
    "exited",
    "readmitted",
    "recid",
    "malignant",
)
"""Names a label often has, likelier ones first."""
MEMBER = frozenset({"train", "training", "member", "split", "fold"})
"""Words in the name of a column that says which rows were trained on."""


def classes_of(column: "pd.Series | NDArray[Any]", name: str = "y") -> tuple[str, ...]:
    """The class names in a label column: numbers in their order, text in alphabetical order.

    Raises
    ------
    Problem
        For missing labels, a single class, or more than `MOST_CLASSES`.
    """
    codes, names = coded(_series(column))
    found = np.unique(names).tolist()
    if MISSING in found:
        lost = (names == MISSING)[codes]
        row, missing = int(lost.argmax()), int(lost.sum())
        raise Problem(f"a label in every row of {name!r}", f"none in row {row} ({missing} such rows)", "Drop or label these rows")
    if len(found) < 2:
        raise Problem(
            f"rows of at least two classes in {name!r}", f"only {found[0]!r}", "Give rows of every class, or choose another label column"
        )
    fractions = getattr(column.dtype, "kind", "") == "f" and len(found) > MOST_FRACTIONS and any("." in name for name in found)
    if len(found) > MOST_CLASSES or fractions:
        do = "Choose a label column with classes; predicting numbers is not covered"
        raise Problem(f"2 to {MOST_CLASSES} classes in {name!r}", f"{len(found):,} different values", do)
    return tuple(sorted(found, key=_order))


def _order(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def texts(column: "pd.Series | NDArray[Any]") -> NDArray[np.str_]:
    """Labels as text, written as `schema.as_text` writes categories."""
    return as_text(_series(column))


def _series(column: "pd.Series | NDArray[Any]") -> "pd.Series":
    import pandas as pd

    return column if isinstance(column, pd.Series) else pd.Series(column)


SAME = {"True": "1", "False": "0", "1": "True", "0": "False"}
"""True and false as numbers write them, and the other way around."""


def indices(column: "pd.Series | NDArray[Any]", classes: tuple[str, ...], name: str = "y", numbered: bool = False) -> NDArray[np.int64]:
    """Class indices, int64 (n,), of labels: by the value of their names, 1 as 1.0, ``"1"`` and True.

    Parameters
    ----------
    numbered
        Whether labels that are no names may be indices 0 to k - 1: of arrays, whose labels are such by definition, never of a table's column.

    Raises
    ------
    Problem
        When a label is none of the classes, naming its row.
    """
    codes, names = coded(_series(column))
    places = _places(names, classes)
    if (places < 0).any():
        places = np.where(places < 0, _places(np.array([SAME.get(n, n) for n in names.tolist()], dtype=str), classes), places)
    if (places < 0).any() and numbered:
        by_number = _places(names, tuple(map(str, range(len(classes)))))
        places = places if (by_number < 0).any() else by_number
    if (places < 0).any():
        row = int((places < 0)[codes].argmax())
        known = ", ".join(classes[:8]) + (" …" if len(classes) > 8 else "")
        do = "Correct the label, or name the model's classes as this column does, in the model's order (classes=…, --classes)"
        raise Problem(f"labels in {name!r} among {known}", f"{str(names[codes[row]])!r} in row {row}", do)
    return places[codes].astype(np.int64)


def _places(names: NDArray[np.str_], among: tuple[str, ...]) -> NDArray[np.intp]:
    import pandas as pd

    return pd.Index(list(among), dtype=object).get_indexer(pd.Index(names.astype(object)))


def likely_label(frame: "pd.DataFrame", classes: Sequence[str] = (), taken: Collection[str] = ()) -> tuple[str, str]:
    """The column that is most likely the label, and why.

    Where a model's classes are known: the column whose values they are, by name where several are. Else by its name, else the last column
    with few values.

    Parameters
    ----------
    classes
        The model's class names; () where no model is known.
    taken
        Columns that the model takes, which are therefore not the label.

    Raises
    ------
    Problem
        When no column has at most `MOST_CLASSES` values, or several fit a model's classes and no name decides.
    """
    free = [n for n in map(str, frame.columns) if n not in taken] or [str(c) for c in frame.columns]
    fitting = [n for n in free if classes and _holds_classes(frame[n], classes)]
    if len(fitting) == 1:
        return fitting[0], f"its values are the model's classes, {', '.join(classes[:4])}{' …' if len(classes) > 4 else ''}"
    if fitting:
        found = _by_name(frame, fitting) or _only([n for n in fitting if not _another(n)])
        if found is None:
            do = f"Name the label column; {len(fitting)} columns hold the model's classes"
            raise Problem(f"one column of the classes {', '.join(classes[:4])}", f"{', '.join(map(repr, fitting[:8]))}", do)
        return found[0], f"its values are the model's classes, as those of {len(fitting) - 1} more; {found[1]}"
    if found := _by_name(frame, free):
        return found
    last, first = (next((n for n in way if not _another(n)), free[-1]) for way in (reversed(free), free))
    for name, why in ((last, f"it is the last column{_of_its_kind(last, free[-1])}"), (first, "it is the first column")):
        if _few(frame[name]):
            return name, why
    raise Problem(f"a label column with 2 to {MOST_CLASSES} classes", f"none likely among {', '.join(free[:8])}", "Name the label column")


def _holds_classes(column: "pd.Series", classes: Sequence[str]) -> bool:
    """Are the column's values classes, two of them at least, and none anything else? 1, 1.0, "1" and true are one, unless both are classes."""
    if not _few(column) or column.isna().any():
        return False
    places = {place_of(value, tuple(classes)) for value in column.unique().tolist()}
    return len(places) >= 2 and min(places) >= 0


def _by_name(frame: "pd.DataFrame", names: Sequence[str]) -> tuple[str, str] | None:
    """The column among ``names`` whose name is most like a label's, and why."""
    exact = {" ".join(words(n)): n for n in reversed(names)}
    inside = {word: n for n in names for word in words(n) if len(word) > 1}
    for known, why in ((exact, "by its name"), (inside, "by a word in its name")):
        for guess in NAMES:
            if guess in known and _few(frame[known[guess]]):
                return known[guess], why
    return None


def _only(names: Sequence[str]) -> tuple[str, str] | None:
    return (names[0], "the others say who a person is or which rows were trained on") if len(names) == 1 else None


def _another(name: str) -> bool:
    """Does the name say that the column is about something else: who a person is, or which rows were trained on?"""
    return bool(named_as(name)) or bool(MEMBER & set(words(name)))


def _of_its_kind(name: str, last: str) -> str:
    return "" if name == last else " that could be one"


def _few(column: "pd.Series") -> bool:
    try:
        return 1 <= column.nunique(dropna=True) <= MOST_CLASSES
    except TypeError:
        return False
