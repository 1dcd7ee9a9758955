"""How good the model is at its own task: accuracy and calibration, the baseline every risk is weighed against."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.classification import Confusion, ranked_area, ranked_precision, ranking
from ..statistics.intervals import LEVEL, bootstrap, rate, rate_by_row
from ..statistics.majority import LEAST, Skill
from ..targets.decision import Prediction, Threshold
from ..targets.target import Target

STANDARDS = ("AI RMF MEASURE 2.5", "EU AI Act Art. 15(1)", "EU AI Act Art. 15(3)", "AITG-MOD-06")
SHOWN = 20


def bins(confidence: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Which of ``count`` equal bins of 0 to 1 each confidence falls in."""
    return np.minimum((confidence * count).astype(np.intp), count - 1)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], count: int) -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599): mean gap of confidence and accuracy."""
    place = bins(confidence, count)
    gaps = np.bincount(place, confidence - right, minlength=count)
    return float(np.abs(gaps).sum() / len(right))


class Performance(Check):
    """How often the decision is right, by class and against the majority-class baseline, and whether its confidence says so."""

    id: ClassVar[str] = "validation.performance"
    title: ClassVar[str] = "Accuracy and calibration"
    question: ClassVar[str] = "How often is the model right, and does its confidence say so?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Guo et al. 2017, arXiv 1706.04599", "Brodersen et al. 2010 (balanced accuracy)")
    cost: ClassVar[str] = "a second"
    quick: ClassVar[Mapping[str, Any]] = {}
    headline: ClassVar[str] = "balanced_accuracy"
    remeasured: ClassVar[bool] = True
    averages_noise: ClassVar[bool] = True
    core: ClassVar[bool] = True

    rows: int = parameter(
        10_000, "Rows to judge, drawn at random from those not trained on where that is known", "rows", ge=10, le=1_000_000
    )
    bins: int = parameter(15, "Bins of confidence for the calibration curve", "bins", ge=2, le=100)
    alarm: float = parameter(0.05, "Calibration error from which it is a finding", "probability", gt=0, le=1)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        rows = data.unseen.sample(self.rows, rng)
        scored = "scores" in target.offers
        answer = target.predictions(rows.x) if scored else Prediction(target.labels(rows.x), np.zeros((len(rows), 0)))
        progress.step(0.5, "intervals")
        judged = Judged.of(rows, answer, target, data.known)
        calibration = self._calibration(judged, rng) if scored else Calibration()
        return CheckResult(
            status=Status.FINDING if calibration.findings else Status.PASSED if judged.skill.above else Status.INCOMPLETE,
            summary=f"{judged.sentence} {calibration.sentence}",
            metrics=(*judged.metrics, *calibration.metrics),
            findings=calibration.findings,
            charts=calibration.charts,
            tables=(judged.table, judged.matrix),
            notes=judged.notes,
        )

    def _calibration(self, judged: "Judged", rng: np.random.Generator) -> "Calibration":
        scores, right, n = judged.answer.scores, judged.right, len(judged.rows)
        confidence = scores[np.arange(n), judged.answer.labels]
        squared = ((scores - np.eye(scores.shape[1])[judged.rows.y]) ** 2).sum(1)
        error = calibration_error(confidence, right, self.bins)
        low, high = bootstrap(lambda i: calibration_error(confidence[i], right[i], self.bins), n, rng, 200)
        ece = Metric(
            name="calibration_error",
            label="Calibration error",
            value=error,
            unit="probability",
            low=min(low, error),
            high=max(high, error),
            level=LEVEL,
            n=n,
            safer="lower",
            interval="bootstrap; biased up by the bins",
        )
        over = float(confidence.mean()) > float(right.mean())
        finding = Finding(
            title="Confidence does not match accuracy",
            severity=Severity.LOW,
            evidence=Evidence(metrics=("calibration_error",)),
            advice="Calibrate on held-out rows (temperature scaling) before anyone acts on the scores.",
            standards=STANDARDS,
        )
        return Calibration(
            sentence=f"Confidence is off by {error:.3f} on average{' (too sure)' if over else ' (not sure enough)'}.",
            metrics=(_mean("brier", "Brier score", squared, rng), ece),
            findings=(finding,) if low >= self.alarm else (),
            charts=(_curve(confidence, right, self.bins),),
        )


@dataclass(frozen=True)
class Calibration:
    """What confidence says of accuracy; nothing of a model without scores."""

    sentence: str = "Without scores neither ranking nor calibration can be measured."
    metrics: tuple[Metric, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()


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


def _mean(name: str, label: str, values: NDArray[np.float64], rng: np.random.Generator) -> Metric:
    low, high = bootstrap(lambda i: float(values[i].mean()), len(values), rng, 200)
    value = float(values.mean())
    low_end, high_end = min(low, value), max(high, value)
    return Metric(
        name=name,
        label=label,
        value=value,
        low=low_end,
        high=high_end,
        level=LEVEL,
        n=len(values),
        safer="lower",
        interval="bootstrap",
    )


def _curve(confidence: NDArray[np.float64], right: NDArray[np.bool_], count: int) -> Chart:
    place = bins(confidence, count)
    held = [b for b in range(count) if (place == b).sum() >= 5]
    rates = [rate("a", "a", int(right[place == b].sum()), int((place == b).sum())) for b in held]
    at = tuple(float(confidence[place == b].mean()) for b in held)
    points = Series(name="model", x=at, y=tuple(m.value for m in rates), low=tuple(m.low for m in rates), high=tuple(m.high for m in rates))
    ideal = Series(name="perfectly calibrated", x=(0.0, 1.0), y=(0.0, 1.0))
    return Chart(
        name="calibration",
        title="Confidence and accuracy",
        kind="line",
        x=Axis(label="Confidence", unit="share", low=0, high=1),
        y=Axis(label="Accuracy", unit="share", low=0, high=1),
        series=(points, ideal),
        alt="Accuracy in bins of confidence beside the diagonal of perfect calibration.",
    )
