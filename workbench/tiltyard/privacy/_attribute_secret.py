"""The column that an attacker wants to recover: each row's value as one of a few, and what the model is given for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..statistics.bands import bands, written

MOST = 12


@dataclass(frozen=True)
class Secret:
    """The column to recover: each row's value as a number into ``names``; -1 where it is too rare to try.

    ``columns`` are its columns of x where the model takes it as input, and ``settings`` (values, columns) what stands there for each
    value: the place of a category, a number in its own unit, NaN for a row without one. Else both are None.
    """

    name: str
    names: tuple[str, ...]
    value: NDArray[np.int64]
    columns: slice | None
    settings: Rows | None


def _feature(schema: Schema, name: str) -> Feature | None:
    return next((f for f in schema.features if f.name == name and f.kind != "pixels"), None)


def secret(data: Dataset, name: str) -> Secret:
    """The column ``name``, a feature or a sensitive column beside them; numbers in quarters, rare values left out."""
    feature = _feature(data.schema, name)
    if feature is None and name not in data.sensitive:
        known = ", ".join(dict.fromkeys([*data.sensitive, *(f.name for f in data.schema.features)]))
        raise Problem(f"a column to recover ({known})", repr(name), "Correct the name")
    if feature is None:
        names, value = _commonest(data.sensitive[name])
        return Secret(name, names, value, None, None)
    place = data.schema.slices[name]
    part = data.x[:, place]
    if feature.grouped:
        return _group(feature, part, place)
    return _number(name, np.asarray(part[:, 0], np.float64), place)


def _commonest(column: NDArray[np.str_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    values, counts = np.unique(column.astype(str), return_counts=True)
    kept = values[np.argsort(-counts, kind="stable")][:MOST]
    place = {str(v): i for i, v in enumerate(kept)}
    return tuple(map(str, kept)), np.array([place.get(str(v), -1) for v in column], np.int64)


def _group(feature: Feature, part: Rows, place: slice) -> Secret:
    codes = (part[:, 0] if feature.kind == "categorical" else part.argmax(1)).astype(np.int64)
    counts = np.bincount(codes, minlength=len(feature.values))
    kept = [int(code) for code in np.argsort(-counts, kind="stable")[:MOST] if counts[code]]
    places = np.full(len(counts), -1, np.int64)
    places[kept] = np.arange(len(kept))
    settings = np.array(kept, np.float64)[:, None] if feature.kind == "categorical" else np.eye(feature.width)[kept]
    return Secret(feature.name, tuple(feature.values[code] for code in kept), places[codes], place, settings)


def _number(name: str, column: NDArray[np.float64], place: slice) -> Secret:
    """The values themselves where they are few, else bands of them, each with a value from its middle; rows without a number are one more."""
    lost = np.isnan(column)
    distinct = np.unique(column[~lost])
    if len(distinct) <= MOST:
        value, middle, names = np.searchsorted(distinct, column), distinct, tuple(written(distinct.tolist()))
    else:
        cut = bands(column)
        value, names = cut.places, cut.names
        middle = np.array([np.sort(column[value == i])[(value == i).sum() // 2] for i in range(len(names))])
    if lost.any():
        value, middle, names = np.where(lost, len(names), value), np.append(middle, np.nan), (*names, MISSING)
    return Secret(name, names, value.astype(np.int64), place, middle[:, None])
