"""What a model answers to the rows of its own data set, asked once for all who look at it, in place of once by each.

Rows are found by their bytes, so whoever takes a sample, a cohort or the held-out rows alone is answered from here too. Only one very model is
answered for, by its fingerprint: a copy that decides by another rule, or is trained further, has another.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from .decision import Prediction

AT_ONCE = 4096


class KnownAnswers:
    """The answers ``found`` to the rows ``x`` (n, ...) of the target with this ``fingerprint``."""

    def __init__(self, fingerprint: str, x: Rows, found: Prediction) -> None:
        self.fingerprint = fingerprint
        self._kind = (x.dtype, x.shape[1:])
        self._rows = _plain(x)
        self._found = found
        keys = _keys(self._rows)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Nothing in another process, which would get all rows with it, and nothing with a copy that somebody may change."""
        return type(None), ()

    def of(self, fingerprint: str, x: Rows) -> Prediction | None:
        """Labels and scores of ``x``, arrays of the caller's own; None where the model is another or one of the rows is not known."""
        if not len(x) or fingerprint != self.fingerprint or (x.dtype, x.shape[1:]) != self._kind:
            return None
        rows = _plain(x)
        keys = _keys(rows)
        at = np.searchsorted(self._keys, keys)
        if (at == len(self._keys)).any() or (self._keys[at] != keys).any():
            return None
        places = self._order[at]
        if any(not np.array_equal(self._rows[places[part]], rows[part]) for part in _parts(len(rows))):
            return None
        return Prediction(self._found.labels[places], self._found.scores[places])


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, start + AT_ONCE) for start in range(0, n, AT_ONCE))


def _plain(x: Rows) -> NDArray[np.uint8]:
    """The bytes of each row, uint8 (n, width); a view where that can be."""
    return np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8)


def _keys(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number of 64 bits for each row: the sum of its words, each times an odd number of its place, modulo 2^64; equal rows have equal ones."""
    words = rows.view(np.uint32)
    odd = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    keys = np.empty(len(rows), np.uint64)
    for part in _parts(len(rows)):
        keys[part] = (words[part].astype(np.uint64) * odd).sum(1, dtype=np.uint64)
    return keys
