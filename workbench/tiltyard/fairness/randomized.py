"""A target that answers by a coin of known weight. The coin is a hash of the row, so that the same row gets the same answer."""

import hashlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..targets.decision import Scores
from ..targets.target import Target
from ..targets.wrapper import Wrapper


class Chances(Protocol):
    """How likely each row is given the positive class, float64 (n,) in [0, 1], with what decides it as text."""

    def __call__(self, x: Rows) -> NDArray[np.float64]: ...

    def text(self) -> str: ...


def coins(x: Rows, seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) per row from its bytes and ``seed`` (BLAKE2b); equal rows get equal numbers."""
    flat = np.ascontiguousarray(x.reshape(len(x), -1) + 0)  # -0 becomes 0
    key = seed.to_bytes(8, "little")
    drawn = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest(), "little") for row in flat]
    return np.array(drawn, np.float64) / 2.0**64


class RandomizedTarget(Wrapper):
    """Gives the positive class with probability ``chances(x)``, which rest on ``inner`` or on models of its make; offers labels only.

    `expected_scores` is what an explanation explains: the answer averaged over the coin.
    """

    def __init__(self, name: str, inner: Target, chances: Chances, positive: int, seed: int) -> None:
        digest = hashlib.sha256(f"{inner.fingerprint} {positive} {seed} {chances.text()}".encode()).hexdigest()
        super().__init__(name, inner.classes, inner.schema, frozenset({"labels"}), digest)
        self.inner = inner
        self.chances = chances
        self.positive = positive
        self.seed = seed

    @property
    def rule(self) -> str:
        """A coin, for no score decides."""
        return "a coin of each row, the hash of it and a seed, weighted by its chance of the favorable outcome"

    def expected_scores(self, x: Rows) -> Scores:
        """Probability of each class over the target's own draws, float64 (n, 2)."""
        self.count(len(x))
        return self._pair(self.chances(x))

    def _scores(self, x: Rows) -> Scores:
        return self._pair((coins(x, self.seed) < self.chances(x)).astype(np.float64))

    def _pair(self, positive: NDArray[np.float64]) -> Scores:
        out = np.empty((len(positive), 2))
        out[:, self.positive], out[:, 1 - self.positive] = positive, 1 - positive
        return out
