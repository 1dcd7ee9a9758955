"""What a fairness defense did: accuracy and gaps before and after, on rows it was not fitted on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import POINTS, percent, points
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import LEVEL, clopper_pearson, rate
from .favorable import Favorable
from .group_metrics import CRITERIA, STANDARDS, WORDS
from .groups import ONE_ANSWER, Judged
from .rates import RATES, Gap, Grouped, gaps, grouped, parts

DRAWS = 500


@dataclass(frozen=True)
class Mitigated:
    """Rows judged before and after, divided by ``groups`` str (n,) of ``column``; ``fitted`` is the number of other rows fitted on.

    ``favorable`` is the class that counts as positive, ``rules`` are the decision rules before and after, in words.
    """

    column: str
    groups: NDArray[np.str_]
    before: Judged
    after: Judged
    smallest: int
    fitted: int
    favorable: Favorable
    rules: tuple[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """The favorable outcome and how was decided, as sentences."""
        before, after = self.rules
        return (self.favorable.note, f"Decided before by {before}" + ("." if before == after else f", after by {after}."))

    def noise(self, gap: Gap) -> float:
        """The gap that is left by chance: the rows fitted on were a sample too, as the rows measured on are."""
        return gap.chance * float(np.sqrt(1 + len(self.groups) / self.fitted))


def compared(mitigated: Mitigated, criterion: str, tolerance: float, rng: np.random.Generator, notes: tuple[str, ...]) -> CheckResult:
    """The defense's result: passed where the gap after lies within ``tolerance`` and what chance does, else a finding."""
    counts = [grouped(mitigated.groups, j.truth, j.predicted).of_size(mitigated.smallest) for j in (mitigated.before, mitigated.after)]
    if len(counts[0].names) < 2:
        return _unmeasured(mitigated, notes)
    found = [gaps(c.counts, DRAWS, rng, mitigated.smallest) for c in counts]
    gap, was = found[1][criterion], found[0][criterion]
    met = bool(gap.difference <= tolerance + mitigated.noise(gap) or gap.low <= tolerance)
    change = _change(mitigated, rng)
    hits = [int((j.truth == j.predicted).sum()) for j in (mitigated.before, mitigated.after)]
    n = len(mitigated.groups)
    summary = (
        f"{mitigated.favorable.headline}{CRITERIA[criterion]} difference by {mitigated.column} went from {points(was.difference)} to {points(gap.difference)} points "
        f"({points(gap.low)} to {points(gap.high)}; so few rows leave {points(mitigated.noise(gap))} by chance) and accuracy from {percent(hits[0] / n)} to "
        f"{percent(hits[1] / n)} on {n:,} rows not fitted on"
        + ("." if met else "; that is more than was allowed.")
        + (ONE_ANSWER if mitigated.after.one_answer else "")
    )
    return CheckResult(
        status=_status(met, bool(np.isfinite(gap.difference)), mitigated.after.one_answer or mitigated.favorable.assumed),
        summary=summary,
        metrics=(
            rate("accuracy_before", "Accuracy before", hits[0], n, "higher"),
            rate("accuracy_after", "Accuracy after", hits[1], n, "higher"),
            change,
            *(
                _metric(name, when, g[name], n, mitigated.favorable)
                for name in CRITERIA
                for when, g in zip(("before", "after"), found, strict=True)
            ),
        ),
        findings=() if met or not np.isfinite(gap.difference) else (_finding(criterion, gap, tolerance),),
        tables=(_table(mitigated.column, counts),),
        charts=(_chart(mitigated.column, counts),),
        notes=(*mitigated.notes, *notes, *_worse(found, criterion)),
    )


def _status(met: bool, known: bool, unsettled: bool) -> Status:
    if met:
        return Status.INCOMPLETE if unsettled else Status.PASSED
    return Status.FINDING if known else Status.INCOMPLETE


def _unmeasured(mitigated: Mitigated, notes: tuple[str, ...]) -> CheckResult:
    n = len(mitigated.groups)
    text = (
        f"Made, but not measured: fewer than two groups of {mitigated.column!r} have {mitigated.smallest} of the {n:,} rows to measure on."
    )
    hits = [int((j.truth == j.predicted).sum()) for j in (mitigated.before, mitigated.after)]
    metrics = (
        rate("accuracy_before", "Accuracy before", hits[0], n, "higher"),
        rate("accuracy_after", "Accuracy after", hits[1], n, "higher"),
    )
    return CheckResult(status=Status.INCOMPLETE, summary=text, metrics=metrics, notes=(*mitigated.notes, *notes))


