"""A target as an attacker sees it: only what a threat model allows, and never more rows than it may ask."""

import hashlib
from itertools import chain, combinations
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.schema import Rows
from ..errors import Unavailable
from ..progress import Progress
from .answers import Answers, joined
from .decision import Labels, Scores
from .query_budget import Meter
from .target import Target

if TYPE_CHECKING:
    import torch

HIDDEN = frozenset({"weights", "file", "url"})
SHOWN = frozenset({"labels", "scores", "gradients", "training"})


def seen(inner: Target, offers: frozenset[str]) -> frozenset[str]:
    """What is left of ``offers`` behind the restriction: labels always, never weights, file or address themselves."""
    return ((inner.offers & offers) - HIDDEN) | {"labels"}


def restricted_fingerprint(inner: Target, offers: frozenset[str]) -> str:
    """SHA-256 of what decides the answers; the budget does not."""
    return _fingerprint_of_view(inner.fingerprint, seen(inner, offers))


def views(fingerprint: str) -> frozenset[str]:
    """The fingerprints that a target of this ``fingerprint`` can have behind a restriction; for records from before ``Identity.view_of``."""
    left = sorted(SHOWN - {"labels"})
    parts = chain.from_iterable(combinations(left, size) for size in range(len(left) + 1))
    return frozenset(_fingerprint_of_view(fingerprint, frozenset(part) | {"labels"}) for part in parts)


def _fingerprint_of_view(fingerprint: str, offers: frozenset[str]) -> str:
    return hashlib.sha256(f"{fingerprint} seen as {sorted(offers)}".encode()).hexdigest()


class RestrictedTarget(Target):
    """``inner`` with only ``offers`` (labels, scores, gradients, training) to be had, and a metered number of rows.

    Every row that the target answers is counted, through its labels, its scores or its gradients, and none is answered
    beyond the meter's budget. What is trained anew by ``retrain`` is the caller's own model: open and not counted.

    Parameters
    ----------
    listening
        Keep what is answered, for `heard`.

    Attributes
    ----------
    answers
        What this attacker was answered in an earlier step; None for nothing.
    """

    def __init__(
        self, inner: Target, offers: frozenset[str], meter: Meter | None = None, label: str = "restricted", listening: bool = False
    ) -> None:
        self.meter = meter or Meter()
        super().__init__(f"{inner.name} ({label})", inner.classes, inner.schema, seen(inner, offers), restricted_fingerprint(inner, offers))
        self._inner = inner
        self.view_of = inner.view_of or inner.fingerprint
        self.decision, self.given = inner.decision, inner.given
        self.doubts, self.noise, self.fitted_here = inner.doubts, inner.noise, inner.fitted_here
        self._module: torch.nn.Module | None = None
        self._heard: list[Answers] | None = [] if listening else None

    def heard(self, source: str) -> Answers | None:
        """What was answered so far, in order, asked by the step ``source``; None for nothing, or where nobody listens."""
        return joined(self._heard or [], source)

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

    @property
    def grain(self) -> float:
        return self._inner.grain

    def _scores(self, x: Rows) -> Scores:
        self.meter.take(len(x))
        if "scores" in self.offers:
            return self._inner.scores(x)
        return np.eye(len(self.classes))[self._inner.labels(x)]

    def _decided(self, part: Rows, scores: Scores | None) -> Labels:
        """As the inner target decides; where its scores are known already they are not paid for again."""
        if scores is None:
            self.meter.take(len(part))
            return self._kept(part, None, self._inner.labels(part))
        found = super()._decided(part, scores) if self._inner.decision is not None else self._inner.labels(part)
        return self._kept(part, scores, found)

    def _kept(self, part: Rows, scores: Scores | None, labels: Labels) -> Labels:
        if self._heard is not None:
            self._heard.append(Answers(part.copy(), np.eye(len(self.classes))[labels] if scores is None else scores, labels, ""))
        return labels

    @property
    def module(self) -> "torch.nn.Module":
        if "gradients" not in self.offers:
            raise Unavailable("a target with gradients", f"{self.name}, which gives none", "Use an attack without gradients")
        if self._module is None:
            from .metered import Metered

            self._module = Metered(self._inner.module, self.meter).eval()
        return self._module

    @property
    def whole(self) -> Target:
        return self._inner.whole

    def judged(self) -> Target:
        return self._inner.judged()

    def retrain(self, x: Rows, y: Labels, seed: int, progress: Progress) -> Target:
        if "training" not in self.offers:
            raise Unavailable("a target with a training routine", f"{self.name}, which gives none", "Use an attack without shadow models")
        return self._inner.retrain(x, y, seed, progress)
