"""All that the store has of one model and its data, over every run of them."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..errors import Problem
from ..result import Frozen, Record
from ..targets.restricted import views
from .lines import BROKEN
from .proving import Prover
from .rows import record_or_why

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select


class Kept(Frozen):
    """Where a record stands: its ``token`` in the store, and its run."""

    token: str
    run: str


class Known(Frozen):
    """What the store has of one model and its data.

    Attributes
    ----------
    kept
        Every record of a run that holds, in the order in which they were started.
    records
        By token those that the caller did not have yet.
    broken
        Runs left out because they are not as they were written, and records that cannot be read: a line each.
    """

    kept: tuple[Kept, ...] = ()
    records: dict[str, Record] = {}
    broken: tuple[str, ...] = ()


def runs_of(target: str, data: str, seen: "ColumnElement[bool]") -> "Select[tuple[str]]":
    """The ids of the runs of a model, whole or as a threat model shows it, and its data, by their fingerprints."""
    from sqlalchemy import select

    from . import tables

    at = tables.runs.c
    return select(at.id).where(at.target_fingerprint.in_([target, *sorted(views(target))]), at.data_fingerprint == data, seen)


def known(connection: "Connection", ids: "Select[tuple[str]]", prover: Prover, have: Collection[str]) -> Known:
    """The records of the runs that ``ids`` chooses; the text of those in ``have`` is not given again."""
    from sqlalchemy import select

    from . import tables

    at = tables.records.c
    proofs = prover.proofs(connection, ids, prover.anchors(), content=True)
    bad = {run: proof.why for run, proof in proofs.items() if proof.state == BROKEN}
    rows = connection.execute(
        select(at.token, at.run_id).where(at.run_id.in_(ids), at.record.is_not(None)).order_by(at.started, at.number)
    ).all()
    kept = [Kept(token=token, run=run) for token, run in rows if run not in bad]
    fresh = [one.token for one in kept if one.token not in set(have)]
    texts = connection.execute(select(at.token, at.record).where(at.run_id.in_(ids), at.record.is_not(None))) if fresh else ()
    wanted = set(fresh)
    found = {token: record_or_why(text, token) for token, text in texts if token in wanted}
    unread = {token: str(one) for token, one in found.items() if isinstance(one, Problem)}
    return Known(
        kept=tuple(one for one in kept if one.token not in unread),
        records={token: one for token, one in found.items() if isinstance(one, Record)},
        broken=(*(f"run {run[:8]}: {why}" for run, why in bad.items()), *(f"a record: {why}" for why in unread.values())),
    )


def mark_of(connection: "Connection", ids: "Select[tuple[str]]") -> str:
    """Changes with every record of these runs that is written or deleted; what other runs and the progress of jobs write is not in it."""
    from sqlalchemy import func, select

    from . import tables

    at = tables.records.c
    query = select(func.count(), func.max(at.number), func.max(at.ended)).where(at.run_id.in_(ids), at.record.is_not(None))
    return repr(tuple(connection.execute(query).one()))
