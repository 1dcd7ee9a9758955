"""Was the training data poisoned? Looked for in the network's own activations, with an alarm that stays silent on clean data."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..targets.target import Target
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
SOURCES = ("Tran et al. 2018, arXiv 1811.00636", "Chen et al. 2018, arXiv 1811.03728")


class Detect(Check):
    """Activation clusters of each class whose label the model believes and no neighbor supports; spectral scores beside.

    The alarm goes by the lower end of the exact interval of the largest such share, so a few odd rows raise none.
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
        rows = data.seen.sample(self.rows, np.random.default_rng(self.seed))
        found, z = clusters(target, rows, self.seed, progress)
        if not found:
            raise Unavailable("a class with at least 16 different training rows", f"{len(rows)} rows", "Give more training rows")
        scores = spectral(z, rows.y)
        worst = max(found, key=lambda c: c.low)
        bad = [c for c in found if c.low > self.alarm]
        flagged = sum(len(c.rows) for c in bad)
        named = rows.schema.classes[worst.label]
        summary = (
            f"{flagged:,} of {len(rows):,} training rows stand in {len(bad)} cluster{'s' * (len(bad) != 1)} that look poisoned."
            if bad
            else f"No alarm: in the worst cluster ({named}) neighbors contradict {worst.unsupported} of {len(worst.rows)} labels the model believes."
        )
        return CheckResult(
            status=Status.FINDING if bad else Status.PASSED,
            summary=summary,
            metrics=(
                worst_metric(worst),
                Metric(
                    name="flagged",
                    label="Rows in clusters that look poisoned",
                    value=float(flagged),
                    unit="rows",
                    n=len(rows),
                    safer="lower",
                ),
                Metric(
                    name="spectral",
                    label="Largest spectral score",
                    value=float(scores.max()),
                    unit="times the mean",
                    n=len(rows),
                    safer="none",
                ),
            ),
            findings=(self._finding(bad, rows),) if bad else (),
            tables=(table(found, scores, rows, self.alarm),),
            charts=(_histogram(scores),),
            notes=("Rows the model was trained on are not known: all rows were looked at.",) if data.member is None else (),
        )

    def _finding(self, bad: list[Cluster], rows: Dataset) -> Finding:
        labels = sorted({rows.schema.classes[c.label] for c in bad})
        return Finding(
            title=f"Training rows labeled {', '.join(labels)} look like a backdoor's",
            severity=Severity.HIGH,
            evidence=Evidence(metrics=("worst_cluster",), tables=("clusters",)),
            advice="Look at these rows and where they came from; remove them and train again.",
            standards=STANDARDS,
            defense="poisoning.filter",
        )


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
        x=Axis(label="Spectral score", unit="times the class's mean"),
        y=Axis(label="Rows", low=0),
        series=(Series(name="rows", x=tuple(edges[:-1].tolist()), y=tuple(counts.astype(float).tolist())),),
        alt=f"Most rows score below {float(np.quantile(scores, 0.9)):.1f}; the largest is {top:.1f}.",
    )
