"""A target as an attacker sees it: only what a threat model allows, and never more rows than it may ask."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Unavailable
from ..progress import Progress
from .query_budget import Meter
from .target import Target

if TYPE_CHECKING:
    import torch

HIDDEN = frozenset({"weights", "file", "url"})


def seen(inner: Target, offers: frozenset[str]) -> frozenset[str]:
    """What is left of ``offers`` behind the restriction: labels always, never weights, file or address themselves."""
    return ((inner.offers & offers) - HIDDEN) | {"labels"}


def restricted_fingerprint(inner: Target, offers: frozenset[str]) -> str:
    """SHA-256 of what decides the answers; the budget does not."""
    return hashlib.sha256(f"{inner.fingerprint} seen as {sorted(seen(inner, offers))}".encode()).hexdigest()


class RestrictedTarget(Target):
    """``inner`` with only ``offers`` (labels, scores, gradients, training) to be had, and a metered number of rows.

    Every row that the target answers is counted, through its labels, its scores or its gradients, and none is answered
    beyond the meter's budget. What is trained anew by ``retrain`` is the caller's own model: open and not counted.
    """

    def __init__(self, inner: Target, offers: frozenset[str], meter: Meter | None = None, label: str = "restricted") -> None:
        self.meter = meter or Meter()
        super().__init__(f"{inner.name} ({label})", inner.classes, inner.schema, seen(inner, offers), restricted_fingerprint(inner, offers))
        self._inner = inner
        self._module: torch.nn.Module | None = None

    @property
    def queries(self) -> int:
        """Rows answered so far."""
        return self.meter.spent

    @queries.setter
    def queries(self, value: int) -> None:
        """Ignored: rows are counted where they are answered, so that no caller can forget to, or count twice."""

    @property
    def queries_here(self) -> int:
        """As `queries`: the meter knows no threads."""
        return self.meter.spent

    def _scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        self.meter.take(len(x))
        scores = self._inner.scores(x)
        if "scores" in self.offers:
            return scores
        label: NDArray[np.float32] = np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(1)]
        return label

    @property
    def module(self) -> "torch.nn.Module":
        if "gradients" not in self.offers:
            raise Unavailable("a target with gradients", f"{self.name}, which gives none", "Use an attack without gradients")
        if self._module is None:
            from .metered import Metered

            self._module = Metered(self._inner.module, self.meter).eval()
        return self._module

    def judged(self) -> Target:
        return self._inner.judged()

    def retrain(self, x: NDArray[np.float32], y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        if "training" not in self.offers:
            raise Unavailable("a target with a training routine", f"{self.name}, which gives none", "Use an attack without shadow models")
        return self._inner.retrain(x, y, seed, progress)
