"""The rows an extraction attack has asked and the answers it got. A row is asked once; its answer is used each time the row comes again."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..targets.decision import Labels, Prediction, Scores


def keys(x: Rows) -> list[bytes]:
    """16 bytes for each row of ``x`` (n, …), equal where the rows are; -0 is 0, and a number that is not there is like any other such."""
    same = np.where(np.isnan(x), x.dtype.type("nan"), x + x.dtype.type(0))
    return [blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(same)]


@dataclass
class TransferSet:
    """Rows the copy is trained on, ``x`` (n, *shape), and what the target answered, ``scores`` (n, k) and ``labels`` (n,).

    `Extraction` fills it and `thieves.copycat` trains on it. ``known`` maps the key of each row that was asked to its place;
    ``random`` (n,) marks rows that were not chosen for what a copy said of them. ``walked`` counts the rows of the pool that were tried
    in order; ``ended`` is why the target answers no more, ``broken`` whether it failed.
    """

    x: Rows
    scores: Scores
    labels: Labels
    random: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    known: dict[bytes, int] = field(default_factory=dict)
    walked: int = 0
    ended: str = ""
    broken: bool = False

    @classmethod
    def before(cls, x: Rows, classes: int) -> Self:
        """With nothing asked; rows will be like those of ``x``."""
        return cls(x[:0], np.empty((0, classes)), np.empty(0, np.int64))

    @property
    def queries(self) -> int:
        """How many rows were asked."""
        return len(self.known)

    def asked(self, x: Rows) -> NDArray[np.bool_]:
        """Which rows of ``x`` (n, …) were asked, bool (n,)."""
        return np.array([key in self.known for key in keys(x)], bool)

    def fresh(self, x: Rows) -> NDArray[np.bool_]:
        """Which rows of ``x`` were never asked; of equal ones the first."""
        met, new = set(self.known), np.zeros(len(x), bool)
        for i, key in enumerate(keys(x)):
            new[i] = key not in met
            met.add(key)
        return new

    def add(self, x: Rows, answers: Prediction, random: bool = False) -> None:
        """Append rows that were just asked, and their answers."""
        self.known |= {key: len(self.x) + i for i, key in enumerate(keys(x))}
        self._append(x, answers, random)

    def reuse(self, x: Rows) -> None:
        """Append again, with the answers they had, those of ``x`` that were asked before; the others are ignored."""
        places = np.array([self.known.get(key, -1) for key in keys(x)], np.intp)
        kept = places >= 0
        self._append(x[kept], Prediction(self.labels[places[kept]], self.scores[places[kept]]), False)

    def _append(self, x: Rows, answers: Prediction, random: bool) -> None:
        self.random = np.concatenate([self.random, np.full(len(x), random)])
        self.x = np.concatenate([self.x, x])
        self.scores, self.labels = np.concatenate([self.scores, answers.scores]), np.concatenate([self.labels, answers.labels])
