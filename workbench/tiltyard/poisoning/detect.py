"""Was the training data poisoned? Looked for in the network's own activations, with an alarm that stays silent on clean data."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import number
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._compared import NOT_COVERED, SEEN, Others, others
from .signatures import ALARM, Cluster, clusters, spectral

STANDARDS = (
    "OWASP ML02:2023",
    "OWASP ML10:2023",
    "AITG-MOD-03",
    "AML.T0020",
    "AML.T0018.000",
    "NISTAML.013",
    "NISTAML.023",
    "EU AI Act Art. 15(5)",
)
SOURCES = ("Tran et al. 2018, arXiv 1811.00636", "Chen et al. 2018, arXiv 1811.03728", "Lopez-Paz and Oquab 2017, arXiv 1610.06545")


class Detect(Check):
    """Two alarms: activation clusters that the model believes and no neighbor supports, and training rows unlike held-out ones of their label.

    The first goes by the lower end of the exact interval of the largest such share, so a few odd rows raise none; the second by a two-sample
    test (as `poisoning.training_rows`), which sees what clusters split on tables. Spectral scores stand beside. It passes only where
    both could look, and a fifth of a label's rows would have been seen.
    """

    id: ClassVar[str] = "poisoning.detect"
    title: ClassVar[str] = "Poison detection"
    question: ClassVar[str] = "Do the activations on the training rows show a backdoor?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = SOURCES
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("rows", "alarm")
    quick: ClassVar[Mapping[str, Any]] = {"rows": 2000}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "worst_cluster"
    core: ClassVar[bool] = True

    rows: int = parameter(5000, "Training rows looked at, drawn at random", "rows", ge=10, le=100_000)
    alarm: float = parameter(
        ALARM, "Share of a cluster that no neighbor supports, lower end, from which it is an alarm", "share", gt=0, lt=1
    )

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        rows = data.seen.sample(self.rows, rng)
        found, z = clusters(target, rows, self.seed, progress.part(0.7))
        if not found:
            raise Unavailable("a class with at least 16 different training rows", f"{len(rows)} rows", "Give more training rows")
        other = None if data.lacks("member") else others(rows, data.unseen.sample(self.rows, rng), self.seed, progress.part(0.29))
        scores = spectral(z, rows.y)
        worst = max(found, key=lambda c: c.low)
        bad = [c for c in found if c.low > self.alarm]
        flagged = np.zeros(len(rows), bool) if other is None else other.flagged.copy()
        for cluster in bad:
            flagged[cluster.rows] = True
        labels = sorted({rows.schema.classes[c] for c in (*(c.label for c in bad), *(() if other is None else other.labels))})
        return CheckResult(
            status=status_of(bool(labels), other is None or bool(other.unseen)),
            summary=_summary(bad, other, worst, rows, int(flagged.sum())),
            metrics=(
                worst_metric(worst),
                *(() if other is None else (other.metric,)),
                Metric(
                    name="flagged", label="Rows that look poisoned", value=float(flagged.sum()), unit="rows", n=len(rows), safer="lower"
                ),
                Metric(name="spectral", label="Largest spectral score", value=float(scores.max()), n=len(rows), safer="none"),
            ),
            findings=(self._finding(labels),) if labels else (),
            tables=(table(found, scores, rows, self.alarm),),
            charts=(_histogram(scores),),
            notes=(
                NOT_COVERED,
                *(("Rows the model was trained on are not known: all rows were looked at.",) if data.member is None else ()),
            ),
        )

    def _finding(self, labels: list[str]) -> Finding:
        return Finding(
            title=f"Training rows labeled {', '.join(labels)} look like a backdoor's",
            severity=Severity.HIGH,
            evidence=Evidence(metrics=("worst_cluster",), tables=("clusters",)),
            advice="Look at these rows and where they came from; remove them and train again.",
            standards=STANDARDS,
            defense="poisoning.filter",
        )


def _summary(bad: list[Cluster], other: Others | None, worst: Cluster, rows: Dataset, flagged: int) -> str:
    parts = []
    if bad:
        count = sum(len(c.rows) for c in bad)
        parts.append(f"{count:,} of {len(rows):,} training rows stand in {len(bad)} cluster{'s' * (len(bad) != 1)} that look poisoned")
    if other is not None and other.labels:
        names = ", ".join(rows.schema.classes[c] for c in other.labels)
        parts.append(f"training rows labeled {names} are like no held-out row of their label (p = {number(other.p, 2)})")
    if parts:
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."
    named = rows.schema.classes[worst.label]
    quiet = (
        f"No alarm: in the worst cluster ({named}) neighbors contradict {worst.unsupported} of {len(worst.rows)} labels the model believes"
    )
    if other is None:
        return f"{quiet}. Clusters alone miss poison in tables: say which rows were held out, so that both can be compared."
    if other.unseen:
        return f"{quiet}. But too few rows are held out to see {SEEN:.0%} of those labeled {rows.schema.classes[other.unseen[0]]}."
    return f"{quiet}, and training rows are like held-out ones (p = {number(other.p, 2)})."


def worst_metric(worst: Cluster) -> Metric:
    """The largest share of a cluster that no neighbor supports, with its exact interval."""
    from ..statistics.intervals import rate

    label = "Worst cluster: labels the model believes and neighbors contradict"
    return rate("worst_cluster", label, worst.unsupported, len(worst.rows), "lower")


def table(found: list[Cluster], scores: "np.ndarray[Any, Any]", rows: Dataset, alarm: float) -> Table:
    """The clusters, worst first."""
    ranked = sorted(found, key=lambda c: -c.low)
    columns = (
        Column(name="Label"),
        Column(name="Rows", kind="integer"),
        Column(name="Contradicted", kind="percent"),
        Column(name="from", kind="percent"),
        Column(name="Mean spectral score", kind="number"),
        Column(name="Alarm", kind="boolean"),
    )
    lines = tuple(
        (rows.schema.classes[c.label], len(c.rows), c.share, c.low, round(float(scores[c.rows].mean()), 3), c.low > alarm)
        for c in ranked[:20]
    )
    marked = tuple((i, 5) for i, line in enumerate(lines) if line[5])
    return Table(name="clusters", title="Activation clusters, worst first", columns=columns, rows=lines, marked=marked, total=len(ranked))


def _histogram(scores: "np.ndarray[Any, Any]") -> Chart:
    top = max(float(scores.max()), 1e-9)
    counts, edges = np.histogram(scores, bins=40, range=(0, top))
    return Chart(
        name="spectral",
        title="Spectral scores of the training rows",
        kind="step",
        x=Axis(label="Spectral score"),
        y=Axis(label="Rows", low=0),
        series=(Series(name="rows", x=tuple(edges[:-1].tolist()), y=tuple(counts.astype(float).tolist())),),
        alt=f"Most rows score below {float(np.quantile(scores, 0.9)):.1f}; the largest is {top:.1f}.",
    )
