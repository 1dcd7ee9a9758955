"""Which rows are judged together: sensitive columns, alone or crossed, and predictions as one class against the rest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target

MOST_GROUPS = 12
CALL = 2048
CROSS = " × "


@dataclass(frozen=True)
class Division:
    """A division of people into groups: ``groups`` is str (n,); ``note`` is what was done to the column."""

    name: str
    groups: NDArray[np.str_]
    note: str = ""


ONE_ANSWER = (
    " Every row is given the same answer, so no difference could show: a better model, or "
    "rows with classes in more equal shares, would tell."
)


def in_order(names: Sequence[str], sizes: NDArray[np.int64], most: int) -> list[int]:
    """Places of the ``most`` largest groups, the largest first; bands of a number (``under 30``, ``30 to 49``) from low to high."""
    largest = [int(at) for at in np.argsort(-sizes, kind="stable")[:most]]
    bands = [at for at in largest if names[at] != MISSING]
    bounds = {at: _bound(names[at]) for at in bands}
    if any(bound is None for bound in bounds.values()):
        return largest
    return [*sorted(bands, key=lambda at: (bounds[at], names[at])), *(at for at in largest if at not in bounds)]


def _bound(name: str) -> tuple[float, int] | None:
    """The lower bound of a band, and -1 where it has only an upper one; None of what is no band."""
    found = re.search(r"\d+(?:\.\d+)?", name.replace(",", ""))
    if found is None or CROSS in name:
        return None
    return float(found[0]), -1 if re.match(r"\W*(<|under|below|less|up to|to )", name.casefold()) else 0


def one_answer(predicted: NDArray[np.bool_]) -> bool:
    """Is every row (n,) given the same? Then no group can be treated otherwise, whatever the model is."""
    return bool(predicted.all() or not predicted.any())


@dataclass(frozen=True)
class Judged:
    """Rows with truth and prediction as the positive class or not, bool (n,)."""

    data: Dataset
    truth: NDArray[np.bool_]
    predicted: NDArray[np.bool_]

    @property
    def one_answer(self) -> bool:
        """Is every row given the same?"""
        return one_answer(self.predicted)


def known_columns(data: Dataset, columns: tuple[str, ...]) -> tuple[str, ...]:
    """``columns``, or all sensitive columns where none is named."""
    for name in columns:
        if name not in data.sensitive:
            raise Problem(f"a sensitive column ({', '.join(data.sensitive)})", repr(name), "Correct the name")
    return columns or tuple(data.sensitive)


def divisions(data: Dataset, columns: tuple[str, ...], crossed: bool) -> list[Division]:
    """Each column alone, and with ``crossed`` all of them together."""
    found = [_division(name, data.sensitive[name], dict(data.merged).get(name, "")) for name in known_columns(data, columns)]
    if crossed and len(found) > 1:
        found.append(Division(CROSS.join(d.name for d in found), together(*(d.groups for d in found))))
    return found


def together(*columns: NDArray[np.str_]) -> NDArray[np.str_]:
    """Groups of several columns, each str (n,), together: ``Female × Black``."""
    return np.array([CROSS.join(parts) for parts in zip(*(c.tolist() for c in columns), strict=True)], dtype=str)


def _division(name: str, column: NDArray[np.str_], merged: str) -> Division:
    column = np.asarray(column).astype(str)
    note = f"{name}, in all rows of the table: {merged}" if merged else ""
    if len(np.unique(column)) <= MOST_GROUPS:
        return Division(name, column, note)
    lost = column == MISSING
    try:
        numbers = column[~lost].astype(np.float64)
    except ValueError:
        return Division(name, column, note)
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75]))
    names = np.array([f"up to {edges[0]:g}", *(f"over {a:g} to {b:g}" for a, b in pairwise(edges)), f"over {edges[-1]:g}"])
    bands = np.full(len(column), MISSING, f"<U{max(len(n) for n in (*names.tolist(), MISSING))}")
    bands[~lost] = names[np.searchsorted(edges, numbers, side="left")]
    return Division(name, bands, f"{name} has {len(np.unique(column))} values: cut at its quartiles")


def labels(target: Target, data: Dataset, progress: Progress) -> NDArray[np.int64]:
    """Predicted classes, int64 (n,), asked for in parts so that it can be cancelled."""
    parts = []
    for start in range(0, len(data), CALL):
        progress.step(start / len(data), "predicting")
        parts.append(target.labels(data.x[start : start + CALL]))
    progress.step(1.0, "predicted")
    return np.concatenate(parts)


def judged(target: Target, data: Dataset, positive: int, progress: Progress) -> Judged:
    """Predict every row; the positive class against the rest."""
    return Judged(data, data.y == positive, labels(target, data, progress) == positive)
