"""Thresholds on metrics, from TOML. What is incomplete or was not run is never a pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import Field, field_validator, model_validator

from ..catalogue import effective, present
from ..comparison.comparison import latest
from ..result import RENAMED_METRICS, Frozen, Given, Metric, Record, Severity, Status
from .toml_file import checked, load

ANSWERED = (Status.PASSED, Status.FINDING)
Overall = Literal["pass", "fail", "incomplete"]


class Outcome(StrEnum):
    """How a rule of the policy ended."""

    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"
    NOT_RUN = "not run"


class Rule(Given):
    """One threshold on one metric of one check.

    ``use`` says what is held against the limit: the ``value``, or the ``low`` or ``high`` end of its interval.
    ``tolerance`` is in the metric's unit and widens the limit. ``where`` narrows it to records with these parameters.
    """

    check: str
    metric: str
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    use: Literal["low", "value", "high"] = "value"
    where: dict[str, Any] = {}

    @field_validator("metric")
    @classmethod
    def _present_name(cls, name: str) -> str:
        return RENAMED_METRICS.get(name, name)

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"the rule on {self.check} {self.metric} has neither at_least nor at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most + 2 * self.tolerance:
            raise ValueError(f"no number is at least {self.at_least:g} and at most {self.at_most:g}")
        return self

    @property
    def text(self) -> str:
        """The rule in words."""
        limits = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        limits += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        tail = f", tolerance {self.tolerance:g}" if self.tolerance else ""
        end = "" if self.use == "value" else f"{self.use} end of "
        narrowed = " where " + ", ".join(f"{k}={v}" for k, v in self.where.items()) if self.where else ""
        return f"{end}{self.metric} of {self.check}{narrowed} {' and '.join(limits)}{tail}"

    def holds(self, value: float) -> bool:
        """Is ``value`` within the limits and their tolerance?"""
        slack = self.tolerance + 1e-12
        low = self.at_least is None or value >= self.at_least - slack
        return low and (self.at_most is None or value <= self.at_most + slack)


class Verdict(Frozen):
    """What a rule says of the records; ``at_least`` and ``at_most`` are its limits as numbers, in the metric's unit."""

    rule: str
    check: str
    metric: str = ""
    outcome: Outcome
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    limit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    reason: str


class Judgment(Frozen):
    """All verdicts, and the one that counts: pass only if every rule passes and there is at least one."""

    policy: str
    verdict: Overall
    verdicts: tuple[Verdict, ...]

    @classmethod
    def of(cls, policy: str, verdicts: Sequence[Verdict]) -> Self:
        """What ``verdicts`` come to; one that fails outweighs what is incomplete."""
        outcomes = {verdict.outcome for verdict in verdicts}
        overall: Overall = "fail" if Outcome.FAIL in outcomes else "pass" if outcomes == {Outcome.PASS} else "incomplete"
        return cls(policy=policy, verdict=overall, verdicts=tuple(verdicts))


class Judge(Protocol):
    """What records are held against: a policy, an earlier run, or both."""

    def judge(self, records: Sequence[Record]) -> Judgment:
        """All verdicts, and the one that counts."""
        ...


@dataclass(frozen=True)
class Both:
    """Two judges: pass only where both pass, fail where one does."""

    first: Judge
    second: Judge

    def judge(self, records: Sequence[Record]) -> Judgment:
        a, b = self.first.judge(records), self.second.judge(records)
        overall = next((word for word in ("fail", "incomplete") if word in (a.verdict, b.verdict)), "pass")
        both = {"policy": f"{a.policy} and {b.policy}", "verdict": overall, "verdicts": (*a.verdicts, *b.verdicts)}
        return Judgment.model_validate(both)


