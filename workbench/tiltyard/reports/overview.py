"""What a reader of a report sees first: the gravest findings, and what each defense does to every risk."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..campaign import matrix as campaign_matrix
from ..catalogue import titles, topic_of
from ..comparison import cross_risk
from ..comparison.cross_risk import RISKS
from ..guidelines import checklist
from ..result import Finding, Record, Severity

DERIVED = frozenset({campaign_matrix.ID, checklist.ID, cross_risk.ID})  # put together from other records
MOST = 12
EACH = 2


@dataclass(frozen=True)
class Grave:
    """A finding and the record it stands in."""

    finding: Finding
    record: Record


@dataclass(frozen=True)
class Move:
    """How many numbers of one risk a defense moved for better and for worse, and how many it left within their error."""

    safer: int
    less_safe: int
    other: int
    void: int = 0

    @property
    def tone(self) -> str:
        """Which way it went, as a class of the style sheet."""
        if self.safer and self.less_safe:
            return "mixed"
        return "better" if self.safer else "worse" if self.less_safe else "same"

    @property
    def words(self) -> str:
        """In a cell."""
        parts = [f"↑ {self.safer}"] * bool(self.safer) + [f"↓ {self.less_safe}"] * bool(self.less_safe)
        return " ".join(parts) or (cross_risk.VOID if self.void else "=" if self.other else "–")


@dataclass(frozen=True)
class Overview:
    """Defenses by risks; a row has one `Move` for each of ``risks``."""

    risks: tuple[str, ...]
    rows: tuple[tuple[Record, str, tuple[Move, ...]], ...]


def worst(records: Sequence[Record], most: int = MOST) -> list[Grave]:
    """The gravest findings of medium severity or more: at most `EACH` of a topic, none that only repeats those of other records."""
    order = list(Severity)
    least = order.index(Severity.MEDIUM)
    found = [Grave(f, r) for r in records for f in r.result.findings if r.check not in DERIVED and order.index(f.severity) >= least]
    chosen: list[Grave] = []
    for one in sorted(found, key=lambda g: -order.index(g.finding.severity)):
        mine = [g for g in chosen if topic_of(g.record.check) == topic_of(one.record.check)]
        if len(mine) < EACH and not any(_same(one, g) for g in mine):
            chosen.append(one)
    return chosen[:most]


def _same(one: Grave, other: Grave) -> bool:
    """Does the second tell a reader nothing more: the same finding of another run of the check, or another check in the same words?"""
    return one.finding.title == other.finding.title or (one.record.check, one.finding.key) == (other.record.check, other.finding.key)


def overview(records: Sequence[Record]) -> Overview | None:
    """The cross-risk tables of ``records`` as one; None where there is none."""
    mine = [r for r in records if r.check == cross_risk.ID and r.result.tables]
    measured = {risk for r in mine for risk in cross_risk.moves(r)}
    risks = tuple(risk for risk in (*RISKS.values(), "Cost") if risk in measured)
    if not mine:
        return None
    return Overview(risks, tuple((r, _defense(r), tuple(_move(r, risk) for risk in risks)) for r in mine))


def _defense(record: Record) -> str:
    """The title of the defense that a cross-risk record is about; its id where it is not installed here."""
    id = str(record.effective.get("defense", record.title))
    return titles().get(id, id)


def _move(record: Record, risk: str) -> Move:
    found = cross_risk.moves(record).get(risk, cross_risk.Moves())
    return Move(found.safer, found.less_safe, found.other, found.void)
