"""A number cut into a few groups of rows: at its quartiles, or around a value that many rows hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
COMMON = 0.25  # a value of so many rows swallows a quartile, and is a group of its own


@dataclass(frozen=True)
class Bands:
    """The ``names`` of the groups in order, and the group of each row, int64 (n,): -1 of a row without a finite number."""

    names: tuple[str, ...]
    places: NDArray[np.int64]


def bands(values: Numbers) -> Bands:
    """Groups of ``values`` (n,), none of them empty: quarters; where a quarter of the rows hold one value that value, what is below and what is above.

    NaN and infinite are in no group.
    """
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if not len(distinct):
        return Bands((), np.full(len(values), -1, np.int64))
    if counts.max() >= COMMON * counts.sum():
        return _around(values, distinct, int(counts.argmax()))
    return cut(values, np.quantile(values[np.isfinite(values)], [0.25, 0.5, 0.75]).tolist())


def cut(values: Numbers, edges: Sequence[float]) -> Bands:
    """Groups of ``values`` below the first edge, from each edge to the next, and from the last on."""
    known = np.isfinite(values)
    places = np.where(known, np.searchsorted(edges, np.where(known, values, 0.0), side="right"), -1)
    words = written(edges)
    names = (f"under {words[0]}", *(f"{a} to under {b}" for a, b in pairwise(words)), f"{words[-1]} and over")
    return Bands(names, places.astype(np.int64))


def _around(values: Numbers, distinct: Numbers, common: int) -> Bands:
    """The common value, the others below and above it; the side of more rows is cut in two at its median."""
    value, below, above = distinct[common], values < distinct[common], values > distinct[common]
    upper = int((above & np.isfinite(values)).sum()) >= int((below & np.isfinite(values)).sum())
    middle = _middle(values[np.isfinite(values) & (above if upper else below)])
    at, *rest = written([value] if middle is None else [value, middle])
    half = rest[0] if rest else ""
    groups = {f"under {at}": below, at: values == value, f"over {at}": above}
    if middle is not None and upper:
        groups = {f"under {at}": below, at: values == value, f"over {at} to under {half}": above & (values < middle)}
        groups[f"{half} and over"] = values >= middle
    elif middle is not None:
        groups = {f"under {half}": values < middle, f"{half} to under {at}": below & (values >= middle), at: values == value}
        groups[f"over {at}"] = above
    there = {name: rows & np.isfinite(values) for name, rows in groups.items()}
    names = tuple(name for name, rows in there.items() if rows.any())
    places = np.full(len(values), -1, np.int64)
    for place, name in enumerate(names):
        places[there[name]] = place
    return Bands(names, places)


def _middle(side: Numbers) -> float | None:
    """A value of ``side`` with values below it, near its median; None where there are fewer than two values."""
    distinct = np.unique(side)
    if len(distinct) < 2:
        return None
    return float(distinct[max(1, int(np.searchsorted(distinct, np.median(side))))])


def written(numbers: Sequence[float]) -> list[str]:
    """Numbers with as few digits as tell them apart, six at least."""
    for digits in (6, 9, 12):
        words = [f"{number + 0.0:.{digits}g}" for number in numbers]
        short = any("e+" in word and abs(number) < 1e12 for word, number in zip(words, numbers, strict=True))
        if len(set(words)) == len(words) and not short:
            return words
    return [f"{number + 0.0:.17g}" for number in numbers]
