"""What each defense did to every risk and number, from what the cross-risk records keep of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..catalogue import titles
from ..comparison import cross_risk
from ..result import Metric, Record


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
class Row:
    """A defense, the record of what it did, and a `Move` for each risk; ``lost`` where the defended model has no skill left."""

    record: Record
    title: str
    moves: tuple[Move, ...]
    lost: bool = False


@dataclass(frozen=True)
class Moves:
    """Defenses by risks; a row has one `Move` for each of ``risks``."""

    risks: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class After:
    """A number after the defense that moved it farthest towards safety by more than its error."""

    defense: str
    metric: Metric
    record: Record


def moves(records: Sequence[Record]) -> Moves | None:
    """The cross-risk records as one table; None where there is none."""
    mine = [r for r in records if r.check == cross_risk.ID and cross_risk.moves(r)]
    measured = {risk for r in mine for risk in cross_risk.moves(r)}
    named = tuple(risk for risk in (*cross_risk.RISKS.values(), cross_risk.COST) if risk in measured)
    return Moves(named, tuple(_row(r, named) for r in mine)) if mine else None


def _row(record: Record, risks: Sequence[str]) -> Row:
    return Row(record, _defense(record), tuple(_move(record, risk) for risk in risks), bool(record.effective.get("unskilled")))


def best(records: Sequence[Record], of: Record, metric: Metric) -> After | None:
    """The number ``metric`` of the check of ``of`` after the defense that made it safest.

    None where no defense did by more than the error, and of a defended model that no longer answers.
    """
    key, found = cross_risk.number_key(of.check, metric.name), list[After]()
    for record in records:
        if record.check != cross_risk.ID or record.effective.get("unskilled") or record.target.fingerprint != of.target.fingerprint:
            continue
        after = cross_risk.better(record).get(key)
        found += [After(_defense(record), after, record)] if after is not None else []
    return max(found, key=lambda a: _safety(a.metric), default=None)


def _safety(metric: Metric) -> float:
    value = metric.value or 0.0
    return value if metric.safer == "higher" else -abs(value) if metric.safer == "zero" else -value


def _defense(record: Record) -> str:
    """The title of the defense that a cross-risk record is about; its id where it is not installed here."""
    id = str(record.effective.get("defense", record.title))
    return titles().get(id, id)


def _move(record: Record, risk: str) -> Move:
    found = cross_risk.moves(record).get(risk, cross_risk.Moves())
    return Move(found.safer, found.less_safe, found.other, found.void)
