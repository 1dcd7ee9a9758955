"""What parity costs: accuracy against the gap in selection rates, over thresholds by group and one threshold for all."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import POINTS, points
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table, key_of
from ..statistics.intervals import LEVEL, rate
from ..statistics.paired import rate_change
from ..statistics.ruling import Limit, ruling, status_of
from ..targets.target import Target
from ._before_after import HOW
from .belonging import sensitive_column
from .favorable import Favorable, favorable
from .group_metrics import STANDARDS
from .groups import ONE_ANSWER, one_answer
from .rates import Gap, gap, grouped
from .thresholds import by_rules, fit_rules

CALL = 2048
NOW, ONE, GROUPED = "as it is", "one threshold for all", "thresholds by group"


@dataclass(frozen=True)
class Scored:
    """Rows with truth and prediction bool, group str and score of the positive class float64, each (n,)."""

    truth: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    groups: NDArray[np.str_]
    scores: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> "Scored":
        return Scored(self.truth[rows], self.predicted[rows], self.groups[rows], self.scores[rows])


@dataclass(frozen=True)
class Point:
    """One way to decide, measured."""

    family: str
    setting: str
    right: NDArray[np.bool_]
    gap: Gap
    threshold: float | None = None
    tolerance: float | None = None

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


class Frontier(Check):
    """Fits thresholds on one half of the rows not trained on and measures them on the other."""

    id: ClassVar[str] = "fairness.frontier"
    title: ClassVar[str] = "Accuracy against disparity"
    main: ClassVar[tuple[str, ...]] = ("column", "positive", "rows")
    question: ClassVar[str] = "What would it cost to close the gap?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "sensitive"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Hardt, Price and Srebro 2016, arXiv 1610.02413", "Fairlearn ThresholdOptimizer")
    headline: ClassVar[str] = "gap_at_parity"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_now", "accuracy_at_parity", "accuracy_change"})

    column: str = parameter("", "Sensitive column; empty means the first", source="sensitive")
    positive: str = parameter(
        "",
        "The class that is the favorable outcome; empty means the one named with the data, else proposed by the names of label and classes; the rest count as one",
        source="classes",
        title="Favorable outcome",
    )
    points: int = parameter(6, "Gaps between none and today's that thresholds by group are found for", ge=2, le=30)
    rows: int = parameter(10_000, "Rows, half to find thresholds on and half to measure on", "rows", ge=200, le=200_000)
    smallest: int = parameter(30, "Groups with fewer rows in a half are left out", "rows", ge=2, le=10_000)
    limit: float = parameter(0.1, "Gap above which a cheap remedy is a finding", ge=0.0, le=1.0)
    price: float = parameter(0.03, "Accuracy that closing the gap may cost to be called cheap", ge=0.0, le=1.0)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=min(self.rows, len(data.unseen)))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        column = sensitive_column(data, self.column)
        hope = favorable(data.schema, self.positive)
        positive = hope.index
        rows = _scored(target, data.unseen.sample(self.rows, rng), column, positive, progress.part(0.3))
        fit, hold = _halved(rows, self.smallest, rng)
        if len(np.unique(rows.groups[fit])) < 2:
            text = f"Fewer than two groups of {column!r} have {2 * self.smallest} rows with both classes: nothing to compare."
            return CheckResult(status=Status.INCOMPLETE, summary=text)
        fitted, held = rows.take(fit), rows.take(hold)
        now = _point(NOW, target.rule, held.predicted, held, rng)
        found = [now, *_one(held, rng, progress), *self._by_group(fitted, held, now.gap.difference, rng, progress)]
        best = min((p for p in found if p.family == GROUPED), key=lambda p: p.gap.difference)
        cost = rate_change("accuracy_change", "Accuracy at the smallest gap less as it is", now.right, best.right)
        left = len(rows.truth) - len(fit) - len(hold)
        notes = (
            hope.note,
            f"As it is, it decides by {target.rule}.",
            *((f"{hope.name!r} against all the rest: accuracy is that of this one decision.",) if len(target.classes) > 2 else ()),
            *((f"{left:,} rows left out: groups too small to divide in two.",) if left else ()),
        )
        return self._result(found, now, best, cost, column, held, len(fit), hope, notes)

    def _by_group(self, fitted: Scored, held: Scored, gap: float, rng: np.random.Generator, progress: Progress) -> list[Point]:
        found = []
        tolerances = np.linspace(0, gap, self.points) if gap > 0 else np.zeros(1)
        for i, tolerance in enumerate(tolerances):
            progress.step(0.5 + 0.5 * i / len(tolerances), f"thresholds for a gap of {points(float(tolerance))} points")
            rules = fit_rules(fitted.scores, fitted.truth, fitted.groups, "demographic_parity", "accuracy_score", float(tolerance))
            predicted = rng.random(len(held.truth)) < by_rules(held.scores, held.groups, rules, held.predicted)
            point = _point(GROUPED, f"gap at most {points(float(tolerance))} points", predicted, held, rng)
            found.append(replace(point, tolerance=float(tolerance)))
        return found

    def _result(
        self,
        found: list[Point],
        now: Point,
        best: Point,
        cost: Metric,
        column: str,
        held: Scored,
        fitted: int,
        hope: Favorable,
        notes: tuple[str, ...],
    ) -> CheckResult:
        n = len(held.truth)
        price = -(cost.value or 0.0)
        same = one_answer(held.predicted)
        apart = _gap("gap_now", "Selection-rate gap as it is", now, n, hope)
        left = Limit(apart, self.limit, now.gap.chance, surely=True, beyond=0.0, share=n / (n + fitted))
        cheap = left.state == "broken" and price <= self.price
        open_ends = ("every row is given the same answer",) if same else ()
        ruled = ruling([left], open_ends=(*open_ends, *(("which outcome is favorable is assumed: name it",) if hope.assumed else ())))
        dear = f" The gap is beyond {points(self.limit)} points and cannot be closed for {points(self.price)} points of accuracy."
        unsettled = dear if left.state == "broken" else f" {ruled.sentence}"
        text = f"accuracy {'falls by' if price >= 0 else 'rises by'} {points(abs(price))} points (change {points(cost.low, True)} to {points(cost.high, True)}, n = {n:,})"
        finding = Finding(
            key=key_of("gap", column),
            title=f"A gap of {points(now.gap.difference)} points by {column} can be closed to {points(best.gap.difference)} for {points(max(price, 0))} points of accuracy",
            severity=Severity.LOW,
            evidence=Evidence(tables=("frontier",), sentence=text),
            advice="Decide whether thresholds by group are lawful and right here; if they are, apply them.",
            standards=STANDARDS,
            defense="fairness.threshold_optimizer",
        )
        return CheckResult(
            status=status_of(bool(cheap), ruled.status is not Status.PASSED),
            summary=f"{hope.headline}Thresholds by group take the gap by {column} from {points(now.gap.difference)} to {points(best.gap.difference)} points; {text}."
            + (ONE_ANSWER if same else "" if cheap or ruled.status is Status.PASSED else unsettled),
            metrics=(
                rate("accuracy_now", "Accuracy as it is", int(now.right.sum()), n, "higher"),
                apart,
                rate("accuracy_at_parity", "Accuracy at the smallest gap", int(best.right.sum()), n, "higher"),
                _gap("gap_at_parity", "Smallest gap by thresholds", best, n, hope),
                cost,
            ),
            findings=(finding,) if cheap else (),
            tables=(_table(found, n),),
            charts=(_chart(found, column),),
            notes=notes,
        )


def _scored(target: Target, data: Dataset, column: str, positive: int, progress: Progress) -> Scored:
    scores, labels = np.empty(len(data)), np.empty(len(data), np.int64)
    for start in range(0, len(data), CALL):
        progress.step(start / len(data), "predicting")
        place = slice(start, start + CALL)
        answer = target.predictions(data.x[place])
        scores[place], labels[place] = answer.scores[:, positive], answer.labels
    groups = np.asarray(data.sensitive[column]).astype(str)
    return Scored(data.y == positive, labels == positive, groups, scores)


def _halved(rows: Scored, smallest: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to fit on and to measure on, each with every group's classes in equal shares; groups too small for that are left out."""
    halves: tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]] = ([], [])
    for group in np.unique(rows.groups):
        kinds = [rng.permutation(np.flatnonzero((rows.groups == group) & (rows.truth == kind))) for kind in (False, True)]
        if min(len(k) for k in kinds) < 2 or sum(len(k) for k in kinds) < 2 * smallest:
            continue
        for kind in kinds:
            halves[0].append(kind[: len(kind) // 2])
            halves[1].append(kind[len(kind) // 2 :])
    none = np.zeros(0, np.intp)
    return np.concatenate([none, *halves[0]]), np.concatenate([none, *halves[1]])


def _point(family: str, setting: str, predicted: NDArray[np.bool_], held: Scored, rng: np.random.Generator) -> Point:
    apart = gap(grouped(held.groups, held.truth, predicted).counts, "demographic_parity", 300, rng)
    return Point(family, setting, predicted == held.truth, apart)


def _one(held: Scored, rng: np.random.Generator, progress: Progress) -> list[Point]:
    found = []
    for i, cut in enumerate(np.linspace(0.1, 0.9, 9)):
        progress.step(0.3 + 0.2 * i / 9, f"one threshold of {cut:.1f}")
        cut = float(round(cut, 1))
        point = _point(ONE, f"from {cut:.1f} on", held.scores >= cut, held, rng)
        found.append(replace(point, threshold=cut))
    return found


def _gap(name: str, label: str, point: Point, n: int, hope: Favorable) -> Metric:
    return Metric(
        name=name,
        label=label,
        value=point.gap.difference,
        unit=POINTS,
        low=point.gap.low,
        high=point.gap.high,
        level=LEVEL,
        n=n,
        safer="zero",
        interval=HOW,
        note=f"{hope.beside}; groups of these sizes reach {points(point.gap.chance)} points by chance",
    )


def _table(found: list[Point], n: int) -> Table:
    rows = tuple((p.family, p.setting, p.accuracy, p.gap.difference, p.gap.low, p.gap.high, p.threshold, p.tolerance) for p in found)
    columns = (Column(name="decided by"), Column(name="setting"), Column(name="accuracy", kind="percent"))
    ends = tuple(Column(name=name, kind="percent") for name in ("gap", "low", "high"))
    settings = (Column(name="threshold", kind="number"), Column(name="gap allowed", kind="percent"))
    note = f"Measured on {n:,} rows; thresholds by group were found on others."
    return Table(
        name="frontier", title="Accuracy and gap of each way to decide", columns=(*columns, *ends, *settings), rows=rows, note=note
    )


def _chart(found: list[Point], column: str) -> Chart:
    series = []
    for family in (NOW, ONE, GROUPED):
        mine = sorted((p for p in found if p.family == family), key=lambda p: p.gap.difference)
        ends = [rate("a", "a", int(p.right.sum()), len(p.right)) for p in mine]
        series.append(
            Series(
                name=family,
                x=tuple(p.gap.difference for p in mine),
                y=tuple(p.accuracy for p in mine),
                low=tuple(e.low for e in ends),
                high=tuple(e.high for e in ends),
            )
        )
    return Chart(
        name="frontier",
        title="Accuracy against disparity",
        kind="scatter",
        x=Axis(label=f"gap in selection rates by {column}", unit="share", low=0.0),
        y=Axis(label="accuracy", unit="share"),
        series=tuple(series),
        alt=f"Accuracy, with exact 95% intervals, against the gap in selection rates by {column}: the model as it is, one threshold for "
        "all, and thresholds by group.",
    )
