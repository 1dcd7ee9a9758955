"""Labels of any type as places in one class list: found by value, and by order only where the caller says that order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.categories import name_of
from ..errors import Problem


def names_of(values: Any) -> tuple[str, ...]:
    """The class names of ``classes_`` or of labels: text as it is, whole numbers without ``.0``, true and false by name."""
    return tuple(name_of(_plain(v)) for v in np.asarray(values).ravel().tolist())


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) or value is None else str(value)


def place_of(value: Any, classes: tuple[str, ...]) -> int:
    """The place of one label in ``classes`` by its value, -1 where it is none: 1, 1.0, "1" and true are one, unless both are classes."""
    plain = _plain(value)
    names = [name_of(plain), str(plain)]
    if isinstance(plain, bool):
        names.append(str(int(plain)))
    elif isinstance(plain, (int, float)) and plain in (0, 1):
        names.append(str(bool(plain)))
    return next((classes.index(name) for name in names if name in classes), -1)


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
    values, back = np.unique(labels.ravel(), return_inverse=True) if labels.dtype != object else _distinct(labels)
    found = [place_of(v, classes) for v in values.tolist()] if isinstance(values, np.ndarray) else [place_of(v, classes) for v in values]
    numbers = np.asarray(values, object)
    if indices and all(place < 0 for place in found) and all(_index(v, len(classes)) for v in numbers.tolist()):
        found = [int(v) for v in numbers.tolist()]
    if any(place < 0 for place in found):
        wrong = list(numbers.tolist())[next(i for i, place in enumerate(found) if place < 0)]
        do = "Name the classes as the model does (classes=…, in the model's order)"
        raise Problem(f"labels among {', '.join(classes[:8])} from {who}", repr(wrong), do)
    return np.array(found, np.int64)[back.reshape(-1)]


def _index(value: Any, k: int) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer() and 0 <= value < k


def _distinct(labels: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
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
    found = tuple(place_of(name, theirs) if name in theirs else _by_number(name, theirs) for name in ours)
    if len(theirs) != len(ours) or min(found) < 0 or len(set(found)) != len(ours):
        few = ", ".join(theirs[:8]) + (" …" if len(theirs) > 8 else "")
        ordered = (
            f"Say which each of them is, in the model's order: classes=({', '.join(map(repr, ours[:4]))}{', …' if len(ours) > 4 else ''})"
        )
        raise Problem(f"a model of the classes {', '.join(ours[:8])}{' …' if len(ours) > 8 else ''}", f"{who} of {few}", ordered)
    return found


def _by_number(name: str, theirs: tuple[str, ...]) -> int:
    """The place of a class written as a number or as true and false: ``"1"`` for True, ``"True"`` for 1."""
    other = {"True": "1", "False": "0", "1": "True", "0": "False"}.get(name)
    return theirs.index(other) if other in theirs else -1
