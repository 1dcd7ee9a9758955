"""What a fairness defense did: accuracy and gaps before and after, on rows it was not fitted on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import percent, points
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.paired import rate_change
from ..statistics.ruling import Effect, Limit, ruling
from ._before_after import Moved, Pair, moves
from .favorable import Favorable
from .group_metrics import STANDARDS, WORDS
from .groups import ONE_ANSWER, Judged
from .rates import RATES, Grouped, grouped, parts

SLACK = 0.05  # by how much a gap that was not asked for may have grown, by the end of its interval
NAMED = 0.01  # a number that is worse by less than this, and not surely, is left to the table
FIFTHS = 0.8


@dataclass(frozen=True)
class Mitigated:
    """Rows judged before and after, divided by ``groups`` str (n,) of ``column``; ``fitted`` is the number of other rows fitted on.

    ``favorable`` is the class that counts as positive, ``rules`` are the decision rules before and after, in words. ``halved`` where both
    kinds of rows are halves of the same: who wants more of one gives more of both.
    """

    column: str
    groups: NDArray[np.str_]
    before: Judged
    after: Judged
    smallest: int
    fitted: int
    favorable: Favorable
    rules: tuple[str, str]
    halved: bool = False

    @property
    def share(self) -> float:
        """The part of the rows given that was judged."""
        n = len(self.groups)
        return n / (n + self.fitted) if self.halved else 1.0

    @property
    def notes(self) -> tuple[str, ...]:
        """The favorable outcome and how was decided, as sentences."""
        before, after = self.rules
        return (self.favorable.note, f"Decided before by {before}" + ("." if before == after else f", after by {after}."))


@dataclass(frozen=True)
class Accepted:
    """What is asked of a mitigation: the gap that may be left, and the accuracy that it may cost, both as shares."""

    gap: float
    price: float


def compared(mitigated: Mitigated, criterion: str, accepted: Accepted, rng: np.random.Generator, notes: tuple[str, ...]) -> CheckResult:
    """The defense's result, before and after on the same rows.

    It passes where the gap that was asked for surely fell and surely lies within what is accepted, accuracy did not cost more, and no
    other fairness number got worse.
    """
    before, after = mitigated.before, mitigated.after
    pair = Pair.of(mitigated.groups, after.truth, before.predicted, after.predicted, mitigated.smallest)
    if len(pair.counts) < 2:
        return _unmeasured(mitigated, notes)
    moved = moves(pair, rng, mitigated.favorable.beside)
    asked = next(m for m in moved if m.criterion == criterion and m.part == "difference")
    others = [m for m in moved if m is not asked]
    right = [j.truth == j.predicted for j in (before, after)]
    accuracy = rate_change("accuracy_change", "Accuracy after less before", *right)
    limits = [_limit(asked, accepted.gap), Limit(accuracy, -accepted.price, surely=True), *(_kept(m, accepted.gap) for m in others)]
    ruled = ruling(
        [replace(limit, share=mitigated.share) for limit in limits],
        skill=Skill.of(after.truth.astype(np.int64), right[1], ("the other", mitigated.favorable.name)),
        effects=(Effect(asked.change),),
        open_ends=_open_ends(mitigated),
    )
    n, hits = len(mitigated.groups), [int(side.sum()) for side in right]
    counts = [grouped(mitigated.groups, j.truth, j.predicted).of_size(mitigated.smallest) for j in (before, after)]
    return CheckResult(
        status=ruled.status,
        summary=_summary(mitigated, asked, others, accuracy, hits) + f" {ruled.sentence}" + (ONE_ANSWER if after.one_answer else ""),
        metrics=(
            rate("accuracy_before", "Accuracy before", hits[0], n, "higher"),
            rate("accuracy_after", "Accuracy after", hits[1], n, "higher"),
            accuracy,
            *(metric for m in moved for metric in (m.before, m.after, m.change)),
        ),
        findings=tuple(_findings(asked, others, accuracy, accepted)),
        tables=(_table(mitigated.column, counts),),
        charts=(_chart(mitigated.column, counts),),
        notes=(*mitigated.notes, *notes),
    )


def _limit(asked: Moved, accepted: float) -> Limit:
    """The gap that is left: a finding where it surely lies beyond what is accepted."""
    return Limit(asked.after, accepted, surely=True)


def _kept(m: Moved, accepted: float) -> Limit:
    """Of a number that was not asked for: kept where it lies within what is accepted, or did not get much worse."""
    if m.part == "ratio":
        return Limit(m.change, -1.0 if not _harmed(m, accepted) else 0.0, surely=True)
    within = Limit(m.after, accepted).state == "kept"
    return Limit(m.after, accepted) if within else Limit(m.change, 0.0 if _harmed(m, accepted) else SLACK, surely=True)


def _harmed(m: Moved, accepted: float) -> bool:
    """Is it surely worse, and now beyond what is accepted, or by more than a little?"""
    value = m.after.value
    if not m.worse or value is None:
        return False
    if m.part == "ratio":
        return value < FIFTHS
    return value > accepted or (m.change.low or 0.0) > SLACK


def _open_ends(mitigated: Mitigated) -> tuple[str, ...]:
    one = ("every row is given the same answer",) if mitigated.after.one_answer else ()
    return (*one, *(("which outcome is favorable is assumed: name it",) if mitigated.favorable.assumed else ()))


def _summary(mitigated: Mitigated, asked: Moved, others: list[Moved], accuracy: Metric, hits: list[int]) -> str:
    n = len(mitigated.groups)
    worse = [m.sentence for m in others if m.worse]
    unsure = [m.sentence for m in others if not m.worse and m.by >= NAMED]
    fell = accuracy.high is not None and accuracy.high < 0
    return (
        f"{mitigated.favorable.headline}{_first_up(asked.sentence)} by {mitigated.column}"
        + (" (surely worse)" if asked.worse else "")
        + f", accuracy from {percent(hits[0] / n)} to {percent(hits[1] / n)}{' (surely worse)' if fell else ''} on {n:,} rows not fitted on"
        + (f"; got worse: {'; '.join(worse)}" if worse else "")
        + (f"; may have got worse: {'; '.join(unsure)}" if unsure else "")
        + "."
    )


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _findings(asked: Moved, others: list[Moved], accuracy: Metric, accepted: Accepted) -> list[Finding]:
    found = [_left(asked, accepted.gap)] if _limit(asked, accepted.gap).state == "broken" else []
    if Limit(accuracy, -accepted.price, surely=True).state == "broken":
        found.append(_dear(accuracy, accepted.price))
    return found + [_harm(m) for m in others if _harmed(m, accepted.gap)]


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


def _left(asked: Moved, accepted: float) -> Finding:
    return Finding(
        key=asked.criterion,
        title=f"A gap of {points(asked.after.value)} points is left on rows not fitted on; {points(accepted)} were accepted",
        severity=Severity.LOW,
        evidence=Evidence(metrics=(asked.after.name, asked.change.name), tables=("before_after",)),
        advice="Fit on more rows, see whether those rows differ from these, or take a defense that promises parity.",
        standards=STANDARDS,
    )


def _harm(m: Moved) -> Finding:
    return Finding(
        key=f"{m.criterion}-{m.part}-worse",
        title=f"{_first_up(m.sentence)}, which was not asked for",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=(m.before.name, m.after.name, m.change.name), tables=("before_after",)),
        advice="Decide which of the two is owed to the people judged; equalized odds and demographic parity cannot both hold where the "
        "groups' true rates differ. Choose the constraint that this decision asks for.",
        standards=STANDARDS,
    )


def _dear(accuracy: Metric, price: float) -> Finding:
    return Finding(
        key="accuracy",
        title=f"It costs {points(-(accuracy.value or 0.0))} points of accuracy; {points(price)} were accepted",
        severity=Severity.LOW,
        evidence=Evidence(metrics=("accuracy_change",)),
        advice="Allow a larger gap, fit on more rows, or say that this price is accepted.",
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
    columns = tuple(Column(name=f"{WORDS[r]} {when}", kind="percent") for r in RATES for when in ("before", "after"))
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
