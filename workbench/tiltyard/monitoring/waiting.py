"""Answers that wait for their labels: which class each row of a request was given, and in which window it stands. No row, no score.

In memory alone and bounded: after ``most`` rows the oldest requests are forgotten, and a restart forgets all.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..result import Frozen

MOST = 100_000


class Learned(Frozen):
    """What labels showed: ``right`` of ``n`` answers were; ``unknown`` requests are not, or no longer, waited for."""

    right: int
    n: int
    unknown: int


@dataclass(frozen=True)
class Answered:
    """Class, int32 (n,), and number of the window, int64 (n,), of each row of a request."""

    classes: NDArray[np.int32]
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.classes)


class Waiting:
    """The answers by their request's id, the oldest first."""

    def __init__(self, most: int = MOST) -> None:
        self.most, self.rows = most, 0
        self._answers: OrderedDict[str, Answered] = OrderedDict()

    def put(self, request: str, answered: Answered) -> None:
        """Remember a request; the oldest make room for it."""
        self.take(request)
        self._answers[request] = answered
        self.rows += len(answered)
        while self.rows > self.most:
            self.take(next(iter(self._answers)))

    def of(self, request: str) -> Answered | None:
        """The answers of a request, which go on waiting; None where none wait."""
        return self._answers.get(request)

    def take(self, request: str) -> Answered | None:
        """The answers of a request, which wait no longer."""
        found = self._answers.pop(request, None)
        self.rows -= len(found) if found is not None else 0
        return found
