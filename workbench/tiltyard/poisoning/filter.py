"""Remove the rows that look poisoned and train again."""

from typing import Any, ClassVar

import numpy as np

from ..check import parameter
from ..datasets.dataset import Dataset
from ..defense import Defended, Defense
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Metric, Status
from ..statistics.intervals import rate
from ..targets.target import Target
from ._split import split
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
    leads: ClassVar[tuple[str, ...]] = ("removed", "accuracy_after", "accuracy_before")
    seconds: ClassVar[float] = 30.0
    answers: ClassVar[tuple[str, ...]] = ("poisoning.detect", "poisoning.backdoor")

    rounds: int = parameter(2, "Most rounds of detecting, removing and training again", "rounds", ge=1, le=10)
    alarm: float = parameter(
        ALARM, "Share of a cluster that no neighbor supports, lower end, from which it is removed", "share", gt=0, lt=1
    )

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        parts = split(data, np.random.default_rng(self.seed))
        rows, held, model = parts.train, parts.held, target
        for _ in range(self.rounds):
            found, _z = clusters(model, rows, self.seed, progress.part(0.3 / self.rounds))
            bad = [c for c in found if c.low > self.alarm]
            if not bad and model is not target:
                break
            keep = np.ones(len(rows), bool)
            for cluster in bad:
                keep[cluster.rows] = False
            if len(np.unique(rows.y[keep])) < 2:
                raise Unavailable("training rows of two classes after the filter", "fewer", "Give more rows, or raise the alarm")
            rows = rows.take(keep)
            model = target.retrain(rows.x, rows.y, self.seed, progress.part(0.69 / self.rounds))
            if not bad:
                break
        model.name = f"{target.name}, filtered"
        gone = len(parts.train) - len(rows)
        before, after = (int((m.labels(held.x) == held.y).sum()) for m in (target, model))
        metrics: tuple[Any, ...] = (
            Metric(name="removed", label="Training rows removed", value=float(gone), unit="rows", n=len(parts.train)),
            rate("accuracy_before", "Accuracy before", before, len(held), "higher"),
            rate("accuracy_after", "Accuracy of the filtered model", after, len(held), "higher"),
        )
        summary = f"{gone:,} of {len(parts.train):,} training rows removed; accuracy {percent(after / len(held))}, before {percent(before / len(held))}, on {len(held):,} rows."
        seen_before = f"{parts.note} The model before may have seen them." if parts.note else ""
        notes = tuple(
            n
            for n in (
                seen_before,
                "" if gone else "Nothing looked poisoned; the model was trained anew on all its rows.",
                *target.rule_notes,
            )
            if n
        )
        return Defended(model, CheckResult(status=Status.PASSED, summary=summary, metrics=metrics, notes=notes))
