"""The rows an extraction attack has asked and the answers it got. A row is asked once; its answer is used each time the row comes again."""

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def keys(x: NDArray[np.float32]) -> list[bytes]:
    """16 bytes for each row of ``x`` (n, …), equal where the rows are; -0 is 0."""
    return [blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(x, np.float32) + np.float32(0)]


@dataclass
class TransferSet:
    """Rows the copy is trained on, ``x`` (n, *shape), and what the target answered, ``answers`` (n, k).

    `Extraction` fills it and `thieves.copycat` trains on it. ``known`` maps the key of each row that was asked to its place;
    ``walked`` counts the rows of the pool that were tried in order; ``ended`` is why the target answers no more, ``broken`` whether it failed.
    """

    x: NDArray[np.float32]
    answers: NDArray[np.float32]
    known: dict[bytes, int] = field(default_factory=dict)
    walked: int = 0
    ended: str = ""
    broken: bool = False

    @property
    def queries(self) -> int:
        """How many rows were asked."""
        return len(self.known)

    def fresh(self, x: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which rows of ``x`` were never asked; of equal ones the first."""
        met, new = set(self.known), np.zeros(len(x), bool)
        for i, key in enumerate(keys(x)):
            new[i] = key not in met
            met.add(key)
        return new

    def add(self, x: NDArray[np.float32], answers: NDArray[np.float32]) -> None:
        """Append rows that were just asked, and their answers."""
        self.known |= {key: len(self.x) + i for i, key in enumerate(keys(x))}
        self._append(x, answers)

    def reuse(self, x: NDArray[np.float32]) -> None:
        """Append again, with the answers they had, those of ``x`` that were asked before; the others are ignored."""
        places = np.array([self.known.get(key, -1) for key in keys(x)], np.intp)
        kept = places >= 0
        self._append(x[kept], self.answers[places[kept]])

    def _append(self, x: NDArray[np.float32], answers: NDArray[np.float32]) -> None:
        self.x, self.answers = np.concatenate([self.x, x]), np.concatenate([self.answers, answers])
