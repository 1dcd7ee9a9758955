"""What is known of one model and its data: one state and one count for each step and topic, from every record there is of them.

Header, rail, history, report and shell take their numbers from here and count nothing themselves.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..campaign import matrix
from ..catalogue import TOPICS, checks, defenses, effective, topic_of
from ..check import Step
from ..comparison import cross_risk
from ..guidelines import checklist
from ..result import Frozen, Identity, Record, Status
from ..targets.restricted import views

DERIVED = frozenset({matrix.ID, checklist.ID, cross_risk.ID})  # put together from other records, whose findings they repeat
CONCLUDED = (Status.PASSED, Status.FINDING)
State = Literal["not_run", "passed", "finding", "incomplete", "not_applicable", "failed", "cancelled"]
GRAVEST: tuple[State, ...] = ("finding", "failed", "incomplete")
Kind = Literal["check", "defense", "derived"]


class StepStanding(Frozen):
    """One step of one model and data.

    ``counted`` is the record that every number is made of: the newest that passed or found something, else the newest other that was
    not cancelled. ``shown`` is the newest that was not cancelled, which a panel draws; where all were, the last of these.
    """

    id: str
    kind: Kind
    title: str
    state: State
    counted: Record | None = None
    shown: Record | None = None

    @property
    def findings(self) -> int:
        """Findings of the counted record of a check; of others none, for they repeat those of checks."""
        return len(self.counted.result.findings) if self.counted is not None and self.kind == "check" else 0

    @property
    def stands(self) -> str:
        """That an earlier conclusion stands though the newest run settled nothing, in a sentence; else empty."""
        if self.counted is None or self.shown is None or self.counted.id == self.shown.id:
            return ""
        what = "finding still stands" if self.counted.result.status is Status.FINDING else "pass still stands"
        return f"The earlier {what}, of {self.counted.started:%Y-%m-%d %H:%M} UTC: {self.counted.result.summary}"


class TopicStanding(Frozen):
    """One topic: ``of`` checks apply to this model and data as far as is known, ``asked`` of them gave some answer."""

    id: str
    title: str
    state: State
    asked: int
    of: int
    findings: int
    passed: int

    @property
    def sentence(self) -> str:
        """How much was asked, and what was found: ``2 of 6 asked, 1 finding``."""
        if not self.of:
            return "not applicable"
        if not self.asked:
            return "not run" if self.state == "not_run" else self.state.replace("_", " ")
        return f"{self.asked} of {self.of} asked" + (f", {in_words(self.findings, 'finding')}" if self.findings else "")


class Standing(Frozen):
    """All that is known of ``target`` on ``data``."""

    target: Identity | None
    data: Identity | None
    topics: dict[str, TopicStanding]
    steps: dict[str, StepStanding]

    @property
    def findings(self) -> int:
        """Findings of the counted records of checks."""
        return sum(topic.findings for topic in self.topics.values())

    @property
    def asked(self) -> int:
        """Checks that gave some answer other than that they do not apply."""
        return sum(topic.asked for topic in self.topics.values())

    @property
    def of(self) -> int:
        """Checks that apply, as far as is known."""
        return sum(topic.of for topic in self.topics.values())

    @property
    def passed(self) -> int:
        """Checks that passed."""
        return sum(topic.passed for topic in self.topics.values())

    @property
    def state(self) -> State:
        """The gravest of the topics; passed only where every topic that applies has passed."""
        states = {topic.state for topic in self.topics.values() if topic.of}
        if grave := next((state for state in GRAVEST if state in states), None):
            return grave
        if states == {"passed"}:
            return "passed"
        return "incomplete" if self.asked else "not_run"

    @property
    def sentence(self) -> str:
        """``8 findings in 13 of 41 checks``."""
        if not self.asked:
            return "nothing measured yet"
        return f"{in_words(self.findings, 'finding')} in {self.asked} of {in_words(self.of, 'check')}"

    @property
    def records(self) -> tuple[Record, ...]:
        """The counted record of each step, in the order of steps: what a report of this model and data holds."""
        return tuple(step.counted for step in self.steps.values() if step.counted is not None)


def in_words(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def concerns(record: Record, target: Identity, data: Identity) -> bool:
    """Is the record about this very target, whole or as a threat model shows it, and this very data?"""
    return record.data.fingerprint == data.fingerprint and (record.target.fingerprint == target.fingerprint or is_view(record, target))


def is_view(record: Record, target: Identity) -> bool:
    """Was it made of ``target`` as a threat model shows it?"""
    own = record.target
    if own.fingerprint == target.fingerprint:
        return False
    return own.view_of == target.fingerprint if own.view_of else own.fingerprint in views(target.fingerprint)


def kind_of(record: Record) -> Kind:
    """Check, defense, or put together from others."""
    return "derived" if record.check in DERIVED else record.kind


def standing_of(
    records: Iterable[Record], target: Identity | None, data: Identity | None, unmet: Mapping[str, str] | None = None
) -> Standing:
    """What ``records`` say of ``target`` on ``data``; those of others are left out.

    Parameters
    ----------
    records
        In any order; the newest is that which started last, of equal ones the later.
    unmet
        Why each check or defense that cannot be run on this target and data cannot, by id, as `catalogue.unmet` finds it. None where it is not known:
        then a check does not apply where its record says so.
    """
    mine: dict[str, list[Record]] = {}
    if target is not None and data is not None:
        for record in sorted((r for r in records if concerns(r, target, data)), key=lambda r: r.started):
            mine.setdefault(record.check, []).append(record)
    known = {**checks(), **defenses()}
    steps = {id: _step(id, mine.get(id, ()), target, step) for id, step in known.items()}
    steps |= {id: _step(id, found, target, None) for id, found in mine.items() if id not in known}
    reasons = unmet or {}
    topics = {id: _topic(id, [s for s in steps.values() if s.kind == "check" and topic_of(s.id) == id], reasons) for id in TOPICS}
    return Standing(target=target, data=data, topics={id: t for id, t in topics.items() if _has_checks(id, steps)}, steps=steps)


def _has_checks(topic: str, steps: Mapping[str, StepStanding]) -> bool:
    return any(topic_of(step.id) == topic and step.kind == "check" for step in steps.values())


def _step(id: str, found: Sequence[Record], target: Identity | None, step: type[Step] | None) -> StepStanding:
    counting, shown = _counted(found, target), _shown(found, target)
    last = found[-1] if found else None
    kind: Kind = kind_of(last) if last is not None else "defense" if id in defenses() else "check"
    title = step.title if step is not None else last.title if last is not None else id
    state = counting.result.status.value if counting is not None else "cancelled" if found else "not_run"
    return StepStanding(id=id, kind=kind, title=title, state=state, counted=counting, shown=shown)  # type: ignore[arg-type]


def _counted(found: Sequence[Record], target: Identity | None) -> Record | None:
    """The newest conclusion; that an attacker who sees less found nothing takes no finding on the whole model away."""
    settled = [r for r in found if r.result.status in CONCLUDED]
    if not settled:
        newest = _shown(found, target)
        return None if newest is None or newest.result.status is Status.CANCELLED else newest
    last, whole = settled[-1], [r for r in settled if target is None or not is_view(r, target)]
    weaker = last.result.status is Status.PASSED and bool(whole) and whole[-1].result.status is Status.FINDING
    return whole[-1] if weaker else last


def _shown(found: Sequence[Record], target: Identity | None) -> Record | None:
    """The newest that was not cancelled, where there is one; one of a view that settled nothing stands behind all that is said of the whole."""
    ended = [r for r in found if r.result.status is not Status.CANCELLED]
    first = [r for r in ended if target is None or not is_view(r, target) or r.result.status in CONCLUDED]
    return (first or ended or found)[-1] if found else None


def _topic(id: str, steps: Sequence[StepStanding], unmet: Mapping[str, str]) -> TopicStanding:
    asked = [s for s in steps if s.counted is not None and s.state != "not_applicable"]
    applying = [s for s in steps if s in asked or not (s.id in unmet or s.state == "not_applicable")]
    passed = [s for s in asked if s.state == "passed"]
    return TopicStanding(
        id=id,
        title=TOPICS.get(id, id),
        state=_state(steps, asked, applying),
        asked=len(asked),
        of=len(applying),
        findings=sum(s.findings for s in asked),
        passed=len(passed),
    )


def _state(steps: Sequence[StepStanding], asked: Sequence[StepStanding], applying: Sequence[StepStanding]) -> State:
    states = {s.state for s in asked}
    if grave := next((state for state in GRAVEST if state in states), None):
        return grave
    if asked:
        open = [s for s in applying if s.state != "passed" and getattr(checks().get(s.id), "core", False)]
        return "incomplete" if open else "passed"
    if not applying:
        return "not_applicable"
    return "cancelled" if any(s.state == "cancelled" for s in steps) else "not_run"


def reported(records: Iterable[Record], stands: Standing) -> tuple[Record, ...]:
    """What a report of this standing holds: of each step and parameters the last record, and all that counts."""
    if stands.target is None or stands.data is None:
        return ()
    target, data = stands.target, stands.data
    mine = sorted((r for r in records if concerns(r, target, data)), key=lambda r: r.started)
    last = {(r.kind, r.check, r.target.fingerprint, json.dumps(effective(r), sort_keys=True)): r.id for r in mine}
    kept = {*last.values(), *(r.id for r in stands.records)}
    return tuple(r for r in mine if r.id in kept)
