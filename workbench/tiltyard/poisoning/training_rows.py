"""Were rows slipped into the training data? Each label's training rows are held against its held-out rows; no model is asked."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import number
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Table
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._compared import LEVEL, NOT_COVERED, SEEN, Compared, compared, least_seen


class TrainingRows(Check):
    """A two-sample test of each label's training rows against its held-out rows: patches, blends, odd values and labels flipped to one class show.

    It needs held-out rows from the same source that the poisoner did not reach. Rows of another time or place differ too: an alarm says that the training
    rows are others, and the table which; it does not say why.
    """

    id: ClassVar[str] = "poisoning.training_rows"
    title: ClassVar[str] = "Training rows against held-out rows"
    question: ClassVar[str] = "Are there rows in the training data such as no held-out row of the same label is?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "member"})
    standards: ClassVar[tuple[str, ...]] = (
        "OWASP ML02:2023",
        "AITG-MOD-03",
        "AML.T0020",
        "AML.T0059",
        "NISTAML.013",
        "NISTAML.023",
        "EU AI Act Art. 15(5)",
    )
    sources: ClassVar[tuple[str, ...]] = ("Lopez-Paz and Oquab 2017, arXiv 1610.06545",)
    cost: ClassVar[str] = "seconds a class; asks the model nothing"
    main: ClassVar[tuple[str, ...]] = ("rows", "level")
    seconds: ClassVar[float] = 10.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 2000}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "p"

    rows: int = parameter(5000, "Training rows looked at, and as many held-out rows at most, drawn at random", "rows", ge=50, le=100_000)
    level: float = parameter(LEVEL, "Chance of an alarm over all labels where the rows are from one source", "probability", gt=0, le=0.5)
    share: float = parameter(
        SEEN, "Part of a label's training rows that is to be seen; where it cannot be, nothing passes", "share", gt=0, le=1
    )

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        train, held = data.seen.sample(self.rows, rng), data.unseen.sample(self.rows, rng)
        found = compared(train, held, self.seed, progress)
        if not found:
            raise Unavailable(
                "a label with 20 training rows and 20 held-out rows", f"{len(train)} and {len(held)} rows in all", "Give more"
            )
        worst = min(found, key=lambda c: c.p)
        p = min(1.0, worst.p * len(found))
        bad = [c for c in found if c.p * len(found) <= self.level]
        hidden = [c for c in found if not 0 < least_seen(len(c.rows), c.held, len(found), self.level) <= self.share * len(c.rows)]
        unasked = sorted(set(np.unique(train.y).tolist()) - {c.label for c in found})
        names = train.schema.classes
        return CheckResult(
            status=status_of(bool(bad), bool(hidden or unasked)),
            summary=_summary(bad, hidden, worst, p, names, self.share, [names[c] for c in unasked]),
            metrics=(
                Metric(name="p", label="Chance of this from one source, over all labels", value=p, n=len(train), safer="higher"),
                Metric(
                    name="excess",
                    label="Training rows of alarmed labels that stand out, beyond chance",
                    value=float(sum(c.excess for c in bad)),
                    unit="rows",
                    n=len(train),
                    safer="lower",
                ),
            ),
            findings=(_finding(bad, names, self.standards),) if bad else (),
            tables=(_table(found, names, self.level),),
            notes=(NOT_COVERED, "Held-out rows are taken for clean and for rows of the same source."),
        )


def _summary(
    bad: list[Compared], hidden: list[Compared], worst: Compared, p: float, names: tuple[str, ...], share: float, unasked: list[str]
) -> str:
    if bad:
        rows = sum(c.excess for c in bad)
        return f"Some {rows:,} training rows labeled {', '.join(names[c.label] for c in bad)} are like no held-out row of that label (p = {number(p, 2)})."
    if unasked:
        return f"No alarm, but of {', '.join(unasked[:3])} there are fewer than 20 training or held-out rows: give more."
    if hidden:
        few = names[hidden[0].label]
        return f"No alarm (p = {number(p, 2)}), but {share:.0%} of the rows labeled {few} would not be seen among so few: give more held-out rows."
    return f"No alarm: the likeliest poisoned label is {names[worst.label]} (p = {number(p, 2)}); {share:.0%} of a label would be seen."


def _finding(bad: list[Compared], names: tuple[str, ...], standards: tuple[str, ...]) -> Finding:
    labels = ", ".join(names[c.label] for c in bad)
    return Finding(
        title=f"Training rows labeled {labels} are not from the source of the held-out rows",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("p", "excess"), tables=("labels",)),
        advice="Find out where these rows came from: poison, another time or another place. Look at the rows that stand out before training on them.",
        standards=standards,
    )


def _table(found: list[Compared], names: tuple[str, ...], level: float) -> Table:
    columns = (
        Column(name="Label"),
        Column(name="Training rows", kind="integer"),
        Column(name="Held out", kind="integer"),
        Column(name="p", kind="number"),
        Column(name="Stand out", kind="integer"),
        Column(name="Seen from", kind="integer"),
        Column(name="Alarm", kind="boolean"),
    )
    ranked = sorted(found, key=lambda c: c.p)[:50]
    rows = tuple(
        (
            names[c.label],
            len(c.rows),
            c.held,
            min(1.0, c.p * len(found)),
            c.excess,
            least_seen(len(c.rows), c.held, len(found), level) or None,
            c.p * len(found) <= level,
        )
        for c in ranked
    )
    note = "p over all labels. Stand out: training rows among the highest scores beyond chance. Seen from: as many rows that stand out without fail alarm."
    return Table(name="labels", title="Labels, likeliest poisoned first", columns=columns, rows=rows, note=note, total=len(found))
