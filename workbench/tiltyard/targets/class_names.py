"""A model's classes and ours, and its labels as places among them: by value, and by order only where the caller says that order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.class_places import names_of, place_of
from ..errors import Problem


def places_of(labels: NDArray[Any], classes: tuple[str, ...], who: str, indices: bool = False) -> NDArray[np.int64]:
    """Class indices, int64 (n,), of labels (n,) of any type.

    Parameters
    ----------
    who
        Who gave them, for the message.
    indices
        Whether whole numbers that are no class names may be places 0 to k - 1: only where the caller has said the order of the classes.

    Raises
    ------
    Problem
        For a label that is no class.
    """
    values, back = _distinct(labels)
    found = [place_of(v, classes) for v in values]
    if indices and all(place < 0 for place in found) and all(_index(v, len(classes)) for v in values):
        found = [int(v) for v in values]
    if any(place < 0 for place in found):
        wrong = values[next(i for i, place in enumerate(found) if place < 0)]
        do = "Name the classes as the model does (classes=…, in the model's order)"
        raise Problem(f"labels among {few(classes)} from {who}", repr(wrong), do)
    return np.array(found, np.int64)[back]


def _index(value: Any, k: int) -> bool:
    return isinstance(value, (bool, int, float)) and float(value).is_integer() and 0 <= value < k


def _distinct(labels: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """The different labels as Python values, and which of them each row has; 1, 1.0 and True of an object array are three."""
    if labels.dtype != object:
        values, back = np.unique(labels.ravel(), return_inverse=True)
        return values.tolist(), back.reshape(-1)
    places: dict[tuple[type, Any], int] = {}
    back = np.array([places.setdefault((type(v), v), len(places)) for v in labels.ravel().tolist()], np.intp)
    return [value for _, value in places], back


def class_order(theirs: tuple[str, ...], ours: tuple[str, ...], who: str = "the model") -> tuple[int, ...]:
    """Which of the model's classes each of ours is, by value; refused where they are not the same classes.

    Raises
    ------
    Problem
        Naming both lists.
    """
    found = tuple(place_of(name, theirs) for name in ours)
    if len(theirs) != len(ours) or min(found) < 0 or len(set(found)) != len(ours):
        do = (
            "Name the label that the model was trained on"
            if len(theirs) != len(ours)
            else f"Name ours in the order of {few(theirs)} (Classes in the window, --classes in the shell, classes=… in code)"
        )
        raise Problem(f"a model of the classes {few(ours)}", f"{who} of {few(theirs)}", do)
    return found


def column_names(answers: Any) -> tuple[str, ...]:
    """The names that a table of answers, such as a DataFrame, gives its columns; none of an array, or where they are numbered from 0 on."""
    columns = getattr(answers, "columns", None)
    if columns is None or not hasattr(answers, "to_numpy"):
        return ()
    named = list(columns)
    return () if named == list(range(len(named))) else names_of(np.array(named, object))


def by_name(answers: Any, classes: tuple[str, ...]) -> NDArray[Any]:
    """Answers as an array, the columns of a table that are named as the classes in the order of ``classes``."""
    named, found = column_names(answers), np.asarray(answers)
    places = tuple(place_of(name, named) for name in classes) if len(named) == len(classes) else ()
    return found[:, places] if places and set(places) == set(range(len(places))) else found


def few(names: tuple[str, ...], most: int = 8) -> str:
    """The first names, and that there are more."""
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")
