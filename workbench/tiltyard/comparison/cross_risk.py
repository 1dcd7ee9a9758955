"""What a defense does to the other risks: everything measured again, side by side. The workbench's signature table."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ..catalogue import checks, effective, find, topic_of
from ..check import Step, named, versions
from ..datasets.dataset import Dataset
from ..formatting import numbers as numerals
from ..result import (
    Axis,
    Chart,
    CheckResult,
    Column,
    Evidence,
    Finding,
    Frozen,
    Metric,
    Record,
    Series,
    Severity,
    Table,
    Tone,
    key_of,
)
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.target import Target, asked_anew
from .comparison import Change, change, matched
from .comparison import MetricChange as Cell

ID = "cross_risk.after"
RISKS = {
    "evasion": "Robustness",
    "privacy": "Leakage",
    "theft": "Theft",
    "fairness": "Fairness",
    "validation": "Accuracy and calibration",
    "explanation": "Explanation",
    "poisoning": "Poisoning",
}
SIGNS: dict[Change, str] = {
    "better": "↑ safer",
    "worse": "↓ less safe",
    "same": "= same",
    "unclear": "~ within error",
    "changed": "≠ changed",
}
COST = "Cost"
VOID = "the model no longer answers"
DRAWN = 24
SKILL = "validation.performance"
ROWS = 2000


class Moves(Frozen):
    """How many numbers of one risk a defense moved for better and for worse, how many it left within their error, and how many look safer only because the model has lost its skill."""

    safer: int = 0
    less_safe: int = 0
    other: int = 0
    void: int = 0


@dataclass(frozen=True)
class Crossed:
    """Every number before and after with its risk; ``unskilled`` says why the defended model has no skill, and is empty where it has."""

    numbers: tuple[tuple[str, Cell], ...]
    gone: tuple[str, ...] = ()
    unskilled: str = ""

    def _with(self, verdict: Change) -> list[tuple[str, Cell]]:
        return [(risk, c) for risk, c in self.numbers if c.verdict == verdict]

    @property
    def void(self) -> list[tuple[str, Cell]]:
        """What looks safer of a model that does not answer any more: no gain."""
        return [(risk, c) for risk, c in self._with("better") if risk != COST] if self.unskilled else []

    @property
    def better(self) -> list[tuple[str, Cell]]:
        """What got safer."""
        return [one for one in self._with("better") if one not in self.void]

    @property
    def worse(self) -> list[tuple[str, Cell]]:
        """What got less safe."""
        return self._with("worse")

    def sign(self, risk: str, c: Cell) -> str:
        """The verdict in a cell; no arrow up for a model without skill."""
        return VOID if self.unskilled and risk != COST and c.verdict == "better" else SIGNS[c.verdict]

    @property
    def moves(self) -> dict[str, Moves]:
        """The counts of each risk, over all numbers."""
        found = {}
        for risk in dict.fromkeys(risk for risk, _ in self.numbers):
            safer, less, void = (sum(r == risk for r, _ in some) for some in (self.better, self.worse, self.void))
            of = sum(r == risk for r, _ in self.numbers)
            found[risk] = Moves(safer=safer, less_safe=less, void=void, other=of - safer - less - void)
        return found


def again(records: Sequence[Record]) -> list[Step]:
    """The checks of ``records`` with the very parameters they ran with, and accuracy and calibration in any case."""
    steps = [named(find(r.check), effective(r)) for r in records if r.kind == "check" and r.check in checks()]
    if not any(step.id == SKILL for step in steps):
        steps.insert(0, find(SKILL)())
    return steps


def seconds_per_row(target: Target, data: Dataset, tries: int = 7) -> Metric:
    """Time for a row in a batch of up to 256, in microseconds: median of ``tries`` with the range."""
    x = data.x[:256]
    took = []
    with asked_anew():
        target.scores(x)
        for _ in range(tries):
            start = time.perf_counter()
            target.scores(x)
            took.append(1e6 * (time.perf_counter() - start) / len(x))
    low_end, high_end = float(min(took)), float(max(took))
    return Metric(
        name="latency",
        label="Latency per row",
        value=float(np.median(took)),
        unit="µs",
        low=low_end,
        high=high_end,
        n=tries,
        safer="lower",
        interval="range of tries",
    )


def cells(before: Sequence[Record], after: Sequence[Record]) -> list[tuple[str, Cell]]:
    """(risk, metric before and after) for every metric that has a safer direction, is in both and is no mere context of its check."""
    pairs, _, _ = matched([r for r in before if r.check != ID], [r for r in after if r.check != ID])
    found = []
    for a, b in pairs:
        old, risk = {m.name: m for m in a.result.metrics}, RISKS.get(topic_of(b.check), topic_of(b.check))
        step = checks().get(b.check)
        context = step.context if step else frozenset()
        weighed = [m for m in b.result.metrics if m.name in old and m.safer != "none" and m.name not in context]
        found += [(risk, change(b, old[m.name], m)) for m in weighed]
    return found


def cross(defense: Record, parent: Target, made: Target, data: Dataset, before: Sequence[Record], after: Sequence[Record]) -> Record:
    """The cross-risk record: one table and one picture of every risk before and after ``defense``.

    A defended model that is no better than always saying the commonest class gains nothing, whatever its numbers.

    Parameters
    ----------
    before, after
        Records of the same checks on ``parent`` and on ``made``.
    """
    start, clock = datetime.now(UTC), time.perf_counter()
    slow = change(defense, seconds_per_row(parent, data), seconds_per_row(made, data))
    found = Crossed((*cells(before, after), (COST, slow)), tuple(_gone(before, after)), unskilled(made, data, after))
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title=f"What {defense.title} does to the other risks",
        result=_result(defense, found),
        given={},
        effective={
            "defense": defense.check,
            "defense_record": defense.id,
            "moves": {risk: moves.model_dump() for risk, moves in found.moves.items()},
            "better": {number_key(c.check, c.name): _bare(c.after) for _, c in found.better if c.after is not None},
            "unskilled": found.unskilled,
        },
        seed=defense.seed,
        target=parent.identity,
        data=data.identity,
        made=made.identity,
        versions=versions(),
        started=start,
        seconds=time.perf_counter() - clock,
        queries=0,
        standards=("AI RMF MEASURE 2.13", "AI RMF MANAGE 1.4"),
    )


def moves(record: Record) -> dict[str, Moves]:
    """The counts by risk of a cross-risk record; of one from before they were kept, those of the rows it shows."""
    kept = record.effective.get("moves")
    if isinstance(kept, dict):
        return {str(risk): Moves.model_validate(one) for risk, one in kept.items()}
    found: dict[str, Moves] = {}
    for row in record.result.tables[0].rows if record.result.tables else ():
        risk, sign = str(row[0]), str(row[-1])
        name = {SIGNS["better"]: "safer", SIGNS["worse"]: "less_safe"}.get(sign, "other")
        one = found.get(risk, Moves())
        found[risk] = one.model_copy(update={name: getattr(one, name) + 1})
    return found


def number_key(check: str, metric: str) -> str:
    """How a number is called among all: ``evasion.pgd/robust_accuracy``."""
    return f"{check}/{metric}"


def better(record: Record) -> dict[str, Metric]:
    """The numbers of a cross-risk record that got safer by more than their error, after the defense, by `number_key`; none of earlier ones."""
    kept = record.effective.get("better")
    return {str(key): Metric.model_validate(one) for key, one in kept.items()} if isinstance(kept, dict) else {}


def _bare(metric: Metric) -> dict[str, object]:
    """A metric without the rows that it counted."""
    return metric.model_dump(mode="json", exclude={"outcomes"})


def unskilled(made: Target, data: Dataset, after: Sequence[Record]) -> str:
    """That ``made`` is not shown to be better than always saying the commonest class, with the numbers; empty where it is.

    Asked on the rows of accuracy and calibration.
    """
    measured = next((r for r in after if r.check == SKILL), None)
    rows, seed = (int(measured.effective.get("rows", ROWS)), measured.seed) if measured else (ROWS, 0)
    sample = data.unseen.sample(rows, np.random.default_rng(seed))
    if not len(sample):
        return ""
    skill = Skill.of(sample.y, made.labels(sample.x) == sample.y, made.classes)
    return "" if skill.learned else skill.fact


def _gone(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    ended = {r.check: r for r in after}
    return [
        f"{r.title}: {ended[r.check].result.summary}"
        for r in before
        if r.kind == "check" and r.result.metrics and r.check in ended and not ended[r.check].result.metrics
    ]


def _result(defense: Record, found: Crossed) -> CheckResult:
    risks = dict.fromkeys(risk for risk, _ in found.worse)
    findings = [_finding(defense, risk, [c for r, c in found.worse if r == risk]) for risk in risks]
    if found.unskilled:
        findings.insert(0, _lost(defense, found.unskilled))
    return CheckResult(
        status=status_of(bool(findings), bool(found.gone)),
        summary=_summary(defense, found),
        metrics=(
            Metric(name="safer", label="Numbers that got safer", value=float(len(found.better)), unit="numbers"),
            Metric(name="less_safe", label="Numbers that got less safe", value=float(len(found.worse)), unit="numbers"),
            Metric(name="training_seconds", label="Time to make it", value=defense.seconds, unit="s"),
        ),
        findings=tuple(findings),
        tables=(_table(found),),
        charts=_charts(found),
        notes=tuple(_notes(found)),
    )


def _summary(defense: Record, found: Crossed) -> str:
    unclear = len(found.numbers) - len(found.better) - len(found.worse) - len(found.void)
    counts = f"{len(found.better)} numbers are safer, {len(found.worse)} less safe, {unclear} within error or unchanged"
    if not found.unskilled:
        return f"After {defense.title}: {counts}."
    look = f"; the {len(found.void)} others that look safer are no gain" if found.void else ""
    return f"After {defense.title} {VOID}: {found.unskilled}. {counts[0].upper()}{counts[1:]}{look}."


def _notes(found: Crossed) -> list[str]:
    paired = sum(c.paired for _, c in found.numbers)
    return [
        f"Differences are after minus before; intervals by Newcombe's square-and-add: paired for the {paired} rates over the same rows, "
        "unpaired for the others, which where the same rows serve both are wider than need be.",
        *(f"Could not be measured again. {line}" for line in found.gone),
    ]


def _lost(defense: Record, why: str) -> Finding:
    return Finding(
        key=key_of(defense.check, "skill"),
        title=f"{defense.title} left a model that no longer answers",
        severity=Severity.HIGH,
        evidence=Evidence(tables=("cross_risk",), sentence=f"{why[:1].upper()}{why[1:]}."),
        advice="Do not use this model. Apply the defense more weakly, or train longer, and measure again.",
        standards=("AI RMF MEASURE 2.13", "AI RMF MANAGE 1.4"),
    )


def _finding(defense: Record, risk: str, worse: list[Cell]) -> Finding:
    changes = "; ".join(f"{c.label} {_value(c.before)} → {_value(c.after)}" for c in worse[:4])
    return Finding(
        key=key_of(defense.check, risk),
        title=f"{defense.title} made {risk.lower()} worse",
        severity=Severity.INFO if risk == COST else Severity.MEDIUM,
        evidence=Evidence(tables=("cross_risk",), sentence=changes),
        advice="Weigh it against what the defense gained; change its strength, or add a second defense and measure again.",
        standards=("AI RMF MEASURE 2.13", "AI RMF MANAGE 1.4"),
    )


def _value(metric: Metric | None) -> str:
    return "not measured" if metric is None else " ".join(filter(None, numerals.value(metric)))


def _table(found: Crossed) -> Table:
    columns = tuple(Column(name=n) for n in ("Risk", "Check", "Measure", "Before", "After", "Difference", "Verdict"))
    rows = tuple((risk, c.title, c.label, c.told_before, c.told_after, c.told_difference, found.sign(risk, c)) for risk, c in found.numbers)
    note = "Shares are in percent, their differences in percentage points; in brackets the intervals."
    marked = tuple((i, 6) for i, (_, c) in enumerate(found.numbers) if c.verdict in ("better", "worse"))
    return Table(name="cross_risk", title="Every risk before and after", columns=columns, rows=rows, marked=marked, note=note)


def gain(c: Cell) -> tuple[float, float, float] | None:
    """The move towards safety with its interval, positive where safer; None where it has none or is not on a scale of 1."""
    if c.difference is None or c.low is None or c.high is None or c.before is None or c.after is None or abs(c.difference) > 1:
        return None
    if (c.before.value or 0) > 1 or (c.after.value or 0) > 1:
        return None
    sign = 1 if c.after.safer == "higher" else -1
    if c.after.safer == "zero" and (c.after.value or 0) < 0:
        sign = 1
    return (c.difference, c.low, c.high) if sign > 0 else (-c.difference, -c.high, -c.low)


def _picked(risks: list[str], settled: list[bool], most: int = DRAWN) -> list[int]:
    """Places of at most ``most`` numbers, in their order: from each risk in turn, what is settled before what is within error."""
    turns: list[tuple[int, int]] = []
    for risk in dict.fromkeys(risks):
        mine = sorted((i for i, r in enumerate(risks) if r == risk), key=lambda i: not settled[i])
        turns += enumerate(mine)
    return sorted(i for _, i in sorted(turns)[:most])


def _named(numbers: list[tuple[str, Cell]]) -> tuple[str, ...]:
    """Risk and measure of each number; where several checks measure the same, the check's too."""
    plain = [f"{risk}: {c.label}" for risk, c in numbers]
    checks = [c.check.rpartition(".")[2].replace("_", " ") for _, c in numbers]
    return tuple(f"{name} ({check})" if plain.count(name) > 1 else name for name, check in zip(plain, checks, strict=True))


