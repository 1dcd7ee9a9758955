"""Which group a row belongs to, read from the features the model is given; the data set's own column is not there at prediction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..datasets.onehots import SEPARATOR
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from .groups import CROSS, known_columns, together


@dataclass(frozen=True)
class Belonging:
    """Reads a sensitive column off rows of x.

    ``values`` are the feature's known values in ascending order (the places of categories, -inf for a number that is missing, of 0/1
    ``columns`` which of them is 1 and their number where none is) and ``groups`` the group of each; a number in between belongs with the
    nearest one.
    """

    column: str
    features: tuple[str, ...]
    columns: tuple[int, ...]
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

    @property
    def feature(self) -> str:
        """The names of the features that tell it."""
        return ", ".join(self.features)

    def text(self) -> str:
        """What tells it from other ways to read a group."""
        known = hashlib.sha256(self.values.tobytes() + "\x1f".join(self.groups).encode()).hexdigest()
        return f"{self.column} {self.feature} {known}"


@dataclass(frozen=True)
class Crossed:
    """Reads the groups of two sensitive columns together."""

    parts: tuple[Belonging, Belonging]

    @property
    def column(self) -> str:
        """Both names."""
        return CROSS.join(part.column for part in self.parts)

    @property
    def feature(self) -> str:
        """The features behind both."""
        return CROSS.join(part.feature for part in self.parts)

    @property
    def groups(self) -> tuple[str, ...]:
        """Every pair of groups."""
        return tuple(CROSS.join(pair) for pair in product(*(dict.fromkeys(part.groups) for part in self.parts)))

    def __call__(self, x: Rows) -> NDArray[np.str_]:
        """The group of each row, str (n,)."""
        return together(*(part(x) for part in self.parts))

    def text(self) -> str:
        """What tells it from other ways to read a group."""
        return " ".join(part.text() for part in self.parts)


Read = Belonging | Crossed


def written_reading(read: Read) -> tuple[list[dict[str, object]], dict[str, NDArray[np.float64]]]:
    """A reading as JSON has it, and the values that it knows, by name; `reading` reads it."""
    parts = read.parts if isinstance(read, Crossed) else (read,)
    facts = [{"column": p.column, "features": p.features, "columns": p.columns, "onehot": p.onehot, "groups": p.groups} for p in parts]
    return facts, {f"values.{i}": part.values for i, part in enumerate(parts)}


def reading(written: Sequence[Mapping[str, Any]], values: Mapping[str, NDArray[Any]], width: int) -> Read:
    """What `written_reading` wrote, for rows of ``width`` columns; a `KeyError`, `ValueError` or `TypeError` for anything else."""
    parts = []
    for i, facts in enumerate(written):
        known, columns = values[f"values.{i}"], tuple(int(c) for c in facts["columns"])
        groups, features = tuple(map(str, facts["groups"])), tuple(map(str, facts["features"]))
        rising = known.dtype == np.float64 and known.ndim == 1 and bool((np.diff(known[np.isfinite(known)]) > 0).all())
        if not rising or len(known) != len(groups) or not groups or not columns or not all(0 <= c < width for c in columns):
            raise ValueError("a group for each value, in ascending order, and columns of the rows")
        parts.append(Belonging(str(facts["column"]), features, columns, facts["onehot"] is True, known, groups))
    if len(parts) not in (1, 2):
        raise ValueError("one column or two")
    return parts[0] if len(parts) == 1 else Crossed((parts[0], parts[1]))


def _own(x: Rows, columns: Sequence[int], onehot: bool) -> NDArray[np.float64]:
    part = x[:, list(columns)]
    if onehot:
        member: NDArray[np.float64] = np.where(part.max(1) > 0.5, part.argmax(1), len(columns)).astype(np.float64)
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
        for source in _candidates(data, column):
            read = _read(data, source, column)
            if isinstance(read, Belonging):
                return read
            found = read
    do = "Choose a sensitive column the model is given, or fairness.exponentiated_gradient, which needs it for training only"
    raise Unavailable(f"the group of {column!r} to be known from the features when the model is asked", found, do)


def belonging_of(data: Dataset, columns: Sequence[str]) -> Read:
    """How to tell the group of one sensitive column, or of two together.

    Raises
    ------
    Unavailable
        As `belonging`.
    """
    first, *more = (belonging(data, name) for name in columns)
    return Crossed((first, more[0])) if more else first


@dataclass(frozen=True)
class Source:
    """Columns of x that may tell a group: of one feature, or the 0/1 features of one family."""

    features: tuple[str, ...]
    columns: tuple[int, ...]
    onehot: bool
    values: tuple[str, ...] = ()


def _candidates(data: Dataset, column: str) -> list[Source]:
    names = (column, *column.split())
    found = sorted((f for f in data.schema.features if f.name in names), key=lambda f: names.index(f.name))
    return [_source(data, f) for f in found] or _family(data, column)


def _source(data: Dataset, feature: Feature) -> Source:
    place = data.schema.slices[feature.name]
    return Source(
        (feature.name,), tuple(range(place.start, place.stop)), feature.kind == "onehot", tuple(feature.values) if feature.grouped else ()
    )


def _family(data: Dataset, column: str) -> list[Source]:
    """The 0/1 features ``column_value`` as one, where at most one of them is 1: a one-hot group of which a level was dropped."""
    own = [f for f in data.schema.features if f.width == 1 and f.name.startswith(column) and SEPARATOR.match(f.name, len(column))]
    places = tuple(data.schema.slices[f.name].start for f in own)
    held = data.x[:, list(places)]
    if len(own) < 2 or not np.isin(held, (0, 1)).all() or (held.sum(1) > 1).any():
        return []
    names = tuple(f.name for f in own)
    return [Source(names, places, True, (*names, "none of them"))]


def _read(data: Dataset, source: Source, column: str) -> Belonging | str:
    own = _own(data.x, source.columns, source.onehot)
    pairs = sorted(set(zip(own.tolist(), np.asarray(data.sensitive[column]).astype(str).tolist(), strict=True)))
    values, groups = [value for value, _ in pairs], tuple(group for _, group in pairs)
    if len(set(values)) < len(values):
        twice = next(a for a, b in pairwise(values) if a == b)
        shown = source.values[int(twice)] if source.values else f"{twice:g}"
        return f"{', '.join(source.features)} = {shown} in more than one group"
    return Belonging(column, source.features, source.columns, source.onehot, np.array(values), groups)


def two_classes(classes: tuple[str, ...]) -> None:
    """Refuse targets of more than two classes."""
    if len(classes) != 2:
        raise Unavailable("two classes, one of them favorable", f"{len(classes)}", "Merge the classes into two")


def trained_and_held(data: Dataset, rows: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Rows to train on (at most ``rows``) and rows to measure on: seen and unseen, or two halves where nobody knows."""
    return halves(data, rows, rng) if data.lacks("member") else (data.seen.sample(rows, rng), data.unseen)


def fitted_among(data: Dataset, fitted: int) -> str:
    """Where nobody knows which rows were trained on: that ``fitted`` of the rows a defended model is measured on trained it; else empty."""
    if not data.lacks("member"):
        return ""
    return f"It was trained on {fitted:,} of the {len(data):,} rows here, so that what is measured on all of them flatters it."


def halves(data: Dataset, rows: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Two halves of the rows drawn at random, the first cut to ``rows``."""
    order = rng.permutation(len(data))
    middle = len(data) // 2
    if middle == 0:
        raise Problem("at least two rows, to fit on and to measure on", f"{len(data)}", "Give more rows")
    return data.take(order[:middle][:rows]), data.take(order[middle:])
