"""Rows and labels that come as arrays: npz files and what a notebook holds."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Arrays:
    """A table (n, d) or images (n, channels, height, width), with a label a row.

    Parameters
    ----------
    x
        Numbers of any real dtype, 2 or 4 dimensions (see `arranged` for what is brought to that).
    y : (n,) of class names or indices
    names
        Column names, d of them for a table; empty for images.
    classes
        Class names in the order of the indices in ``y``; empty where nobody said.
    member : bool (n,) or None
        Was the row trained on?
    """

    x: NDArray[Any]
    y: NDArray[Any]
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    member: NDArray[np.bool_] | None = None
    sensitive: dict[str, NDArray[Any]] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    @property
    def images(self) -> bool:
        return self.x.ndim == 4

    @property
    def frame(self) -> "pd.DataFrame":
        """The table with its column names; no copy is made."""
        import pandas as pd

        frame = pd.DataFrame(self.x, columns=list(self.names), copy=False)
        frame.attrs["assumptions"] = self.assumptions
        return frame


def arranged(x: Any, y: Any, names: tuple[str, ...] = (), classes: tuple[str, ...] = ()) -> Arrays:
    """``x`` as a table (n, d) or images (n, channels, height, width), and ``y`` one label a row.

    Images (n, h, w) get one channel; images (n, h, w, 1 or 3) are turned channels first.
    One-hot ``y`` (n, k) becomes indices.

    Raises
    ------
    Problem
        For shapes, lengths or dtypes that are neither.
    """
    x, y = _array(x, "x"), _array(y, "y")
    if x.ndim < 2 or x.ndim > 4:
        raise Problem("x of shape (n, columns), (n, height, width) or (n, channels, height, width)", f"{x.shape}", "Reshape it")
    if x.dtype.kind not in "buif":
        raise Problem("numbers in x", f"dtype {x.dtype}", "Give a DataFrame or a CSV for columns of text")
    if len(x) == 0 or 0 in x.shape:
        raise Problem("at least one row and one column in x", f"shape {x.shape}", "Give data with rows")
    notes: tuple[str, ...] = ()
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
        notes = ("Images came with channels last and were turned channels first.",)
    if y.ndim == 2 and y.shape[1] > 1 and _one_hot(y):
        y = y.argmax(1)
        notes += ("Labels came one-hot and were read as class indices.",)
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or len(y) != len(x):
        raise Problem(f"{len(x)} labels in y, one per row of x", f"shape {y.shape}", "Give one label per row")
    if x.ndim == 2:
        names = names or tuple(f"column {i + 1}" for i in range(x.shape[1]))
        if len(names) != x.shape[1]:
            raise Problem(f"{x.shape[1]} column names", f"{len(names)}", "Name each column of x")
    return Arrays(x, y, names if x.ndim == 2 else (), classes, assumptions=notes)


def _array(value: Any, name: str) -> NDArray[Any]:
    try:
        found = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise Problem(f"{name} as one array", str(error), "Give rows of equal length") from None
    if found.dtype == object:
        found = found.astype(str)
    return found


def _one_hot(y: NDArray[Any]) -> bool:
    return y.dtype.kind in "buif" and bool(np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all())
