"""Two runs side by side: what was changed, and what that did to the numbers."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from ..catalogue import effective
from ..formatting import numbers as numerals
from ..result import Frozen, Metric, Record
from ..showing import Tabled
from ..statistics.intervals import correlation
from ..store.lines import Run, RunLine

FORMAT = 1
NOT_THERE = "not measured"
Change = Literal["better", "worse", "same", "unclear", "changed"]


class Changed(Frozen):
    """A fact that differs between the runs; None where it is absent in one."""

    what: str
    before: str | None
    after: str | None


class MetricChange(Frozen):
    """One metric before and after.

    ``difference`` is after minus before, ``low`` to ``high`` its interval by the square-and-add method of
    Newcombe from the two intervals: ``paired`` (1998, Statistics in Medicine 17, 2635) where both are rates
    over the same rows, otherwise as independent (17, 873). Independent numbers that were measured on the same
    rows all the same get wider intervals than need be, so *better* and *worse* come out too seldom, never too often.
    ``told_before``, ``told_after`` and ``told_difference`` are the texts that a person reads: shares in percent, their difference
    in percentage points, each with its interval.
    """

    check: str
    title: str
    name: str
    label: str
    unit: str
    before: Metric | None
    after: Metric | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    paired: bool = False
    verdict: Change
    told_before: str = ""
    told_after: str = ""
    told_difference: str = ""


class StatusChange(Frozen):
    """How a check ended before and after; None where that run does not have it."""

    check: str
    title: str
    before: str | None
    after: str | None


class Comparison(Tabled, Frozen):
    """What differs between two runs."""

    format: int = FORMAT
    kind: Literal["tiltyard-comparison"] = "tiltyard-comparison"
    before: str
    after: str
    changed: tuple[Changed, ...]
    statuses: tuple[StatusChange, ...]
    metrics: tuple[MetricChange, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def shortly(text: str | None, most: int = 40) -> str:
    """What changed, as a cell holds it: cut where it is long, a dash where there is nothing."""
    if text is None:
        return "–"
    return text if len(text) <= most else text[: most - 1] + "…"


def difference(before: Metric, after: Metric) -> tuple[float | None, float | None, float | None]:
    """After minus before with its interval; None where a part is missing."""
    if before.value is None or after.value is None:
        return None, None, None
    gap = after.value - before.value
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return gap, None, None
    phi = correlation(before, after) or 0.0
    down = _together(after.value - after.low, before.high - before.value, phi)
    return gap, gap - down, gap + _together(after.high - after.value, before.value - before.low, phi)


def _together(one: float, other: float, phi: float) -> float:
    """Two distances added as the standard deviations of a difference are, whose parts correlate by ``phi``."""
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def change(record: Record, before: Metric | None, after: Metric | None) -> MetricChange:
    """One metric of ``record``'s check before and after; at least one of the two is there."""
    one = after or before
    if one is None:
        raise ValueError("a metric of neither run")
    gap, low, high = difference(before, after) if before and after else (None, None, None)
    outcome: Change = verdict(before, after) if before and after else "changed"
    paired = before is not None and after is not None and correlation(before, after) is not None
    texts = [NOT_THERE if m is None else numerals.measured(m) for m in (before, after)] + [numerals.difference(one, gap, low, high)]
    facts = {"check": record.check, "title": record.title, "name": one.name, "label": one.label, "unit": one.unit}
    facts |= dict(zip(("told_before", "told_after", "told_difference"), texts, strict=True))
    return MetricChange(**facts, before=before, after=after, difference=gap, low=low, high=high, paired=paired, verdict=outcome)


def verdict(before: Metric, after: Metric) -> Change:
    """Is the metric safer after? ``unclear`` where the interval of the difference holds 0, or where there is none."""
    gap, low, high = difference(before, after)
    if gap is None:
        return "unclear"
    if gap == 0:
        return "same"
    if low is None or high is None or low <= 0 <= high:
        return "unclear"
    if after.safer == "none":
        return "changed"
    rose = gap > 0
    if after.safer == "zero":
        rose = abs(after.value or 0.0) < abs(before.value or 0.0)
        return "better" if rose else "worse"
    return "better" if rose == (after.safer == "higher") else "worse"


