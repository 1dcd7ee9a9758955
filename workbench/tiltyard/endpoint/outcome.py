"""What one probe of an endpoint found."""

from dataclasses import dataclass
from typing import Literal

from ..result import Evidence, Finding, Severity

State = Literal["passed", "finding", "incomplete", "not_applicable"]


@dataclass(frozen=True)
class Outcome:
    """How a probe ended, what was seen in one sentence, and what to act on. What could not be asked is incomplete."""

    state: State
    said: str
    findings: tuple[Finding, ...] = ()


def passed(said: str) -> Outcome:
    """It was asked, and the endpoint did as it should."""
    return Outcome("passed", said)


def unsure(said: str) -> Outcome:
    """It could not be told, and why."""
    return Outcome("incomplete", said)


def idle(said: str) -> Outcome:
    """The question does not arise here, and why."""
    return Outcome("not_applicable", said)


def found(title: str, severity: Severity, said: str, advice: str, standards: tuple[str, ...], defense: str = "") -> Outcome:
    """Something to act on; ``said`` is its evidence."""
    finding = Finding(
        title=title,
        severity=severity,
        evidence=Evidence(tables=("probes",), sentence=said),
        advice=advice,
        standards=standards,
        defense=defense,
    )
    return Outcome("finding", said, (finding,))


def joined(parts: list[Outcome]) -> Outcome:
    """Several outcomes of one probe as one: the worst state, all that was seen, every finding."""
    order: tuple[State, ...] = ("finding", "incomplete", "passed", "not_applicable")
    state = next(s for s in order if s in {part.state for part in parts})
    return Outcome(state, " ".join(dict.fromkeys(part.said for part in parts)), tuple(f for part in parts for f in part.findings))
