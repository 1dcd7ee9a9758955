"""How a model treats groups of people: Fairlearn's rates by group, with intervals, and how far they lie apart."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import POINTS, percent, points
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table, key_of
from ..statistics.intervals import LEVEL, clopper_pearson, rate_by_row
from ..statistics.ruling import Limit, Ruling, ruling
from ..targets.target import Target
from ._before_after import CRITERIA, HOW
from .favorable import Favorable, favorable
from .groups import ONE_ANSWER, Division, Judged, divisions, in_order, judged
from .rates import RATES, Gap, Grouped, gaps, grouped, parts, rates

STANDARDS = (
    "AITG-APP-10",
    "AITG-DAT-03",
    "AML.T0048.002",
    "AI RMF MEASURE 2.11",
    "EU AI Act Art. 10(2)(f)",
    "EU AI Act Art. 10(2)(g)",
)
WORDS = {
    "selection_rate": "selection rate",
    "accuracy": "accuracy",
    "false_positive_rate": "false positive rate",
    "false_negative_rate": "false negative rate",
}
FEW = "fewer than two groups are large enough"
FEW_BEHIND = "fewer than two groups have rows enough behind the true and the false positive rate"
SHOWN = 50


@dataclass(frozen=True)
class Measured:
    """One division judged: all groups, those large enough, and the gaps between these (None where fewer than two)."""

    division: Division
    every: Grouped
    large: Grouped
    gaps: dict[str, Gap]

    @property
    def n(self) -> int:
        return int(self.large.n.sum())

    @property
    def key(self) -> str:
        return "_".join("".join(c if c.isalnum() else " " for c in self.division.name.lower()).split())


class Groups(Check):
    """Rates by group of each sensitive column and the gaps between groups, on rows that were not trained on."""

    id: ClassVar[str] = "fairness.groups"
    title: ClassVar[str] = "Fairness by group"
    main: ClassVar[tuple[str, ...]] = ("columns", "positive", "crossed")
    question: ClassVar[str] = "Does the model treat groups of people differently?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "sensitive"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Fairlearn MetricFrame (Bird et al. 2020)",
        "Hardt, Price and Srebro 2016, arXiv 1610.02413 (equalized odds)",
    )
    headline: ClassVar[str] = "demographic_parity_difference"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy"})
    remeasured: ClassVar[bool] = True
    averages_noise: ClassVar[bool] = True
    core: ClassVar[bool] = True

    columns: tuple[str, ...] = parameter((), "Sensitive columns to divide by; none means all", source="sensitive")
    crossed: bool = parameter(False, "Also divide by all these columns together")
    positive: str = parameter(
        "",
        "The class that is the favorable outcome; empty means the one named with the data, else proposed by the names of label and classes; the rest count as one",
        source="classes",
        title="Favorable outcome",
    )
    rows: int = parameter(
        20_000, "Rows to judge, drawn at random from those not trained on where that is known", "rows", ge=50, le=1_000_000
    )
    smallest: int = parameter(30, "Smaller groups are shown but not compared", "rows", ge=2, le=10_000)
    difference: float = parameter(0.1, "Largest gap between groups that is not a finding", ge=0.0, le=1.0)
    ratio: float = parameter(0.8, "Smallest ratio of selection rates that is not a finding (four-fifths rule)", ge=0.0, le=1.0)
    draws: int = parameter(1000, "Draws behind each interval", "draws", ge=100, le=20_000)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=min(self.rows, len(data.unseen)))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        hope = favorable(data.schema, self.positive)
        positive = hope.index
        rows = judged(target, data.unseen.sample(self.rows, rng), positive, progress.part(0.6))
        measured = [self._measure(d, rows, rng, progress) for d in divisions(rows.data, self.columns, self.crossed)]
        findings = [f for m in measured for f in self._findings(m)]
        ruled = ruling([limit for m in measured for limit in self._limits(m)], open_ends=self._open_ends(measured, rows, hope))
        return CheckResult(
            status=ruled.status,
            summary=hope.headline
            + self._summary(measured, hope.name)
            + (ONE_ANSWER if rows.one_answer else self._unsettled(ruled, measured)),
            metrics=(*(metric for m in measured for metric in _metrics(m, hope)), _accuracy(rows)),
            findings=tuple(findings),
            tables=tuple(_table(m, rows, self.smallest, hope) for m in measured),
            charts=tuple(_chart(m, hope.name) for m in measured),
            notes=(self._judged(len(rows.data), target, hope), hope.note, *self._notes(measured)),
        )

    def _judged(self, n: int, target: Target, hope: Favorable) -> str:
        rest = " against all the rest" if len(target.classes) > 2 else ""
        return f"{n:,} rows judged by what the model decides ({target.rule}): {hope.name!r}{rest}."

    def _measure(self, division: Division, rows: Judged, rng: np.random.Generator, progress: Progress) -> Measured:
        progress.step(0.0, f"comparing groups of {division.name}")
        every = grouped(division.groups, rows.truth, rows.predicted)
        large = every.of_size(self.smallest)
        return Measured(division, every, large, gaps(large.counts, self.draws, rng, self.smallest) if len(large.names) > 1 else {})

    def _limits(self, m: Measured) -> list[Limit]:
        """What is accepted of each gap; beyond it only where chance does not explain it."""
        found = []
        for name, label in CRITERIA.items():
            gap = m.gaps.get(name)
            if gap is None:
                continue
            difference = _metric(m, f"{name}_difference", f"{label} difference by {m.division.name}", gap, "lower")
            found.append(Limit(difference, self.difference, gap.chance, surely=True, beyond=0.0))
            if name == "demographic_parity":
                ratio = _metric(m, f"{name}_ratio", f"{label} ratio by {m.division.name}", gap, "higher")
                found.append(Limit(ratio, self.ratio, surely=True, beyond=1.0))
        return found

    def _open_ends(self, measured: list[Measured], rows: Judged, hope: Favorable) -> list[str]:
        alone = [_alone(m, self.smallest) for m in measured if not m.gaps]
        one = ["every row is given the same answer"] if rows.one_answer else []
        return alone + one + (["which outcome is favorable is assumed: name it"] if hope.assumed else [])

    def _unsettled(self, ruled: Ruling, measured: list[Measured]) -> str:
        """What would settle it; where nothing could be compared that was said already."""
        return f" {ruled.sentence}" if ruled.status is Status.INCOMPLETE and any(m.gaps for m in measured) else ""

    def _findings(self, m: Measured) -> list[Finding]:
        broken = {limit.metric.name.removesuffix(f"_{m.key}") for limit in self._limits(m) if limit.state == "broken"}
        found = []
        for name, gap in m.gaps.items():
            if {f"{name}_difference", f"{name}_ratio"} & broken:
                severity = (
                    Severity.HIGH if gap.low > 2 * self.difference else Severity.MEDIUM if gap.low > self.difference else Severity.LOW
                )
                found.append(_finding(m, name, gap, severity))
        return found

    def _summary(self, measured: list[Measured], positive: str) -> str:
        known = [m for m in measured if m.gaps]
        alone = "; ".join(_alone(m, self.smallest) for m in measured if not m.gaps)
        if not known:
            return f"Nothing to compare: {alone}."
        return self._widest(known, positive) + (f" Not compared: {alone}." if alone else "")

    def _widest(self, known: list[Measured], positive: str) -> str:
        worst = max(known, key=lambda m: m.gaps["demographic_parity"].difference)
        gap = worst.gaps["demographic_parity"]
        shares = rates(worst.large.counts, "selection_rate")
        low, high = worst.large.names[int(shares.argmin())], worst.large.names[int(shares.argmax())]
        if gap.difference == 0:
            return f"All groups are given {positive!r} at the same rate, {percent(shares.max())} (n = {worst.n:,})."
        return (
            f"By {worst.division.name}, {positive!r} goes to {percent(shares.max())} of {high} and {percent(shares.min())} of {low}: "
            f"a gap of {points(gap.difference)} points ({points(gap.low)} to {points(gap.high)}, n = {worst.n:,}; chance alone reaches {points(gap.chance)})."
        )

    def _notes(self, measured: list[Measured]) -> tuple[str, ...]:
        found = []
        for m in measured:
            if m.division.note:
                found.append(m.division.note + ".")
            small = [f"{name} (n = {size})" for name, size in zip(m.every.names, m.every.n, strict=True) if size < self.smallest]
            if small:
                more = f" and {len(small) - 8} more" if len(small) > 8 else ""
                found.append(f"Too small to speak of and left out of the gaps of {m.division.name}: {', '.join(small[:8])}{more}.")
            found += [_unsaid(m, name, self.smallest) for name in ("false_positive_rate", "false_negative_rate")]
            if not m.gaps:
                found.append(f"{m.division.name}: {_alone(m, self.smallest)}.")
        return tuple(note for note in found if note)


def _alone(m: Measured, smallest: int) -> str:
    if len(m.every.names) == 1:
        return f"{m.division.name!r} has one group only ({m.every.names[0]}); a gap needs two"
    return f"{m.division.name!r} has {len(m.large.names)} of {len(m.every.names)} groups with at least {smallest} rows; a gap needs two"


def _unsaid(m: Measured, name: str, smallest: int) -> str:
    """Which groups are large enough but have too few rows behind an error rate, or nothing."""
    behind = parts(m.large.counts, name)[1]
    thin = [f"{group} (n = {n})" for group, n in zip(m.large.names, behind, strict=True) if n < smallest]
    return f"Too few rows behind the {WORDS[name]} to compare it: {', '.join(thin[:8])}." if thin else ""


def _accuracy(rows: Judged) -> Metric:
    return rate_by_row("accuracy", "Accuracy over all groups", rows.truth == rows.predicted, rows.data.fingerprint, "higher")


def _finding(m: Measured, name: str, gap: Gap, severity: Severity) -> Finding:
    what = "Selection rates" if name == "demographic_parity" else "Error rates"
    fifths = f", ratio {gap.ratio:.2f}" if math.isfinite(gap.ratio) else ""
    return Finding(
        key=key_of(name, m.key),
        title=f"{what} differ by {m.division.name}: {points(gap.difference)} points{fifths}",
        severity=severity,
        evidence=Evidence(
            metrics=(f"{name}_difference_{m.key}", f"{name}_ratio_{m.key}"),
            tables=(f"groups_{m.key}",),
            charts=(f"groups_{m.key}",),
            sentence=f"chance alone reaches {points(gap.chance)} points",
        ),
        advice="Look first for what the data leaves out or measures worse for one group; then try thresholds per group, "
        "or training under a constraint, and weigh the accuracy it costs.",
        standards=STANDARDS,
        defense="fairness.threshold_optimizer" if name == "demographic_parity" else "fairness.exponentiated_gradient",
    )


def _metrics(m: Measured, hope: Favorable) -> list[Metric]:
    found = []
    for name, label in CRITERIA.items():
        gap = m.gaps.get(name)
        found += [
            _metric(m, f"{name}_difference", f"{label} difference by {m.division.name}", gap, "zero", hope.beside),
            _metric(m, f"{name}_ratio", f"{label} ratio by {m.division.name}", gap, "higher", hope.beside),
        ]
    return found


def _metric(m: Measured, name: str, label: str, gap: Gap | None, safer: Literal["zero", "lower", "higher"], beside: str = "") -> Metric:
    ratio = name.endswith("ratio")
    value, low, high = (
        (math.nan,) * 3 if gap is None else (gap.ratio, gap.ratio_low, gap.ratio_high) if ratio else (gap.difference, gap.low, gap.high)
    )
    known, bounded = math.isfinite(value), math.isfinite(low)
    few = FEW if gap is None else FEW_BEHIND if not math.isfinite(gap.difference) else ""
    why = few or "no group has a rate above 0"
    note = why if not known or gap is None else "" if ratio else f"groups of these sizes reach {points(gap.chance)} points by chance"
    return Metric(
        name=f"{name}_{m.key}",
        label=label,
        value=value if known else None,
        unit="" if ratio else POINTS,
        low=low if known and bounded else None,
        high=high if known and bounded else None,
        level=LEVEL if known and bounded else None,
        n=m.n,
        safer=safer,
        interval=HOW if known and bounded else "",
        note="; ".join(filter(None, (beside, note))),
    )


def _frame(m: Measured, rows: Judged) -> dict[str, NDArray[np.float64]]:
    """Fairlearn's rates by group in the order of ``m.every.names``; NaN where no row is behind one."""
    from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate, selection_rate
    from sklearn.metrics import accuracy_score

    measures = dict(zip(RATES, (selection_rate, accuracy_score, false_positive_rate, false_negative_rate), strict=True))
    frame = MetricFrame(
        metrics=measures,
        y_true=rows.truth.astype(int),
        y_pred=rows.predicted.astype(int),
        sensitive_features={"group": m.division.groups},
    ).by_group.loc[list(m.every.names)]
    behind = {name: parts(m.every.counts, name)[1] > 0 for name in RATES}
    return {name: np.where(behind[name], frame[name].to_numpy(np.float64), np.nan) for name in RATES}


