"""What a thief's copy can do, of whatever kind it is."""

from typing import Protocol

from ..datasets.schema import Rows
from ..targets.decision import Labels, Scores


class Copied(Protocol):
    """A thief's copy."""

    def scores(self, x: Rows) -> Scores:
        """Probabilities (n, k) whose largest is the copy's label."""
        ...

    def labels(self, x: Rows) -> Labels:
        """What the copy decides, int64 (n,)."""
        ...