class Policy(Given):
    """What an assessment must show.

    ``required``: checks that must have given an answer (passed or a finding).
    ``worst_finding``: the highest severity that is still accepted among the findings.
    """

    name: str = "policy"
    rules: tuple[Rule, ...] = Field(default=(), alias="rule")
    required: tuple[str, ...] = ()
    worst_finding: Severity | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.rules or self.required or self.worst_finding is not None):
            raise ValueError("the policy asks for nothing: no rule, no required check, no worst_finding")
        return self

    def judge(self, records: Sequence[Record]) -> Judgment:
        """Hold the records against every rule; of equal parameters the last record counts."""
        last = latest(records)
        verdicts = [_required(check, last) for check in self.required]
        verdicts += [verdict for rule in self.rules for verdict in _ruled(rule, last)]
        verdicts += [_worst(self.worst_finding, last)] if self.worst_finding is not None else []
        return Judgment.of(self.name, verdicts)


def _required(check: str, records: Sequence[Record]) -> Verdict:
    rule = f"{check} must give an answer"
    mine = [r for r in records if r.check == check]
    if not mine:
        return Verdict(rule=rule, check=check, outcome=Outcome.NOT_RUN, reason="not run")
    open_ones = [r for r in mine if r.result.status not in ANSWERED]
    if open_ones:
        first = open_ones[0].result
        return Verdict(rule=rule, check=check, outcome=Outcome.INCOMPLETE, reason=f"{first.status}: {first.summary}")
    return Verdict(rule=rule, check=check, outcome=Outcome.PASS, reason=mine[-1].result.summary)


def _worst(limit: Severity, records: Sequence[Record]) -> Verdict:
    order = list(Severity)
    above = [(r, f) for r in records for f in r.result.findings if order.index(f.severity) > order.index(limit)]
    rule = f"no finding worse than {limit}"
    if above:
        record, finding = max(above, key=lambda pair: order.index(pair[1].severity))
        return Verdict(rule=rule, check=record.check, outcome=Outcome.FAIL, reason=f"{finding.severity}: {finding.title}")
    answered = [r for r in records if r.result.status in ANSWERED]
    if not answered:
        return Verdict(rule=rule, check="", outcome=Outcome.NOT_RUN, reason="no check gave an answer")
    return Verdict(rule=rule, check="", outcome=Outcome.PASS, reason=f"{len(answered)} checks gave an answer, none worse")


def _ruled(rule: Rule, records: Sequence[Record]) -> list[Verdict]:
    where = present(rule.check, rule.where)
    mine = [r for r in records if r.check == rule.check and _ran_with(where, r)]
    if not mine:
        return [_verdict(rule, Outcome.NOT_RUN, "not run")]
    return [_held(rule, record) for record in mine]


def _ran_with(where: dict[str, Any], record: Record) -> bool:
    given = effective(record)
    return all(given.get(name) == value for name, value in where.items())


def _verdict(rule: Rule, outcome: Outcome, reason: str, metric: Metric | None = None) -> Verdict:
    facts: dict[str, Any] = {"rule": rule.text, "limit": rule.text, "check": rule.check, "metric": rule.metric}
    facts |= {"at_least": rule.at_least, "at_most": rule.at_most, "outcome": outcome, "reason": reason}
    numbers = {} if metric is None else metric.model_dump(include={"value", "low", "high", "n"})
    return Verdict.model_validate(facts | numbers)


def _held(rule: Rule, record: Record) -> Verdict:
    result = record.result
    if result.status not in ANSWERED:
        return _verdict(rule, Outcome.INCOMPLETE, f"{result.status}: {result.summary}")
    metric = next((m for m in result.metrics if m.name == rule.metric), None)
    if metric is None:
        return _verdict(rule, Outcome.INCOMPLETE, f"no such metric; there are {', '.join(m.name for m in result.metrics) or 'none'}")
    number = getattr(metric, rule.use)
    if number is None:
        return _verdict(rule, Outcome.INCOMPLETE, metric.note or f"no {rule.use} end of an interval was measured", metric)
    number_in_words = f"{number:.4g}{' ' + metric.unit if metric.unit else ''}"
    return _verdict(rule, Outcome.PASS if rule.holds(number) else Outcome.FAIL, f"found {number_in_words}", metric)


def read_policy(path: str | Path) -> Policy:
    """A policy from TOML; one line where it is not one."""
    place = Path(path)
    values = load(place, "a policy file")
    return checked(Policy, {"name": place.stem, **values}, place.name)