def compare(run_a: Run, records_a: Sequence[Record], run_b: Run, records_b: Sequence[Record]) -> Comparison:
    """Lay run ``a`` (before) and run ``b`` (after) side by side; of equal parameters the last record counts."""
    return compare_records(run_a.id, latest(records_a), run_b.id, latest(records_b), _facts(run_a, run_b))


def compare_records(
    before: str, a: Sequence[Record], after: str, b: Sequence[Record], facts: Sequence[Changed], alike: bool = False
) -> Comparison:
    """The records ``a`` of what is called ``before`` beside ``b`` of what is called ``after``; ``facts`` differ between the two.

    With ``alike`` two records of a step are held against each other only where their parameters are the same, whatever the seed.
    """
    pairs, only_a, only_b = matched(a, b, ROUNDS[:2] if alike else ROUNDS)
    apart = matched(only_a, only_b)[0]
    statuses = [StatusChange(check=y.check, title=y.title, before=x.result.status, after=y.result.status) for x, y in pairs]
    statuses += [StatusChange(check=x.check, title=x.title, before=x.result.status, after=None) for x in only_a]
    statuses += [StatusChange(check=y.check, title=y.title, before=None, after=y.result.status) for y in only_b]
    return Comparison(
        before=before,
        after=after,
        changed=(*facts, *(c for x, y in (*pairs, *apart) for c in _parameters(x, y))),
        statuses=tuple(statuses),
        metrics=tuple(change for x, y in pairs for change in _metrics(x, y)),
        only_before=tuple(r.check for r in only_a),
        only_after=tuple(r.check for r in only_b),
    )


def _same_parameters(a: Record, b: Record) -> bool:
    return effective(a) == effective(b)


def _same_but_for_the_seed(a: Record, b: Record) -> bool:
    return {**effective(a), "seed": 0} == {**effective(b), "seed": 0}


Alike = Callable[[Record, Record], bool]
ROUNDS: tuple[Alike, ...] = (_same_parameters, _same_but_for_the_seed, lambda a, b: True)


def matched(
    a: Sequence[Record], b: Sequence[Record], rounds: Sequence[Alike] = ROUNDS
) -> tuple[list[tuple[Record, Record]], list[Record], list[Record]]:
    """Records of the same step: first those of equal parameters, then of equal parameters but for the seed, then in order; and what is left over on each side."""
    pairs: list[tuple[int, Record, Record]] = []
    left_a, left_b = list(enumerate(a)), list(b)
    for alike in rounds:
        for place, record in list(left_a):
            other = next((r for r in left_b if (r.check, r.kind) == (record.check, record.kind) and alike(record, r)), None)
            if other is not None:
                pairs.append((place, record, other))
                left_a.remove((place, record))
                left_b.remove(other)
    return [(x, y) for _, x, y in sorted(pairs, key=lambda pair: pair[0])], [r for _, r in left_a], left_b


def latest(records: Iterable[Record]) -> list[Record]:
    """The last record of each step and parameters, in the order in which they first stand."""
    return list({(r.kind, r.check, json.dumps(effective(r), sort_keys=True)): r for r in records}.values())


def differ(what: str, before: dict[str, Any], after: dict[str, Any]) -> list[Changed]:
    """The facts of which ``before`` and ``after`` say different things, each named ``what`` and its name there."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        Changed(what=f"{what}{name}", before=_text(before.get(name)), after=_text(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def differing(a: RunLine | Record, b: RunLine | Record) -> list[Changed]:
    """In what the models and data of two runs or records differ."""
    facts = []
    for what, before, after in (("target", a.target, b.target), ("data", a.data, b.data)):
        facts += differ(f"{what} ", before.model_dump(), after.model_dump())
    return facts


def _facts(a: Run, b: Run) -> list[Changed]:
    return [*differing(a, b), *differ("version of ", a.versions, b.versions), *differ("setting ", _settings(a), _settings(b))]


def _settings(run: Run) -> dict[str, Any]:
    """What a person set; why checks could not be asked follows from model and data."""
    return {name: value for name, value in run.config.items() if name != "unmet"}


def _parameters(a: Record, b: Record) -> list[Changed]:
    return differ(f"{b.check} ", effective(a), effective(b))


def _metrics(a: Record, b: Record) -> list[MetricChange]:
    before = {m.name: m for m in a.result.metrics}
    after = {m.name: m for m in b.result.metrics}
    return [change(b, before.get(name), after.get(name)) for name in [*before, *(n for n in after if n not in before)]]
