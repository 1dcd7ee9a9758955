"""Remove the rows that look poisoned and train again."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import parameter
from ..datasets.dataset import Dataset
from ..defense import Defended, Defense
from ..errors import Unavailable
from ..progress import Progress
from ..targets.target import Target
from ._compared import NOT_COVERED
from ._filtered import Filtered, judged
from ._split import Split, split
from .detect import SOURCES, STANDARDS
from .signatures import ALARM, clusters


class Filter(Defense):
    """Train anew without the activation clusters that `poisoning.detect` alarms at, round after round until none is left."""

    id: ClassVar[str] = "poisoning.filter"
    title: ClassVar[str] = "Poison filter"
    question: ClassVar[str] = "What is the model without the training rows that look poisoned?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "training"})
    standards: ClassVar[tuple[str, ...]] = (*STANDARDS, "AML.M0007")
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "as long as training once per round"
    main: ClassVar[tuple[str, ...]] = ("rounds", "alarm")
    leads: ClassVar[tuple[str, ...]] = ("removed", "obeyed", "accuracy_change")
    seconds: ClassVar[float] = 30.0
    answers: ClassVar[tuple[str, ...]] = ("poisoning.detect", "poisoning.backdoor")

    rounds: int = parameter(2, "Most rounds of detecting, removing and training again", "rounds", ge=1, le=10)
    alarm: float = parameter(
        ALARM, "Share of a cluster that no neighbor supports, lower end, from which it is removed", "share", gt=0, lt=1
    )
    price: float = parameter(0.05, "Accuracy that it may cost, by the end of its interval", "share", ge=0, le=1)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        parts = split(data, np.random.default_rng(self.seed))
        kept, model, alarmed = np.ones(len(parts.train), bool), target, 0
        for _ in range(self.rounds):
            bad = self._alarmed(model, parts.train, kept, progress.part(0.3 / (self.rounds + 1)))
            if not bad.any() and model is not target:
                break
            kept &= ~bad
            rows = parts.train.take(kept)
            if len(np.unique(rows.y)) < 2:
                raise Unavailable("training rows of two classes after the filter", "fewer", "Give more rows, or raise the alarm")
            model = target.retrain(rows.x, rows.y, self.seed, progress.part(0.65 / self.rounds))
            if not bad.any():
                break
        else:
            alarmed = int(self._alarmed(model, parts.train, kept, progress.part(0.3 / (self.rounds + 1))).sum())
        model.name = f"{target.name}, filtered"
        removed = None if kept.all() else parts.train.take(~kept)
        it = Filtered(target, model, removed, len(parts.train), parts.held, alarmed)
        return Defended(model, judged(it, self.price, self.standards, self._notes(parts, kept, target), progress.part(0.03)))

    def _alarmed(self, model: Target, rows: Dataset, kept: NDArray[np.bool_], progress: Progress) -> NDArray[np.bool_]:
        """Which of all ``rows`` are in a cluster of those ``kept`` that alarms, bool (n,)."""
        bad, places = np.zeros(len(rows), bool), np.flatnonzero(kept)
        for cluster in clusters(model, rows.take(kept), self.seed, progress)[0]:
            if cluster.low > self.alarm:
                bad[places[cluster.rows]] = True
        return bad

    def _notes(self, parts: Split, kept: NDArray[np.bool_], target: Target) -> tuple[str, ...]:
        seen_before = f"{parts.note} The model before may have seen them." if parts.note else ""
        clean = "Nothing looked poisoned; the model was trained anew on all its rows." if kept.all() else ""
        return tuple(note for note in (seen_before, clean, NOT_COVERED, *target.rule_notes) if note)
