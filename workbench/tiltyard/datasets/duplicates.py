"""Rows that stand in a data set more than once, and held-out rows that stand among those trained on."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset

Keys = NDArray[np.uint64]
WIDE, CHUNK = 512, 8192
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2 to the 64 over the golden ratio; a product with an odd number can be undone


@dataclass(frozen=True)
class Duplicates:
    """How many rows are equal to others in all features.

    Attributes
    ----------
    n, repeated
        Rows, and those that repeat an earlier one.
    contrary
        Rows whose equals have another label.
    held, shared
        Held-out rows, and those of them that stand among the rows trained on too; None where it is not known which were trained on.
    """

    n: int
    repeated: int
    contrary: int
    held: int | None
    shared: int | None

    @property
    def sentence(self) -> str:
        """What it says of the data."""
        found = [f"{self.repeated:,} of {self.n:,} rows repeat an earlier one in every feature"]
        if self.contrary:
            found.append(f"{self.contrary:,} have an equal of another class")
        if self.held is not None:
            found.append(f"{self.shared:,} of {self.held:,} held-out rows stand among those trained on too")
        return "; ".join(found) + "."


def duplicates(data: Dataset) -> Duplicates:
    """Equal rows of ``data``, by a hash of 64 bits of all features; two of a million different rows share one by a chance of 3e-8."""
    keys = row_keys(data)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.append(True, keys[order][1:] != keys[order][:-1]))
    sizes = np.diff(np.append(starts, len(keys)))
    y = data.y[order]
    differ = np.minimum.reduceat(y, starts) < np.maximum.reduceat(y, starts)
    found = Duplicates(len(keys), len(keys) - len(starts), int(sizes[differ].sum()), None, None)
    if data.member is None or data.member.all() or not data.member.any():
        return found
    trained = np.add.reduceat(data.member[order].astype(np.intp), starts)
    return replace(found, held=int((~data.member).sum()), shared=int((sizes - trained)[trained > 0].sum()))


def row_keys(data: Dataset) -> Keys:
    """A hash of each row's features, uint64 (n,): equal of equal rows, whatever their labels; NaN equals NaN, and -0 equals 0."""
    flat = data.x.reshape(len(data), -1)
    if flat.shape[1] > WIDE:
        return np.array([_digest(row) for row in flat], np.uint64)
    return np.concatenate([_keys(flat[start : start + CHUNK]) for start in range(0, len(flat), CHUNK)])


def _keys(rows: NDArray[np.floating]) -> Keys:
    """The keys of some rows, few enough that a column of them lies in the processor's cache."""
    columns = np.ascontiguousarray(rows.T, np.float64) + 0.0
    columns[np.isnan(columns)] = np.nan
    keys = np.zeros(len(rows), np.uint64)
    for column in columns.view(np.uint64):
        keys ^= column
        keys *= ODD
        keys ^= keys >> np.uint64(32)
    return _mixed(keys)


def _digest(row: NDArray[np.floating]) -> int:
    return int.from_bytes(hashlib.blake2b(np.ascontiguousarray(row + 0.0).tobytes(), digest_size=8).digest(), "little")


def _mixed(keys: Keys) -> Keys:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014), a bijection that lets every bit depend on every other."""
    with np.errstate(over="ignore"):
        keys = keys + np.uint64(0x9E3779B97F4A7C15)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return keys ^ (keys >> np.uint64(31))
