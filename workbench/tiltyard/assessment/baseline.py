"""An earlier run as the policy: no number may have become less safe by more than the tolerance. What was not measured again is no pass."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..comparison.comparison import difference, latest, matched
from ..errors import Problem
from ..result import Identity, Metric, Record
from ..store.lines import FINISHED, Run
from ..store.store import Store
from .policy import ANSWERED, Judgment, Outcome, Verdict

TIMES = frozenset({"s", "ms", "seconds", "milliseconds", "minutes", "hours", "days", "s/epoch"})


@dataclass(frozen=True)
class Loss:
    """By how much a number became less safe; negative where it became safer. ``low`` to ``high`` is its 95 % interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def beyond(self, tolerance: float) -> bool:
        """Is all of the interval, or the number where there is none, beyond ``tolerance``?"""
        return (self.value if self.low is None else self.low) > tolerance + 1e-12

    def text(self, tolerance: float) -> str:
        """In words."""
        size = f"{abs(self.value):.4g}"
        span = "" if self.low is None or self.high is None else f" (95 % from {self.low:+.3g} to {self.high:+.3g})"
        if self.value == 0:
            return "as it was"
        if self.value < 0:
            return f"safer by {size}{span}"
        where = "beyond the tolerance" if self.beyond(tolerance) else "within tolerance and error"
        return f"less safe by {size}{span}, {where}"


def loss(before: Metric, after: Metric) -> Loss | None:
    """The loss from ``before`` to ``after`` by the method of `comparison.difference`; None where one is not measured or has no direction."""
    if before.safer == "none" or after.safer == "none":
        return None
    if before.safer == "zero":
        before, after = _size(before), _size(after)
    gap, low, high = difference(before, after)
    if gap is None or not math.isfinite(gap):
        return None
    if before.safer == "higher":
        return Loss(-gap, None if high is None else -high, None if low is None else -low)
    return Loss(gap, low, high)


def _size(metric: Metric) -> Metric:
    """Its distance from 0, of which less is safer."""
    if metric.value is None:
        return metric
    changed: dict[str, float | str] = {"value": abs(metric.value), "safer": "lower"}
    if metric.low is not None and metric.high is not None:
        ends = (abs(metric.low), abs(metric.high))
        changed |= {"low": 0.0 if metric.low <= 0 <= metric.high else min(ends), "high": max(ends)}
    return metric.model_copy(update=changed)


def held(metric: Metric) -> bool:
    """Is the metric held against the baseline: measured, with a direction, and not a time, which differs from day to day?"""
    return metric.value is not None and metric.safer != "none" and metric.unit not in TIMES


@dataclass(frozen=True)
class Baseline:
    """The records of an earlier run, and how much worse a number may be, in the number's own unit."""

    run: Run
    records: tuple[Record, ...]
    tolerance: float = 0.0

    @property
    def name(self) -> str:
        return f"baseline {self.run.short}"

    def fits(self, target: Identity, data: Identity) -> None:
        """Refuse a baseline of another model or other data: names are compared, for a model trained anew has another fingerprint.

        Raises
        ------
        Problem
            The names differ.
        """
        for was, now in ((self.run.target, target), (self.run.data, data)):
            if was.name != now.name:
                raise Problem(f"a baseline of {now.name}", f"run {self.run.short} of {was.name}", "Name a run of the same model and data")

    def judge(self, records: Sequence[Record]) -> Judgment:
        """One verdict for each number of the baseline that has a safer direction, and for each check that gave an answer without one.

        Of equal parameters the last record counts.
        """
        pairs, gone, _ = matched(self.records, latest(records))
        verdicts = [v for before, after in pairs for v in self._pair(before, after)]
        verdicts += [self._verdict(r, "", Outcome.NOT_RUN, "not run again") for r in gone if r.result.status in ANSWERED]
        return Judgment.of(self.name, verdicts)

    def _pair(self, before: Record, after: Record) -> list[Verdict]:
        if before.result.status not in ANSWERED:
            return []
        if after.result.status not in ANSWERED:
            return [self._verdict(after, "", Outcome.INCOMPLETE, f"{after.result.status}: {after.result.summary}")]
        now = {m.name: m for m in after.result.metrics}
        judged = [self._metric(after, m, now.get(m.name)) for m in before.result.metrics if held(m)]
        return judged or [self._status(before, after)]

    def _metric(self, record: Record, before: Metric, after: Metric | None) -> Verdict:
        change = None if after is None else loss(before, after)
        if after is None or change is None:
            reason = after.note if after is not None and after.value is None else "not among the numbers any more"
            return self._verdict(record, before.name, Outcome.INCOMPLETE, f"was {before.value:.4g}; now not measured: {reason}", after)
        outcome = Outcome.FAIL if change.beyond(self.tolerance) else Outcome.PASS
        unit = f" {before.unit}" if before.unit else ""
        change_in_words = f"{before.label}: was {before.value:.4g}, is {after.value:.4g}{unit}: {change.text(self.tolerance)}"
        return self._verdict(record, before.name, outcome, change_in_words, after)

    def _status(self, before: Record, after: Record) -> Verdict:
        """Of a check without such numbers, a pass that became a finding is the regression."""
        worse = before.result.status == ANSWERED[0] and after.result.status == ANSWERED[1]
        return self._verdict(after, "", Outcome.FAIL if worse else Outcome.PASS, f"was {before.result.status}, is {after.result.status}")

    def _verdict(self, record: Record, metric: str, outcome: Outcome, reason: str, now: Metric | None = None) -> Verdict:
        slack = f" by more than {self.tolerance:g}" if self.tolerance else ""
        limit = f"no less safe than in run {self.run.short}{slack}"
        numbers = {} if now is None else now.model_dump(include={"value", "low", "high", "n"})
        rule = f"{metric or 'answer'} of {record.check} {limit}"
        return Verdict(rule=rule, check=record.check, metric=metric, outcome=outcome, limit=limit, reason=reason, **numbers)


def baseline(store: Store, name: str, tolerance: float) -> Baseline:
    """The run called ``name`` (id, the beginning of one, or last) as a baseline.

    Raises
    ------
    Problem
        There is no such run, it did not end, or none of its checks gave an answer.
    """
    if not math.isfinite(tolerance) or tolerance < 0:
        raise Problem("a tolerance of 0 or more", f"{tolerance:g}", "Give it in the numbers' own unit, such as 0.02")
    run = store.run(name)
    records = tuple(store.records(run.id, latest=True))
    if run.state != FINISHED:
        raise Problem("a baseline that ended", f"run {run.short}, which is {run.state}", "Name a finished run; see `tiltyard runs`")
    if not any(r.result.status in ANSWERED for r in records):
        raise Problem("a baseline with an answer", f"none in run {run.short}", "Name another run; see `tiltyard runs`")
    return Baseline(run, records, tolerance)
