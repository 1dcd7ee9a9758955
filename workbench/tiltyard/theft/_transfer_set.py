"""What a thief has asked and been answered: each row is paid for once, and its answer used as often as it is met."""

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

    ``known`` is where the answer to each row that was paid for stands; ``walked`` how many rows of the pool were met in order;
    ``ended`` says why the target answers no more, ``broken`` that it broke.
    """

    x: NDArray[np.float32]
    answers: NDArray[np.float32]
    known: dict[bytes, int] = field(default_factory=dict)
    walked: int = 0
    ended: str = ""
    broken: bool = False

    @property
    def queries(self) -> int:
        """Rows paid for."""
        return len(self.known)

    def fresh(self, x: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which rows of ``x`` were never asked; of equal ones the first."""
        met, new = set(self.known), np.zeros(len(x), bool)
        for i, key in enumerate(keys(x)):
            new[i] = key not in met
            met.add(key)
        return new

    def add(self, x: NDArray[np.float32], answers: NDArray[np.float32]) -> None:
        """Rows that were just paid for, and their answers."""
        self.known |= {key: len(self.x) + i for i, key in enumerate(keys(x))}
        self._append(x, answers)

    def reuse(self, x: NDArray[np.float32]) -> None:
        """Rows that may have been paid for: those that were join again with the answer they had, the others are left."""
        places = np.array([self.known.get(key, -1) for key in keys(x)], np.intp)
        kept = places >= 0
        self._append(x[kept], self.answers[places[kept]])

    def _append(self, x: NDArray[np.float32], answers: NDArray[np.float32]) -> None:
        self.x, self.answers = np.concatenate([self.x, x]), np.concatenate([self.answers, answers])
