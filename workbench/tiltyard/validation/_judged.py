"""Rows with what a model decided on them: rates by class, ranking, and the majority-class baseline beside them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..result import Column, Metric, Table
from ..statistics.classification import Confusion, ranked_area, ranked_precision, ranking
from ..statistics.intervals import rate, rate_by_row
from ..statistics.majority import LEAST, Skill
from ..targets.decision import Prediction, Threshold
from ..targets.target import Target

SHOWN = 20


@dataclass(frozen=True)
class Judged:
    """Rows with what the model answered.

    Attributes
    ----------
    of_interest
        Of two classes the one that recall and precision are of: that of the threshold in force, else the rarer one; None of more.
    rule, known
        The decision rule, and what the rows may be called.
    """

    rows: Dataset
    answer: Prediction
    classes: tuple[str, ...]
    confusion: Confusion
    skill: Skill
    of_interest: int | None
    rule: str
    known: str

    @classmethod
    def of(cls, rows: Dataset, answer: Prediction, target: Target, known: str) -> "Judged":
        """The rows judged by the labels that the model decided."""
        classes = rows.schema.classes
        confusion = Confusion.of(rows.y, answer.labels, len(classes))
        skill = Skill.of(rows.y, answer.labels == rows.y, classes)
        interest = None
        if len(classes) == 2:
            interest = target.decision.index if isinstance(target.decision, Threshold) else int(confusion.truth[1] <= confusion.truth[0])
        return cls(rows, answer, classes, confusion, skill, interest, target.rule, known)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Is the decision right? (n,)"""
        right: NDArray[np.bool_] = self.answer.labels == self.rows.y
        return right

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """Balanced accuracy first: accuracy says little where a constant answer does as well."""
        k, n = self.of_interest, len(self.rows)
        named = self.classes[k] if k is not None else ""
        found = [
            self.confusion.balanced,
            rate_by_row("accuracy", "Accuracy", self.right, self.rows.fingerprint, "higher"),
            rate("majority_accuracy", "Majority-class baseline", self.skill.common, n, "none"),
            *((self.confusion.recall_metric(k, named),) if k is not None else ()),
            self.confusion.precision_metric(k, named),
            self.confusion.f1_metric(k, named),
            *((self.confusion.worst_recall(self.classes, LEAST),) if k is None else ()),
        ]
        return (*found, *(ranking(self.rows.y, self.answer.scores, k, self.classes) if self.answer.scores.size else ()))

    @property
    def sentence(self) -> str:
        """Accuracy where it beats the majority-class baseline; else what says more, and that it does not."""
        skill, balanced = self.skill, self.metrics[0]
        assert balanced.value is not None
        mean = f"balanced accuracy {balanced.value:.3f} ({balanced.low:.3f} to {balanced.high:.3f})"
        share, common = percent(skill.right / skill.n), percent(skill.common / skill.n)
        if skill.above:
            return f"{share} of {skill.n:,} {self.known} are right, {mean}; always saying {skill.commonest!r} is right on {common}."
        apart = f"{self._of_class} {skill.advice}" if skill.learned else f"That it has learned is not shown: {skill.fact}. {skill.advice}"
        return f"{mean[0].upper()}{mean[1:]} on {skill.n:,} {self.known}; accuracy, {share}, is not above always saying {skill.commonest!r}, {common}. {apart}"

    @property
    def _of_class(self) -> str:
        if self.of_interest is None:
            return "It does tell the classes apart; the table by class says how well."
        recall, precision = (self.confusion.recall(self.of_interest), self.confusion.precision(self.of_interest))
        name = self.classes[self.of_interest]
        answered = f"of the rows answered {name!r} {precision.value or 0:.3f} are" if precision.n else f"{name!r} is never answered"
        return f"It does tell the classes apart: of {name!r} {recall.value or 0:.3f} are found, and {answered}."

    @property
    def notes(self) -> tuple[str, ...]:
        """The decision rule, and classes of which little or nothing is known."""
        truth = self.confusion.truth
        none = [self.classes[i] for i in np.flatnonzero(truth == 0)]
        few = [f"{self.classes[i]!r} ({truth[i]})" for i in np.flatnonzero((truth > 0) & (truth < LEAST))]
        found = [f"Judged by what the model decides: {self.rule}."]
        if none:
            found.append(
                f"No row of {', '.join(map(repr, none[:8]))}{' …' * (len(none) > 8)}: nothing is known of how well they are found."
            )
        if few:
            found.append(f"Fewer than {LEAST} rows of {', '.join(few[:8])}{' …' * (len(few) > 8)}: their numbers may be chance.")
        return tuple(found)

    @property
    def table(self) -> Table:
        """Recall, precision and ranking of each class."""
        names = ("Recall", "Precision", "ROC AUC", "Average precision")
        columns = (
            Column(name="Class"),
            Column(name="Rows", kind="integer"),
            *(Column(name=n) for n in names),
            Column(name="Most confused with"),
        )
        lines: list[tuple[str | int | None, ...]] = []
        for k, name in enumerate(self.classes[:50]):
            mine, scores = self.rows.y == k, self.answer.scores
            ranks = (ranked_area(mine, scores[:, k]).text, ranked_precision(mine, scores[:, k]).text) if scores.size else (None, None)
            wrong = np.where(np.arange(len(self.classes)) == k, 0, self.confusion.counts[k])
            other = self.classes[int(wrong.argmax())] if wrong.any() else ""
            lines.append((name, int(mine.sum()), self.confusion.recall(k).text, self.confusion.precision(k).text, *ranks, other))
        note = "Share (95% interval; n behind it)."
        return Table(name="classes", title="By class", columns=columns, rows=tuple(lines), total=len(self.classes), note=note)

    @property
    def matrix(self) -> Table:
        """The confusion matrix, of the first classes."""
        names = self.classes[:SHOWN]
        columns = (Column(name="True class"), *(Column(name=f"answered {name}", kind="integer") for name in names))
        rows: list[tuple[str | int, ...]] = [
            (name, *(int(c) for c in self.confusion.counts[k, : len(names)])) for k, name in enumerate(names)
        ]
        return Table(name="confusion", title="Confusion matrix", columns=columns, rows=tuple(rows), total=len(self.classes))

    @cached_property
    def baseline(self) -> dict[str, float]:
        """What always answering the commonest class scores, by metric; its score is each class's share of these rows."""
        y, k, n = self.rows.y, self.of_interest, len(self.rows)
        share = self.confusion.truth / n
        held = share[share > 0]
        common, there = float(share.max()), len(held)
        squared = float(1 - (share**2).sum())
        found = {
            "accuracy": common,
            "balanced_accuracy": 1 / there,
            "brier_score": squared / 2 if len(share) < 3 else squared,
            "log_loss": float(-(held * np.log(held)).sum()),
        }
        if k is None:
            return found
        always = int(share.argmax()) == k and bool((y == k).any())
        ranks = {"roc_auc": 0.5, "average_precision": float(share[k])} if 0 < share[k] < 1 else {}
        answered = {"precision": float(share[k]), "f1": 2 * float(share[k]) / (1 + float(share[k]))} if always else {"f1": 0.0}
        return {**found, "recall": float(always), **answered, **ranks}
