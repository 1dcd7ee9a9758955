"""What one probe of an endpoint found."""

from dataclasses import dataclass
from typing import Literal

from ..result import Evidence, Finding, Severity

State = Literal["passed", "finding", "incomplete", "not_applicable"]


@dataclass(frozen=True)
class Outcome:
    """How a probe ended, what was seen in one sentence, and what to act on. What could not be asked is incomplete."""

    state: State
    text: str
    findings: tuple[Finding, ...] = ()


def passed(text: str) -> Outcome:
    """It was asked, and the endpoint did as it should."""
    return Outcome("passed", text)


def unsure(text: str) -> Outcome:
    """The question stays open, and why."""
    return Outcome("incomplete", text)


def idle(text: str) -> Outcome:
    """The question does not arise here, and why."""
    return Outcome("not_applicable", text)


def found(title: str, severity: Severity, text: str, advice: str, standards: tuple[str, ...], defense: str = "") -> Outcome:
    """Something to act on; ``text`` is its evidence."""
    finding = Finding(
        title=title,
        severity=severity,
        evidence=Evidence(tables=("probes",), sentence=text),
        advice=advice,
        standards=standards,
        defense=defense,
    )
    return Outcome("finding", text, (finding,))


def joined(parts: list[Outcome]) -> Outcome:
    """Several outcomes of one probe as one: the worst state, all that was seen, every finding."""
    order: tuple[State, ...] = ("finding", "incomplete", "passed", "not_applicable")
    state = next(s for s in order if s in {part.state for part in parts})
    return Outcome(state, " ".join(dict.fromkeys(part.text for part in parts)), tuple(f for part in parts for f in part.findings))
