"""How good the model is at its own task: accuracy and calibration, the baseline every risk is weighed against."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import LEVEL, bootstrap, rate, rate_by_row
from ..statistics.majority import Skill
from ..targets.target import Target

STANDARDS = ("AI RMF MEASURE 2.5", "EU AI Act Art. 15(1)", "EU AI Act Art. 15(3)", "AITG-MOD-06")


def bins(confidence: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Which of ``count`` equal bins of 0 to 1 each confidence falls in."""
    return np.minimum((confidence * count).astype(np.intp), count - 1)


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_], count: int) -> float:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599): mean gap of confidence and accuracy."""
    place = bins(confidence, count)
    gaps = np.bincount(place, confidence - right, minlength=count)
    return float(np.abs(gaps).sum() / len(right))


class Performance(Check):
    """Accuracy, balanced accuracy, Brier score and calibration on rows the model was not trained on."""

    id: ClassVar[str] = "validation.performance"
    title: ClassVar[str] = "Accuracy and calibration"
    question: ClassVar[str] = "How often is the model right, and does its confidence say so?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Guo et al. 2017, arXiv 1706.04599",)
    cost: ClassVar[str] = "a second"
    quick: ClassVar[Mapping[str, Any]] = {}
    headline: ClassVar[str] = "accuracy"
    remeasured: ClassVar[bool] = True
    averages_noise: ClassVar[bool] = True

    rows: int = parameter(10_000, "Held-out rows to judge, drawn at random", "rows", ge=10, le=1_000_000)
    bins: int = parameter(15, "Bins of confidence for the calibration curve", "bins", ge=2, le=100)
    alarm: float = parameter(0.05, "Calibration error from which it is a finding", "probability", gt=0, le=1)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        rows = data.unseen.sample(self.rows, rng)
        scores = target.scores(rows.x)
        progress.step(0.5, "intervals")
        guess = scores.argmax(1)
        right = guess == rows.y
        common = int(np.bincount(rows.y).max())
        metrics = [
            rate_by_row("accuracy", "Accuracy", right, rows.fingerprint, "higher"),
            rate("majority_accuracy", "Majority-class baseline", common, len(rows), "none"),
            _balanced(right, rows.y, rng),
        ]
        skill = Skill.of(rows.y, right, rows.schema.classes)
        found = (
            self._with_scores(scores, right, rows, guess, metrics, rng)
            if "scores" in target.offers
            else _alone(right, rows, guess, metrics)
        )
        if skill.learned or found.status is Status.FINDING:
            return found
        text = f"{found.summary} That it has learned is not shown: {skill.fact}. {skill.advice}"
        return found.model_copy(update={"status": Status.INCOMPLETE, "summary": text})

    def _with_scores(
        self,
        scores: NDArray[np.float32],
        right: NDArray[np.bool_],
        rows: Dataset,
        guess: NDArray[np.intp],
        metrics: list[Metric],
        rng: np.random.Generator,
    ) -> CheckResult:
        confidence = scores.max(1)
        squared = ((scores - np.eye(scores.shape[1], dtype=np.float32)[rows.y]) ** 2).sum(1)
        brier = _mean("brier", "Brier score", squared, rng)
        error = calibration_error(confidence, right, self.bins)
        low, high = bootstrap(lambda i: calibration_error(confidence[i], right[i], self.bins), len(rows), rng, 200)
        ece = Metric(
            name="calibration_error",
            label="Calibration error",
            value=error,
            unit="probability",
            low=min(low, error),
            high=max(high, error),
            level=LEVEL,
            n=len(rows),
            safer="lower",
            interval="bootstrap; biased up by the bins",
        )
        over = float(confidence.mean()) > float(right.mean())
        bad = low >= self.alarm
        summary = f"{percent(right.mean())} of {len(rows):,} held-out rows are right; confidence is off by {error:.3f} on average{' (too sure)' if over else ' (not sure enough)'}."
        finding = Finding(
            title="Confidence does not match accuracy",
            severity=Severity.LOW,
            evidence=Evidence(metrics=("calibration_error",)),
            advice="Calibrate on held-out rows (temperature scaling) before anyone acts on the scores.",
            standards=STANDARDS,
        )
        return CheckResult(
            status=Status.FINDING if bad else Status.PASSED,
            summary=summary,
            metrics=(*metrics, brier, ece),
            findings=(finding,) if bad else (),
            charts=(_curve(confidence, right, self.bins),),
            tables=(_classes(guess, rows),),
        )


def _alone(right: NDArray[np.bool_], rows: Dataset, guess: NDArray[np.intp], metrics: list[Metric]) -> CheckResult:
    summary = f"{percent(right.mean())} of {len(rows):,} held-out rows are right; without scores calibration cannot be measured."
    return CheckResult(status=Status.PASSED, summary=summary, metrics=tuple(metrics), tables=(_classes(guess, rows),))


def _mean(name: str, label: str, values: NDArray[np.float32], rng: np.random.Generator) -> Metric:
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


def _balanced(right: NDArray[np.bool_], y: NDArray[np.int64], rng: np.random.Generator) -> Metric:
    def value(i: NDArray[np.intp]) -> float:
        counts = np.bincount(y[i])
        hits = np.bincount(y[i], right[i], minlength=len(counts))
        return float((hits[counts > 0] / counts[counts > 0]).mean())

    at = value(np.arange(len(y)))
    low, high = bootstrap(value, len(y), rng, 200)
    low_end, high_end = min(low, at), max(high, at)
    name, label = "balanced_accuracy", "Mean accuracy over classes"
    return Metric(
        name=name,
        label=label,
        value=at,
        low=low_end,
        high=high_end,
        level=LEVEL,
        n=len(y),
        safer="higher",
        interval="bootstrap",
        unit="share",
    )


def _classes(guess: NDArray[np.intp], rows: Dataset) -> Table:
    names = rows.schema.classes
    columns = (
        Column(name="Class"),
        Column(name="Rows", kind="integer"),
        Column(name="Right", kind="percent"),
        Column(name="Most confused with"),
    )
    lines = []
    for k, name in enumerate(names[:50]):
        mine = rows.y == k
        wrong = guess[mine & (guess != k)]
        other = names[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        lines.append((name, int(mine.sum()), float((guess[mine] == k).mean()) if mine.any() else None, other))
    return Table(name="classes", title="By class", columns=columns, rows=tuple(lines), total=len(names))


def _curve(confidence: NDArray[np.float32], right: NDArray[np.bool_], count: int) -> Chart:
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
