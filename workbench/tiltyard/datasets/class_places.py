"""Class names and labels of any type as one list: found by value, never by order."""

import math
from typing import Any

import numpy as np

from .categories import name_of


def names_of(values: Any) -> tuple[str, ...]:
    """The class names of ``classes_`` or of labels: text as it is, whole numbers without ``.0``, true and false by name."""
    return tuple(name_of(plain_label(v)) for v in np.asarray(values).ravel().tolist())


def plain_label(value: Any) -> Any:
    """A label as text, number or truth value; anything else as text."""
    return value if isinstance(value, (str, bool, int, float)) or value is None else str(value)


def place_of(value: Any, classes: tuple[str, ...]) -> int:
    """The place of one label, or of a class's name, in ``classes``; -1 where it is none.

    1, 1.0, ``"1"``, ``"1.0"`` and true are one label, unless several of them are classes.
    """
    plain = plain_label(value)
    for name in (name_of(plain), str(plain)):
        if name in classes:
            return classes.index(name)
    wanted = _number(name_of(plain))
    same = [i for i, name in enumerate(classes) if wanted is not None and _number(name) == wanted]
    return same[0] if len(same) == 1 else -1


def _number(name: str) -> float | None:
    """The number that a label writes, true and false among them; None of other text."""
    try:
        value = float({"true": 1, "false": 0}.get(name.lower(), name))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
