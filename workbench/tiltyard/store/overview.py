"""Sums over the store that lists show: findings by severity, and the models seen."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..catalogue import COMPOSED
from ..result import Identity, Status
from .lines import BROKEN, ModelLine, Timing
from .proving import Proof
from .rows import object_of

CONCLUDED = (Status.PASSED, Status.FINDING, Status.INCOMPLETE)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select


def timings(connection: "Connection", host: str, seen: "ColumnElement[bool]", limit: int) -> list[Timing]:
    """How long the steps took that ran on ``host`` and concluded something, the newest first."""
    from sqlalchemy import select

    from . import tables

    at, run = tables.records.c, tables.runs.c
    columns = (at.step, at.given, (at.ended - at.started).label("seconds"), run.target_fingerprint, run.data_fingerprint)
    query = select(*columns).join(tables.runs, run.id == at.run_id).where(seen, at.host == host, at.state.in_(CONCLUDED))
    rows = connection.execute(query.where(at.ended > at.started).order_by(at.number.desc()).limit(limit)).all()
    return [Timing(step=step, given=object_of(given), seconds=seconds, target=of, data=on) for step, given, seconds, of, on in rows]


def models(
    connection: "Connection", seen: "ColumnElement[bool]", limit: int, proofs: "Callable[[Select[Any]], dict[str, Proof]]"
) -> list[ModelLine]:
    """The models that the runs ``seen`` were made of, the last assessed first; ``proofs`` tells of runs whether they hold."""
    from sqlalchemy import func, select

    from . import tables

    at = tables.runs.c
    summed = select(at.target_fingerprint, func.count().label("n"), func.max(at.started).label("newest")).where(seen)
    newest = summed.group_by(at.target_fingerprint).order_by(func.max(at.started).desc()).limit(limit).subquery()
    here = (at.target_fingerprint == newest.c.target_fingerprint) & (at.started == newest.c.newest)
    query = select(at.id, at.started, at.target_name, at.target_fingerprint, at.target_detail, newest.c.n).where(seen).join(newest, here)
    rows = {row["target_fingerprint"]: row for row in connection.execute(query.order_by(at.started, at.id)).mappings()}
    verdicts = _verdicts(connection, seen, list(rows))
    found = _found(connection, seen, list(rows))
    doubts = _doubts(connection, seen, list(rows), proofs)
    made = [
        ModelLine(
            target=Identity(name=row["target_name"], fingerprint=key, detail=row["target_detail"]),
            runs=row["n"],
            last_run=row["id"],
            last_started=datetime.fromtimestamp(row["started"], UTC),
            verdict=verdicts.get(key, ""),
            severities=dict(Counter(severity for severity, _ in found[key])),
            found_in=dict(found[key]),
            doubt=doubts.get(key, ""),
        )
        for key, row in rows.items()
    ]
    return sorted(made, key=lambda line: line.last_started, reverse=True)


def _found(connection: "Connection", seen: "ColumnElement[bool]", fingerprints: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Of each model, the severity and the run of each check's newest record that says something, the older first; none where all is well.

    One that was cancelled, cut off or could not tell says nothing, so what was known before it holds.
    """
    from sqlalchemy import and_, func, select

    from . import tables

    at, model = tables.records.c, tables.runs.c.target_fingerprint
    says = and_(at.state.in_([Status.FINDING, Status.PASSED]), at.kind == "check", *(at.step.not_like(f"{topic}.%") for topic in COMPOSED))
    asked = select(model, func.max(at.number).label("number")).join(tables.records, at.run_id == tables.runs.c.id)
    newest = asked.where(model.in_(fingerprints), says, seen).group_by(model, tables.runs.c.data_fingerprint, at.step).subquery()
    query = select(newest.c.target_fingerprint, at.severity, at.run_id).join(newest, newest.c.number == at.number).where(at.severity != "")
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for fingerprint, severity, run_id in connection.execute(query.order_by(at.number)):
        found[fingerprint].append((severity, run_id))
    return found


def _doubts(
    connection: "Connection", seen: "ColumnElement[bool]", fingerprints: Sequence[str], proofs: "Callable[[Select[Any]], dict[str, Proof]]"
) -> dict[str, str]:
    """Of each model, which of its runs do not hold."""
    from sqlalchemy import select

    from . import tables

    at = tables.runs.c
    query = select(at.id, at.target_fingerprint).where(at.target_fingerprint.in_(fingerprints), seen)
    bad = {run: proof for run, proof in proofs(query).items() if proof.state == BROKEN}
    found: dict[str, list[str]] = defaultdict(list)
    for run, fingerprint in connection.execute(query):
        if run in bad:
            found[fingerprint].append(f"run {run[:8]}: {bad[run].why}")
    return {key: lines[0] + (f", and {len(lines) - 1} more" if len(lines) > 1 else "") for key, lines in found.items()}


def _verdicts(connection: "Connection", seen: "ColumnElement[bool]", fingerprints: Sequence[str]) -> dict[str, str]:
    """The newest verdict a policy gave on each model."""
    from sqlalchemy import select

    from . import tables

    at = tables.runs.c
    query = select(at.target_fingerprint, at.verdict).where(at.target_fingerprint.in_(fingerprints), at.verdict != "", seen)
    return {row[0]: row[1] for row in connection.execute(query.order_by(at.started))}
