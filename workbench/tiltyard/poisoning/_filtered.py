"""What a poison filter did, by the one rule: its effect on the rows it removed, what still looks poisoned, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.paired import rate_change
from ..statistics.ruling import Effect, Limit, ruling
from ..targets.target import Target

MOST = 0.5  # of the rows removed, that may have their label from the filtered model too, and still count as poison


@dataclass(frozen=True)
class Filtered:
    """The models before and after, the rows removed of ``trained`` (None: none), rows that neither was fitted on, and how many rows left still look poisoned."""

    before: Target
    after: Target
    removed: Dataset | None
    trained: int
    held: Dataset
    alarmed: int


def judged(it: Filtered, price: float, standards: Sequence[str], notes: Sequence[str], progress: Progress) -> CheckResult:
    """Passes where the removed rows surely lost their label, most of them, nothing alarms any more, and accuracy surely fell by no more than ``price``."""
    sides = [m.labels(it.held.x) == it.held.y for m in (it.before, it.after)]
    progress.step(0.5, "measuring the filtered model")
    cost = rate_change("accuracy_change", "Accuracy after less before", *sides)
    effect = _effect(it)
    limit = Limit(cost, -price, surely=True)
    skill = Skill.of(it.held.y, sides[1], it.held.schema.classes)
    ruled = ruling([limit], skill, [Effect(effect[-1])] if effect else [], _open_ends(it, effect))
    n, gone = len(it.held), 0 if it.removed is None else len(it.removed)
    hits = [int(side.sum()) for side in sides]
    text = (
        f"{gone:,} of {it.trained:,} training rows removed; accuracy {percent(hits[1] / n)}, before {percent(hits[0] / n)}, on {n:,} rows."
    )
    return CheckResult(
        status=ruled.status,
        summary=f"{text} {ruled.sentence}",
        metrics=(
            Metric(name="removed", label="Training rows removed", value=float(gone), unit="rows", n=it.trained),
            rate("accuracy_before", "Accuracy before", hits[0], n, "higher"),
            rate("accuracy_after", "Accuracy of the filtered model", hits[1], n, "higher"),
            cost,
            *effect,
        ),
        findings=(_dear(standards),) if ruled.status is Status.FINDING else (),
        notes=(*ruled.notes, *notes),
    )


def _effect(it: Filtered) -> list[Metric]:
    """Of the removed rows, those that the filtered model gives the label they had, and the change; nothing where none was removed."""
    if it.removed is None:
        return []
    same = [np.asarray(m.labels(it.removed.x) == it.removed.y) for m in (it.before, it.after)]
    label = "Removed rows given their label by the filtered model"
    change = rate_change("obeyed_change", "Removed rows given their label, after less before", same[0], same[1], "lower")
    return [rate("obeyed", label, int(same[1].sum()), len(it.removed), "lower"), change]


def _open_ends(it: Filtered, effect: list[Metric]) -> list[str]:
    """What is missing for a pass, each as a clause of what would settle it."""
    found = []
    if not effect:
        found.append(
            "nothing looked poisoned, so that nothing was removed and no effect can be shown: poisoning.backdoor plants poison to try it on"
        )
    elif (effect[0].high or 1.0) > MOST:
        found.append(
            f"the filtered model gives {percent(effect[0].value or 0.0)} of the removed rows the label they had (to {percent(effect[0].high or 0.0)}), "
            "as it would of honest rows: look at them in poisoning.detect, or give more rows"
        )
    if it.alarmed:
        found.append(f"{it.alarmed:,} of the rows that are left look poisoned: give more rounds")
    return found


def _dear(standards: Sequence[str]) -> Finding:
    return Finding(
        key="accuracy",
        title="The filter costs more accuracy than is accepted",
        severity=Severity.LOW,
        evidence=Evidence(metrics=("accuracy_change",)),
        advice="Raise the alarm, so that fewer rows are removed, give more rows, or say that this price is accepted.",
        standards=tuple(standards),
    )
