"""Which group a row belongs to, read from the features the model is given; the data set's own column is not there at prediction."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from .groups import known_columns


@dataclass(frozen=True)
class Belonging:
    """Reads a sensitive column off rows of x.

    ``values`` are the feature's known values in ascending order (the places of categories, member indices for a one-hot group, -inf for
    a number that is missing) and ``groups`` the group of each; a number in between belongs with the nearest one.
    """

    column: str
    feature: str
    columns: slice
    onehot: bool
    values: NDArray[np.float64]
    groups: tuple[str, ...]

    def __call__(self, x: Rows) -> NDArray[np.str_]:
        """The group of each row, str (n,)."""
        own = _own(x, self.columns, self.onehot)
        after = np.searchsorted(self.values, own).clip(0, len(self.values) - 1)
        before = (after - 1).clip(0)
        with np.errstate(invalid="ignore"):
            nearer = np.where(np.abs(own - self.values[before]) < np.abs(self.values[after] - own), before, after)
        return np.array(self.groups)[nearer]


def _own(x: Rows, columns: slice, onehot: bool) -> NDArray[np.float64]:
    part = x[:, columns]
    if onehot:
        member: NDArray[np.float64] = part.argmax(1).astype(np.float64)
        return member
    number: NDArray[np.float64] = np.where(np.isnan(part[:, 0]), -np.inf, part[:, 0])
    return number


def sensitive_column(data: Dataset, name: str) -> str:
    """``name`` checked, or the first sensitive column where it is empty."""
    return known_columns(data, (name,) if name else ())[0]


def belonging(data: Dataset, column: str) -> Belonging:
    """How to tell ``column`` from the features: the one of that name, or the one it is named after (``age`` of ``age band``).

    Raises
    ------
    Unavailable
        No such feature, or it does not settle the group: then the group cannot be known when the model is asked.
    """
    found = "images, which have no such feature"
    if not data.schema.images:
        found = "no feature of that name"
        for feature in _candidates(data, column):
            read = _read(data, feature, column)
            if isinstance(read, Belonging):
                return read
            found = read
    do = "Choose a sensitive column the model is given, or fairness.exponentiated_gradient, which needs it for training only"
    raise Unavailable(f"the group of {column!r} to be known from the features when the model is asked", found, do)


def _candidates(data: Dataset, column: str) -> list[Feature]:
    names = (column, *column.split())
    return sorted((f for f in data.schema.features if f.name in names), key=lambda f: names.index(f.name))


def _read(data: Dataset, feature: Feature, column: str) -> Belonging | str:
    columns = data.schema.slices[feature.name]
    own = _own(data.x, columns, feature.kind == "onehot")
    pairs = sorted(set(zip(own.tolist(), np.asarray(data.sensitive[column]).astype(str).tolist(), strict=True)))
    values, groups = [value for value, _ in pairs], tuple(group for _, group in pairs)
    if len(set(values)) < len(values):
        twice = next(a for a, b in pairwise(values) if a == b)
        shown = feature.values[int(twice)] if feature.grouped else f"{twice:g}"
        return f"{feature.name} = {shown} in more than one group"
    return Belonging(column, feature.name, columns, feature.kind == "onehot", np.array(values), groups)


def two_classes(classes: tuple[str, ...]) -> None:
    """Refuse targets of more than two classes."""
    if len(classes) != 2:
        raise Unavailable("two classes, one of them favorable", f"{len(classes)}", "Merge the classes into two")


def trained_and_held(data: Dataset, rows: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Rows to train on (at most ``rows``) and rows to measure on: seen and unseen, or two halves where nobody knows."""
    return halves(data, rows, rng) if data.lacks("member") else (data.seen.sample(rows, rng), data.unseen)


def halves(data: Dataset, rows: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Two halves of the rows drawn at random, the first cut to ``rows``."""
    order = rng.permutation(len(data))
    middle = len(data) // 2
    if middle == 0:
        raise Problem("at least two rows, to fit on and to measure on", f"{len(data)}", "Give more rows")
    return data.take(order[:middle][:rows]), data.take(order[middle:])
