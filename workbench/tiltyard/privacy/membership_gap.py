"""The first look at leakage: is the model more often right on the rows it was trained on? (Yeom et al. 2017, 1709.01604)."""

from typing import ClassVar

import numpy as np

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from .membership import chance, difference
from .membership_report import ADVICE, STANDARDS, open_ends

CHUNK = 2048


class MembershipGap(Check):
    """Accuracy on seen rows minus accuracy on unseen rows; it is also the advantage of guessing "member" where the model is right."""

    id: ClassVar[str] = "privacy.membership_gap"
    title: ClassVar[str] = "Membership: accuracy gap"
    question: ClassVar[str] = "Is the model more often right on rows it was trained on?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "member"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Yeom et al. 2017, arXiv 1709.01604",)
    cost: ClassVar[str] = "seconds: one query a row"
    main: ClassVar[tuple[str, ...]] = ("rows",)
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "gap"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_unseen"})
    remeasured: ClassVar[bool] = True

    rows: int = parameter(20_000, "Rows to ask of each kind (seen, unseen)", "rows", ge=10, le=10_000_000)
    accepted: float = parameter(0.05, "Gap that is accepted, by the end of its interval", "share", ge=0.001, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        if data.member is None:
            return Estimate(note=self.cost)
        inside = int(data.member.sum())
        return Estimate(queries=min(inside, self.rows) + min(len(data) - inside, self.rows), note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        seen, unseen = data.seen.sample(self.rows, rng), data.unseen.sample(self.rows, rng)
        right = [_right(target, part, progress.part(0.5)) for part in (seen, unseen)]
        sides = [(int(r.sum()), len(r)) for r in right]
        gap = difference("gap", "Seen minus unseen accuracy", sides[0], sides[1])
        metrics = (
            rate("accuracy_seen", "Accuracy on seen rows", *sides[0]),
            rate("accuracy_unseen", "Accuracy on unseen rows", *sides[1], "higher"),
            gap,
        )
        skill = Skill.of(seen.y, right[0], data.schema.classes)
        few = min(len(seen), len(unseen))
        ruled = ruling([Limit(gap, self.accepted, surely=True)], open_ends=open_ends(few, self.accepted, skill))
        findings = _findings(gap) if ruled.status is Status.FINDING else ()
        text = f"Accuracy {percent(sides[0][0] / sides[0][1])} on seen rows, {percent(sides[1][0] / sides[1][1])} on unseen"
        text += f"; gap {100 * (gap.value or 0):.1f} points ({100 * (gap.low or 0):.1f} to {100 * (gap.high or 0):.1f}). {ruled.sentence}"
        by_class = _by_class(data.schema.classes, (seen.y, unseen.y), (right[0], right[1]))
        notes = (
            *ruled.notes,
            "A small gap does not show that nothing leaks: single rows can be at risk all the same (privacy.lira).",
        )
        return CheckResult(
            status=ruled.status,
            summary=text,
            metrics=metrics,
            findings=findings,
            tables=(by_class,),
            charts=(_chart(by_class),),
            notes=notes,
        )


def _right(target: Target, part: Dataset, progress: Progress) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found = []
    for start in range(0, len(part), CHUNK):
        progress.step(start / len(part), "asking the model")
        found.append(target.labels(part.x[start : start + CHUNK]) == part.y[start : start + CHUNK])
    return np.concatenate(found)


def _findings(gap: Metric) -> tuple[Finding, ...]:
    value = gap.value or 0.0
    severity = Severity.HIGH if value >= 0.15 else Severity.MEDIUM if value >= 0.05 else Severity.LOW
    title = "The model is more often right on the rows it was trained on"
    return (
        Finding(
            title=title,
            severity=severity,
            evidence=Evidence(metrics=("gap",)),
            advice=ADVICE,
            standards=STANDARDS,
            defense="privacy.dp_sgd",
        ),
    )


def _by_class(classes: tuple[str, ...], y: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]) -> Table:
    columns = (
        Column(name="class"),
        Column(name="seen rows", kind="integer"),
        Column(name="accuracy seen", kind="percent"),
        Column(name="unseen rows", kind="integer"),
        Column(name="accuracy unseen", kind="percent"),
        Column(name="gap", kind="percent"),
        Column(name="gap low", kind="percent"),
        Column(name="gap high", kind="percent"),
    )
    rows: list[tuple[str | float | int | bool | None, ...]] = []
    for k, name in enumerate(classes):
        sides = [(int(r[label == k].sum()), int((label == k).sum())) for label, r in zip(y, right, strict=True)]
        (a, n), (b, m) = sides
        gap = difference("gap", "gap", sides[0], sides[1])
        rows.append((name, n, a / n if n else None, m, b / m if m else None, gap.value, gap.low, gap.high))
    return Table(name="classes", title="Gap by class", columns=columns, rows=tuple(rows[:50]), total=len(rows))


def _chart(table: Table) -> Chart:
    kept = [row for row in table.rows if row[5] is not None]
    place = tuple(float(i) for i in range(len(kept)))
    gaps, lows, highs = ([float(row[c] or 0.0) for row in kept] for c in (5, 6, 7))
    series = Series(name="gap", x=place, y=tuple(gaps), low=tuple(lows), high=tuple(highs))
    return Chart(
        name="gap_by_class",
        title="Accuracy gap by class",
        kind="bar",
        x=Axis(label="Class", categories=tuple(str(row[0]) for row in kept)),
        y=Axis(label="Seen minus unseen accuracy", unit="share"),
        series=(series,),
        alt="Bars of the accuracy gap in each class with intervals; 0 means no gap.",
    )
