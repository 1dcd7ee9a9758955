"""What the rows of the store's tables mean."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ..errors import Problem
from ..result import CheckResult, Identity, Record, Severity
from .lines import CUT_OFF, FINISHED, OPEN, RUNNING, StepLine, Tally
from .proving import Proof
from .sealed_records import opened
from .writers import Alive

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table

SEVERITIES = list(Severity)


def worst(result: CheckResult) -> str:
    """The worst severity among the findings, or an empty string."""
    found = [SEVERITIES.index(f.severity) for f in result.findings]
    return str(SEVERITIES[max(found)]) if found else ""


def _when(seconds: float | None) -> datetime | None:
    """A time; the beginning of time where somebody put in what is none, for a run that was tampered with is shown all the same."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def object_of(text: Any) -> dict[str, Any]:
    """A JSON object; empty where somebody put in what is none."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def matching(search: str, seen: "ColumnElement[bool]") -> "Select[Any]":
    """The query over the runs that are ``seen`` and in whose name, target or data ``search`` is, or whose id begins with it."""
    from sqlalchemy import or_, select

    from . import tables

    at = tables.runs.c
    query = select(*[c for c in at if c.name not in ("versions", "config")]).where(seen)
    if not search.strip():
        return query
    words = search.strip()
    named = [c.icontains(words, autoescape=True) for c in (at.name, at.target_name, at.data_name)]
    return query.where(or_(*named, at.id.startswith(words, autoescape=True)))


def counted(connection: "Connection", ids: "Select[Any]") -> dict[str, dict[str, int]]:
    """Of each run that the query ``ids`` chooses, how many steps are in each state."""
    from sqlalchemy import func, select

    from . import tables

    at = tables.records.c
    chosen = ids.with_only_columns(tables.runs.c.id).subquery()
    query = select(at.run_id, at.state, func.count()).where(at.run_id.in_(select(chosen.c.id))).group_by(at.run_id, at.state)
    found: dict[str, dict[str, int]] = {}
    for run_id, state, n in connection.execute(query):
        found.setdefault(run_id, {})[str(state)] = n
    return found


def living(connection: "Connection", ids: "Select[Any]", table: "Table", alive: Alive, *where: "ColumnElement[bool]") -> Counter[str]:
    """Of each run that the query ``ids`` chooses, how many rows of ``table`` were written by a process that lives."""
    from sqlalchemy import select

    from . import tables

    at = table.c
    chosen = ids.with_only_columns(tables.runs.c.id).subquery()
    query = select(at.run_id, at.host, at.pid, at.process_started).where(at.run_id.in_(select(chosen.c.id)), *where)
    return Counter(row["run_id"] for row in connection.execute(query).mappings() if alive(row))


@dataclass(frozen=True)
class Going:
    """What goes on in runs, by their ids: steps in each state, of those running the ones whose process lives, and living jobs."""

    counts: dict[str, dict[str, int]]
    steps: Counter[str]
    jobs: Counter[str]


def going(connection: "Connection", ids: "Select[Any]", alive: Alive, jobs: bool) -> Going:
    """What goes on in the runs that the query ``ids`` chooses; ``jobs`` says whether the store keeps jobs."""
    from . import tables

    steps = living(connection, ids, tables.records, alive, tables.records.c.state == RUNNING)
    return Going(counted(connection, ids), steps, living(connection, ids, tables.jobs, alive) if jobs else Counter())


def run_fields(row: "RowMapping", now: Going, alive: Alive, proof: Proof | None, found: Tally) -> dict[str, Any]:
    """The fields of a `RunLine`; one whose process is gone was cut off, and so were its steps."""
    run, ended = row["id"], row["ended"] is not None
    goes_on = run in now.jobs or (not ended and run in now.steps)
    state = RUNNING if goes_on else FINISHED if ended else OPEN if alive(row) else CUT_OFF
    counts = _truly(now.counts.get(run, {}), now.steps[run] if goes_on else 0)
    kept = {name: str(row[name]) for name in ("id", "name", "verdict")}
    return kept | {
        "owner": str(row["owner"] or ""),
        "started": _when(row["started"]),
        "ended": _when(row["ended"]),
        "state": state,
        "target": _identity(row, "target"),
        "data": _identity(row, "data"),
        "counts": counts,
        "asked": found.asked,
        "with_finding": found.with_finding,
        "about": found.about,
        "proof": proof.state if proof else "",
        "doubt": proof.why if proof else "",
    }


def _truly(counts: dict[str, int], going: int) -> dict[str, int]:
    """``counts`` in which ``going`` steps run; the others that had begun were cut off."""
    split = {RUNNING: going, CUT_OFF: counts.get(RUNNING, 0) - going}
    return {state: n for state, n in counts.items() if state != RUNNING} | {state: n for state, n in split.items() if n > 0}


def _identity(row: "RowMapping", of: str) -> Identity:
    return Identity(name=str(row[f"{of}_name"]), fingerprint=str(row[f"{of}_fingerprint"]), detail=str(row[f"{of}_detail"]))


def step_line(row: "RowMapping", alive: Alive) -> StepLine:
    """A step; one whose process is gone was cut off."""
    state = CUT_OFF if row["state"] == RUNNING and not alive(row) else row["state"]
    kept: dict[str, Any] = {name: str(row[name]) for name in ("token", "run_id", "kind", "title", "severity")}
    times: dict[str, Any] = {"started": _when(row["started"]), "ended": _when(row["ended"])}
    return StepLine(**kept, **times, state=str(state), check=str(row["step"]), given=object_of(row["given"]))


def record_of(text: str) -> Record:
    """The record; raises `Problem` where it is one of a newer Tiltyard."""
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Problem("a record this Tiltyard reads", reason, "Upgrade Tiltyard, or make the run again") from None


def record_or_why(text: str, token: str) -> Record | Problem:
    """The record of the step ``token`` as it is kept; why it cannot be read, where it cannot."""
    try:
        return record_of(opened(text, token))
    except Problem as problem:
        return problem