def _table(m: Measured, rows: Judged, smallest: int, hope: Favorable) -> Table:
    shares = _frame(m, rows)
    order = in_order(m.every.names, m.every.n, SHOWN)
    lines = []
    for g in order:
        cells = [_cell(shares[name][g], *(int(p[g]) for p in parts(m.every.counts, name))) for name in RATES]
        lines.append((m.every.names[g], int(m.every.n[g]), int(m.every.counts[g, 1].sum()), *cells))
    small = tuple((i, 1) for i, g in enumerate(order) if m.every.n[g] < smallest)
    columns = (
        Column(name=m.division.name),
        Column(name="n", unit="rows", kind="integer"),
        Column(name="truly positive", unit="rows", kind="integer"),
        *(Column(name=WORDS[name]) for name in RATES),
    )
    note = f"Rate (exact 95% interval; n behind it); positive is {hope.name!r}." + (
        f" Marked: fewer than {smallest} rows." if small else ""
    )
    return Table(
        name=f"groups_{m.key}",
        title=f"Rates by {m.division.name}",
        columns=columns,
        rows=tuple(lines),
        marked=small,
        total=len(m.every.names),
        note=note,
    )


def _cell(value: float, hits: int, n: int) -> str | None:
    if not math.isfinite(value):
        return None
    low, high = clopper_pearson(hits, n)
    return f"{percent(value)} ({percent(low).removesuffix(' %')} to {percent(high).removesuffix(' %')}; {n:,})"


def _chart(m: Measured, positive: str) -> Chart:
    order = in_order(m.every.names, m.every.n, 20)
    names = tuple(f"{m.every.names[g]} (n = {m.every.n[g]:,})" for g in order)
    series = []
    for name in RATES:
        hits, n = parts(m.every.counts, name)
        bounds = [clopper_pearson(int(hits[g]), int(n[g])) if n[g] else (None, None) for g in order]
        series.append(
            Series(
                name=WORDS[name],
                x=tuple(float(j) for j in range(len(order))),
                y=tuple(float(hits[g] / n[g]) if n[g] else None for g in order),
                low=tuple(low for low, _ in bounds),
                high=tuple(high for _, high in bounds),
            )
        )
    return Chart(
        name=f"groups_{m.key}",
        title=f"Rates by {m.division.name}",
        kind="dot",
        x=Axis(label=m.division.name, categories=names),
        y=Axis(label="rate", unit="share", low=0.0, high=1.0),
        series=tuple(series),
        alt=f"Selection rate of {positive!r}, accuracy and error rates of each group of {m.division.name} with exact 95% intervals.",
    )