def _worse(found: list[dict[str, Gap]], criterion: str) -> list[str]:
    before, after = found
    return [
        f"{CRITERIA[name]}, which was not asked for, got worse: {points(before[name].difference)} to {points(after[name].difference)} points."
        for name in CRITERIA
        if name != criterion and after[name].low > before[name].difference
    ]


def _change(mitigated: Mitigated, rng: np.random.Generator) -> Metric:
    right = [(j.truth == j.predicted).astype(int) for j in (mitigated.before, mitigated.after)]
    moved = right[1] - right[0]
    n = len(moved)
    shares = np.array([(moved == v).mean() for v in (-1, 0, 1)])
    drawn = rng.multinomial(n, shares, DRAWS) @ np.array([-1, 0, 1]) / n
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Metric(
        name="accuracy_change",
        label="Accuracy after less before",
        value=float(moved.mean()),
        unit=POINTS,
        low=float(low),
        high=float(high),
        level=LEVEL,
        n=n,
        safer="higher",
        interval="paired bootstrap",
    )


def _metric(name: str, when: str, gap: Gap, n: int, hope: Favorable) -> Metric:
    label = f"{CRITERIA[name]} difference {when}"
    if not np.isfinite([gap.difference, gap.low]).all():
        return Metric(name=f"{name}_{when}", label=label, value=None, n=n, safer="zero", note="fewer than two groups are large enough")
    return Metric(
        name=f"{name}_{when}",
        label=label,
        value=gap.difference,
        unit=POINTS,
        low=gap.low,
        high=gap.high,
        level=LEVEL,
        n=n,
        safer="zero",
        interval="bootstrap within groups",
        note=f"{hope.beside}; groups of these sizes reach {points(gap.chance)} points by chance",
    )


def _finding(criterion: str, gap: Gap, tolerance: float) -> Finding:
    return Finding(
        key=criterion,
        title=f"A gap of {points(gap.difference)} points is left on rows not fitted on; {points(tolerance)} were allowed",
        severity=Severity.LOW,
        evidence=Evidence(
            tables=("before_after",),
            sentence=f"{CRITERIA[criterion]} difference {points(gap.difference)} points ({points(gap.low)} to {points(gap.high)})",
        ),
        advice="Fit on more rows, see whether those rows differ from these, or take a defense that promises parity.",
        standards=STANDARDS,
    )


def _table(column: str, counts: list[Grouped]) -> Table:
    before, after = counts
    rows = []
    for g, name in enumerate(before.names[:50]):
        cells = []
        for rated in RATES:
            for c in (before, after):
                hits, n = (int(p[g]) for p in parts(c.counts, rated))
                cells.append(hits / n if n else None)
        rows.append((name, int(before.n[g]), *cells))
    columns = tuple(Column(name=f"{WORDS[r]} {when}", kind="number") for r in RATES for when in ("before", "after"))
    return Table(
        name="before_after",
        title=f"Rates by {column}, before and after",
        columns=(Column(name=column), Column(name="n", unit="rows", kind="integer"), *columns),
        rows=tuple(rows),
        total=len(before.names),
    )


def _chart(column: str, counts: list[Grouped]) -> Chart:
    names = counts[0].names[:20]
    series = []
    for when, c in zip(("before", "after"), counts, strict=True):
        hits, n = parts(c.counts, "selection_rate")
        ends = [clopper_pearson(int(h), int(m)) for h, m in zip(hits[:20], n[:20], strict=True)]
        series.append(
            Series(
                name=when,
                x=tuple(float(g) for g in range(len(names))),
                y=tuple(float(h / m) for h, m in zip(hits[:20], n[:20], strict=True)),
                low=tuple(low for low, _ in ends),
                high=tuple(high for _, high in ends),
            )
        )
    return Chart(
        name="before_after",
        title=f"Selection rate by {column}",
        kind="dot",
        x=Axis(label=column, categories=names),
        y=Axis(label="selection rate", unit="share", low=0.0, high=1.0),
        series=tuple(series),
        alt=f"Selection rate of each group of {column} before and after the defense, with exact 95% intervals.",
    )
