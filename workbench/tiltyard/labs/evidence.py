"""What was measured: the records a grade rests on, and how a question names those that it asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalogue import effective
from ..result import Record, Status

ANSWERED = frozenset({Status.PASSED, Status.FINDING, Status.INCOMPLETE})
Allowed = Any  # one value, or a `Span`


@dataclass(frozen=True)
class Span:
    """A parameter from ``low`` to ``high``, ends included; None is no end."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: Any) -> bool:
        """Does a parameter lie in it?"""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        return f"at least {self.low:g}" if self.low is not None else f"at most {self.high:g}"


@dataclass(frozen=True)
class Wanted:
    """A run that a question asks for.

    Attributes
    ----------
    step
        Id of the check or defense.
    model
        Name of a model of the labs (`models`). With ``after``, any model which that defense made.
    holds
        What its parameters have to be, by name.
    answered
        Does it have to have measured something? Else also *not applicable* is an answer.
    """

    step: str
    model: str
    holds: Mapping[str, Allowed] = field(default_factory=dict)
    after: "Wanted | None" = None
    answered: bool = True

    def unlike(self, record: Record) -> tuple[str, Any, Allowed] | None:
        """The first parameter that is another than asked for: its name, what it is, what it has to be."""
        given = effective(record)
        for name, allowed in self.holds.items():
            value = given.get(name)
            same = allowed.holds(value) if isinstance(allowed, Span) else _plain(value) == _plain(allowed)
            if not same:
                return name, value, allowed
        return None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class Evidence:
    """All records that are known of the models of the labs, the oldest first.

    Parameters
    ----------
    fingerprints
        The fingerprint of each model of the labs, by its name.
    """

    def __init__(self, records: Iterable[Record], fingerprints: Mapping[str, str]) -> None:
        self.records = sorted(records, key=lambda record: record.started)
        self.fingerprints = fingerprints

    def near(self, wanted: Wanted) -> list[Record]:
        """Records of the step on the model that gave an answer, whatever their parameters."""
        models, states = self._models(wanted), ANSWERED if wanted.answered else ANSWERED | {Status.NOT_APPLICABLE}
        return [r for r in self.records if r.check == wanted.step and r.target.fingerprint in models and r.result.status in states]

    def of(self, wanted: Wanted) -> list[Record]:
        """Those of `near` whose parameters are as asked for."""
        return [record for record in self.near(wanted) if wanted.unlike(record) is None]

    def _models(self, wanted: Wanted) -> set[str]:
        if wanted.after is None:
            return {self.fingerprints[wanted.model]} if wanted.model in self.fingerprints else set()
        return {record.made.fingerprint for record in self.of(wanted.after) if record.made is not None}