def _charts(found: Crossed) -> tuple[Chart, ...]:
    numbers = [one for one in found.numbers if one not in found.void]
    shown = [(risk, c, g) for risk, c in numbers if risk != COST and (g := gain(c)) is not None]
    drawn = [shown[i] for i in _picked([risk for risk, _, _ in shown], [c.verdict in ("better", "worse") for _, c, _ in shown])]
    if not drawn:
        return ()
    names = _named([(risk, c) for risk, c, _ in drawn])
    kinds: tuple[tuple[str, Tone, tuple[Change, ...]], ...] = (
        ("safer", "good", ("better",)),
        ("less safe", "bad", ("worse",)),
        ("within error", "neither", ("same", "unclear", "changed")),
    )
    series = []
    for name, tone, verdicts in kinds:
        mine = [(i, g) for i, (_, c, g) in enumerate(drawn) if c.verdict in verdicts]
        if mine:
            at, low, high = (tuple(100 * g[k] for _, g in mine) for k in range(3))
            series.append(Series(name=name, tone=tone, x=at, y=tuple(float(i) for i, _ in mine), low=low, high=high))
    better, worse = (sum(c.verdict == v for _, c, _ in drawn) for v in ("better", "worse"))
    more = f" {len(shown) - len(drawn)} more are in the table." if len(shown) > len(drawn) else ""
    return (
        Chart(
            name="cross_risk",
            title="Move towards safety, every risk",
            kind="hbar",
            x=Axis(label="Less safe ← 0 → safer", unit="points"),
            y=Axis(label="", categories=names),
            series=tuple(series),
            alt=f"{better} measures moved towards safety, {worse} away from it, the others within their error.{more} A point is a hundredth: a percentage point of a share.",
        ),
    )
