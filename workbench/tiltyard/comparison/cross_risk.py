"""What a defense does to the other risks: everything measured again, side by side. The workbench's signature table."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ..catalogue import checks, effective, find, topic_of
from ..check import Step, named, versions
from ..datasets.dataset import Dataset
from ..formatting import numbers as numerals
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Record, Series, Severity, Status, Table, Tone, key_of
from ..targets.target import Target
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
MOST = 40
DRAWN = 24


def again(records: Sequence[Record]) -> list[Step]:
    """The checks of ``records`` with the very parameters they ran with, and accuracy and calibration in any case."""
    steps = [named(find(r.check), effective(r)) for r in records if r.kind == "check" and r.check in checks()]
    if not any(step.id == "validation.performance" for step in steps):
        steps.insert(0, find("validation.performance")())
    return steps


def seconds_per_row(target: Target, data: Dataset, tries: int = 7) -> Metric:
    """Time for a row in a batch of up to 256, in microseconds: median of ``tries`` with the range."""
    x = data.x[:256]
    target.scores(x)
    took = []
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

    Parameters
    ----------
    before, after
        Records of the same checks on ``parent`` and on ``made``.
    """
    start, clock = datetime.now(UTC), time.perf_counter()
    found = cells(before, after)
    slow = change(defense, seconds_per_row(parent, data), seconds_per_row(made, data))
    result = _result(defense, [*found, (COST, slow)], _gone(before, after))
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title=f"What {defense.title} does to the other risks",
        result=result,
        given={},
        effective={"defense": defense.check, "defense_record": defense.id},
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


def _gone(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    ended = {r.check: r for r in after}
    return [
        f"{r.title}: {ended[r.check].result.summary}"
        for r in before
        if r.kind == "check" and r.result.metrics and r.check in ended and not ended[r.check].result.metrics
    ]


def _result(defense: Record, found: list[tuple[str, Cell]], gone: list[str]) -> CheckResult:
    better = [c for _, c in found if c.verdict == "better"]
    worse = [(risk, c) for risk, c in found if c.verdict == "worse"]
    unclear = len(found) - len(better) - len(worse)
    summary = f"After {defense.title}: {len(better)} numbers are safer, {len(worse)} less safe, {unclear} within error or unchanged."
    findings = tuple(_finding(defense, risk, [c for r, c in worse if r == risk]) for risk in dict.fromkeys(r for r, _ in worse))
    notes = [
        f"Differences are after minus before; intervals by Newcombe's square-and-add: paired for the {sum(c.paired for _, c in found)} rates over the same rows, "
        "unpaired for the others, which where the same rows serve both are wider than need be."
    ]
    notes += [f"Could not be measured again. {line}" for line in gone]
    return CheckResult(
        status=Status.FINDING if findings else Status.INCOMPLETE if gone else Status.PASSED,
        summary=summary,
        metrics=(
            Metric(name="safer", label="Numbers that got safer", value=float(len(better)), unit="numbers"),
            Metric(name="less_safe", label="Numbers that got less safe", value=float(len(worse)), unit="numbers"),
            Metric(name="training_seconds", label="Time to make it", value=defense.seconds, unit="s"),
        ),
        findings=findings,
        tables=(_table(found),),
        charts=_charts(found),
        notes=tuple(notes),
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


def _table(found: list[tuple[str, Cell]]) -> Table:
    columns = tuple(Column(name=n) for n in ("Risk", "Check", "Measure", "Before", "After", "Difference", "Verdict"))
    rows = tuple((risk, c.title, c.label, c.told_before, c.told_after, c.told_difference, SIGNS[c.verdict]) for risk, c in found[:MOST])
    note = "Shares are in percent, their differences in percentage points; in brackets the intervals."
    marked = tuple((i, 6) for i, (_, c) in enumerate(found[:MOST]) if c.verdict in ("better", "worse"))
    return Table(
        name="cross_risk", title="Every risk before and after", columns=columns, rows=rows, marked=marked, total=len(found), note=note
    )


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


def _charts(found: list[tuple[str, Cell]]) -> tuple[Chart, ...]:
    shown = [(risk, c, g) for risk, c in found if risk != COST and (g := gain(c)) is not None]
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
