"""What a model answers to the rows of its own data set, asked once for all who look at it, in place of once by each.

Rows are found by their bytes, so whoever takes a sample, a cohort or the held-out rows alone is answered from here too. Only one very model is
answered for, by its fingerprint: a copy that decides by another rule, or is trained further, has another.
"""

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from .decision import Prediction
from .target import Target, asked_anew, uncounted

FEW, AT_ONCE = 64, 4096
STEP = 0.5  # s
CERTAIN = 1000  # rows that are asked twice, before a model is taken for one that does not draw
MOST, LONGEST = 500_000, 60.0  # rows, and seconds, beyond which they are left to whoever asks


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


def asked(target: Target, x: Rows) -> Iterator[KnownAnswers | None]:
    """Ask ``target`` all rows, at each step as many as it answers in about `STEP` seconds: None until all are answered.

    It ends without a word where two askings differ or all would take too long. What is asked here is none of anybody's questions.
    """
    if "scores" not in target.offers or target.noise or len(x) > MOST:
        return
    labels, scores = np.empty(len(x), np.int64), np.empty((len(x), len(target.classes)))
    start, step, spent = 0, FEW, 0.0
    while start < len(x):
        part, begun = slice(start, start + step), time.thread_time()
        with uncounted(), asked_anew():
            found = target.predictions(x[part])
            again = target.predictions(x[part]) if start < CERTAIN else found
        if not (np.array_equal(found.labels, again.labels) and np.array_equal(found.scores, again.scores)):
            return
        labels[part], scores[part] = found.labels, found.scores
        start += step
        spent += (took := time.thread_time() - begun)
        step = min(2 * step, AT_ONCE) if took < STEP / 2 else step
        if spent / start * len(x) > LONGEST:
            return
        yield None
    yield KnownAnswers(target.fingerprint, x, Prediction(labels, scores))


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
