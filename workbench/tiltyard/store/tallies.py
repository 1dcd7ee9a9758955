"""Of each run how many checks were asked, and in how many something was found; without reading the records.

The rule is that of `assessment.standing`: of each check the newest record counts that passed or found something, else the newest other
that was not cancelled. Defenses and what is put together from other records make no number.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..catalogue import COMPOSED, topic_of
from ..errors import Problem
from ..result import Status
from .lines import Tally
from .rows import record_or_why

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONCLUDED = (Status.PASSED, Status.FINDING)
NAMED = 2
UNASKED = (Status.NOT_APPLICABLE, Status.CANCELLED)


class Ended(NamedTuple):
    """What the store's row says of a check that ended."""

    run: str
    number: int
    token: str
    check: str
    state: str
    severity: str
    kind: str
    title: str


def tallies(connection: "Connection", run_ids: Sequence[str]) -> dict[str, Tally]:
    """The tally of each of these runs; one without a step that ended is left out."""
    from sqlalchemy import select

    from . import tables

    at = tables.records.c
    query = select(at.run_id, at.number, at.token, at.step, at.state, at.severity, at.kind, at.title)
    query = query.where(at.run_id.in_(run_ids), at.record.is_not(None)).order_by(at.started, at.number)
    by_run: dict[str, list[Ended]] = {}
    for row in connection.execute(query):
        # Whoever edits a store may leave values of any type: a list is shown all the same, and what was edited is marked.
        run, number, *facts = row
        by_run.setdefault(str(run), []).append(Ended(str(run), number, *map(str, facts)))
    return {run: _tally(connection, found) for run, found in by_run.items()}


def _tally(connection: "Connection", found: Sequence[Ended]) -> Tally:
    by_check: dict[str, list[Ended]] = {}
    for one in found:
        if one.kind == "check" and topic_of(one.check) not in COMPOSED:
            by_check.setdefault(one.check, []).append(one)
    return tally([counted(connection, mine) for mine in by_check.values()])._replace(about=about([one.title for one in found]))


def about(titles: Sequence[str]) -> str:
    """The first steps by name, and how many more."""
    names = list(dict.fromkeys(titles))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def tally(found: Sequence[Ended | None]) -> Tally:
    """The sums over the counted records of a run's checks."""
    asked = [one for one in found if one is not None and one.state not in UNASKED]
    severities = Counter(one.severity for one in asked if one.severity)
    return Tally(len(asked), sum(one.state == Status.FINDING for one in asked), dict(severities))


def counted(connection: "Connection", found: Sequence[Ended]) -> Ended | None:
    """Of the records of one check, oldest first, the one that counts."""
    settled = [one for one in found if one.state in CONCLUDED]
    if not settled:
        return next((one for one in reversed(found) if one.state != Status.CANCELLED), None)
    if settled[-1].state == Status.FINDING or all(one.state == Status.PASSED for one in settled):
        return settled[-1]
    return _whole(connection, settled)


def _whole(connection: "Connection", settled: Sequence[Ended]) -> Ended:
    """Where a pass follows a finding, whose it is decides: that of a weaker attacker takes no finding on the whole model away."""
    whole = [one for one in settled if not _of_view(connection, one)]
    weaker = settled[-1] not in whole and bool(whole) and whole[-1].state == Status.FINDING
    return whole[-1] if weaker else settled[-1]


def _of_view(connection: "Connection", one: Ended) -> bool:
    from sqlalchemy import select

    from . import tables

    query = select(tables.records.c.record, tables.runs.c.target_fingerprint).join(tables.runs, tables.runs.c.id == tables.records.c.run_id)
    text, fingerprint = connection.execute(query.where(tables.records.c.token == one.token)).one()
    record = record_or_why(text, one.token)
    return not isinstance(record, Problem) and record.target.fingerprint != fingerprint
