"""Rows that a model can answer at all: those on which it raises or gives no number are found, and how many it takes at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..errors import Cancelled, Unavailable
from ..targets.target import Target

FIRST = 8


def steady_rows(target: Target, x: Rows) -> NDArray[np.intp]:
    """Numbers of the rows (n, *shape) that the target answers; what it raises where it answers none of the first ones.

    A target that answers a part of the rows, but not all at once, is from then on asked in batches that it takes (`Target.batch_limit`).
    """
    try:
        target.predictions(x)
    except (Cancelled, Unavailable, KeyboardInterrupt):
        raise
    except Exception as error:
        return _found(target, x, error)
    return np.arange(len(x))


def _found(target: Target, x: Rows, error: Exception) -> NDArray[np.intp]:
    if "url" in target.offers:
        raise error
    if not any(_answered(target, x[i : i + 1]) for i in range(min(FIRST, len(x)))):
        raise error
    rows = _searched(lambda part: _answered(target, x[part]), np.arange(len(x)))
    if len(rows) and not _answered(target, x[rows]):
        target.batch_limit = _limit(target, x[rows])
    return rows


def _answered(target: Target, x: Rows) -> bool:
    try:
        target.predictions(x)
    except (Cancelled, KeyboardInterrupt):
        raise
    except Exception:
        return False
    return True


def _searched(answered: Callable[[NDArray[np.intp]], bool], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """By halves, the rows that are answered."""
    if answered(rows):
        return rows
    if len(rows) == 1:
        return rows[:0]
    middle = len(rows) // 2
    return np.concatenate([_searched(answered, rows[:middle]), _searched(answered, rows[middle:])])


def _limit(target: Target, x: Rows) -> int:
    """The largest power of two of rows that it takes at once."""
    size = 1
    while size * 2 < len(x) and _answered(target, x[: size * 2]):
        size *= 2
    return size
