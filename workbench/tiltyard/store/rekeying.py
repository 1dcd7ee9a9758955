"""A first key, or another one, for a store that is there: every record and file is encrypted anew, and a new chain stands for the old.

The store is first held against its chain and audit log, under the keys of this process (`sealed_records.KEY` names the one that it has); one
that does not hold keeps its key. All is one transaction: a kill leaves the store as it was. What was not proven before is no better proven
afterwards, for its links are written again in the rank that they had.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..progress import Progress
from ..sealing.broken import Broken
from ..sealing.keys import SealingKey
from . import anchoring
from .chain import AGAIN, KEPT, NAMES, RANK, REMOVED, START, STORE, Head, Keys, Link, state_of
from .database import Database
from .entries import Entries
from .outside import fetched, forgotten, is_outside, kept_outside
from .proving import Book, Rows, behind, gone, links, rows_of, walk, wrong_layout
from .sealed_records import opened, opened_bytes, shut, shut_bytes

if TYPE_CHECKING:
    from sqlalchemy import Connection

A_TIME, NAMED_A_TIME = 500, 100
READ = frozenset({"records", "artifacts"})


@dataclass(frozen=True)
class Rekeyed:
    """How many records and files were encrypted, and how many rows have a link."""

    records: int
    files: int
    rows: int


def rekey(database: Database, new: SealingKey, progress: Progress | None = None) -> Rekeyed:
    """Give the store another key; nothing of it opens under the one before.

    Raises
    ------
    Broken
        It does not hold: nothing is changed.
    Problem
        A key that links were made under is not at hand, or the audit log cannot be written.
    """
    progress = progress or Progress()
    keys = Keys.read()
    after = keys.with_store(new.secret)
    with _moved() as moved, database.write() as connection:
        head = Entries(connection, database.knows, database.place).head
        if keys.secrets.get(STORE) == after.secrets[STORE]:
            raise Problem("another key than the one that the store has", "the same", "Name the next key file")
        rows = _firsts(connection, keys, head)
        _hold(connection, database, keys, head)
        progress.step(0.3, "Encrypting records")
        records, files = _records(connection, new), _files(connection, database.knows, new, moved, progress.part(0.9))
        made = list(_relinked(rows, rows_of(connection, database.knows, None, READ), after))
        then = _written(connection, made, after)
        _announced(connection, database.place, then, head.store, made)
    anchoring.anchor(database.place, then)
    _settled(database)
    forgotten(moved.before)
    progress.step(1.0, "Done")
    return Rekeyed(records, files, len({(link.what, link.key) for link in made}))


@dataclass(frozen=True)
class _First:
    """The first link of a row that is there, and the number of its last."""

    link: Link
    last: int


def _firsts(connection: "Connection", keys: Keys, head: Head) -> dict[tuple[str, str, str], _First]:
    """By run, table and key; every link is checked on the way."""
    found: dict[tuple[str, str, str], _First] = {}

    def read() -> Iterator[Link]:
        for link in links(connection):
            if not keys.has(link.under):
                raise Problem("every key that this store's chain was made under", "one missing", f"Name it in {NAMES.get(link.under)}")
            which = (link.run_id, link.what, link.key)
            if link.did == REMOVED:
                found.pop(which, None)
                if link.what == "runs":
                    for gone_too in [one for one in found if one[0] == link.run_id]:
                        del found[gone_too]
            else:
                found[which] = _First(found[which].link if which in found else link, link.number)
            yield link

    if trouble := walk(read(), keys, head, 0, START):
        raise Broken("a chain that holds", trouble, AGAIN)
    return found


def _hold(connection: "Connection", database: Database, keys: Keys, head: Head) -> None:
    """Raise where a row, the layout or the audit log says otherwise than the chain."""
    anchors = anchoring.latest(database.place)
    book = Book(keys)
    for link in links(connection):
        book.add(link)
    rows = rows_of(connection, database.knows, None, READ)
    faults = [fault for run in book.runs | rows for fault in book.faults(run, rows.get(run, {}))]
    objections = [
        anchoring.against(anchors, head.store, database.place),
        behind(connection, head, [one for one in anchors if one.store == head.store]),
        wrong_layout(connection),
        *(f"run {fault.run_id[:8]}, {fault}" for fault in faults),
        *(f"run {run[:8]} was deleted" for run in gone(connection)),
    ]
    if trouble := next(filter(None, objections), ""):
        raise Broken("a store as it was written", trouble, AGAIN)


def _records(connection: "Connection", new: SealingKey) -> int:
    from sqlalchemy import select, update

    from . import tables

    at = tables.records.c
    tokens = list(connection.execute(select(at.token).where(at.record.is_not(None))).scalars())
    for token in tokens:
        kept = connection.execute(select(at.record).where(at.token == token)).scalar_one()
        sealed = shut(opened(kept, token), token, new)
        connection.execute(update(tables.records).where(at.token == token).values(record=sealed))
    return len(tokens)


class _Moved(NamedTuple):
    """Pointers to files outside the database, of before and of now."""

    before: list[bytes]
    now: list[bytes]


@contextmanager
def _moved() -> Iterator[_Moved]:
    """What was written outside goes again where the key was not changed."""
    moved = _Moved([], [])
    try:
        yield moved
    except BaseException:
        with suppress(Problem):
            forgotten(moved.now)
        raise


def _files(connection: "Connection", knows: frozenset[str], new: SealingKey, moved: _Moved, progress: Progress) -> int:
    from sqlalchemy import select, update

    from . import tables

    if "artifacts" not in knows:
        return 0
    at = tables.artifacts.c
    names = [tuple(row) for row in connection.execute(select(at.token, at.name))]
    for done, (token, name) in enumerate(names):
        progress.step(done / len(names), "Encrypting files")
        here = (at.token == token, at.name == name)
        kept = connection.execute(select(at.content).where(*here)).scalar_one()
        sealed = shut_bytes(opened_bytes(fetched(kept), token, name), token, name, new)
        if is_outside(kept):
            moved.before.append(kept)
            sealed = kept_outside(sealed)
            moved.now.append(sealed)
        connection.execute(update(tables.artifacts).where(*here).values(content=sealed))
    return len(names)


def _relinked(firsts: dict[tuple[str, str, str], _First], rows: Rows, keys: Keys) -> Iterator[Link]:
    """A link for each row that is there, in the rank of its first, numbered and not hashed; the last is under the store's key."""
    ordered = sorted(firsts.items(), key=lambda one: (RANK[one[1].link.under], one[1].last))
    number, last = 0, None
    for number, ((run, what, key), first) in enumerate(ordered, 1):
        row = rows[run][what, key]
        last = Link(number, run, what, key, row.step, first.link.did, row.facts, row.content or "", first.link.under, "")
        yield last
    if last is not None and last.under != STORE:
        yield last._replace(number=number + 1, did=KEPT, under=STORE)


def _written(connection: "Connection", made: list[Link], keys: Keys) -> Head:
    """The chain in the place of the old, and its head."""
    from sqlalchemy import delete, insert, update

    from . import tables

    store, last = uuid.uuid4().hex, START
    connection.execute(delete(tables.chain))
    for at in range(0, len(made), A_TIME):
        hashed = []
        for link in made[at : at + A_TIME]:
            hashed.append(link._replace(hash=link.true_hash(keys, store, last)))
            last = hashed[-1].hash
        connection.execute(insert(tables.chain), [link._asdict() for link in hashed])
    head = Head(store, len(made), last, STORE, keys.mark(STORE)).proven(keys)
    connection.execute(update(tables.store_head), asdict(head))
    return head


def _announced(connection: "Connection", place: str, head: Head, was: str, made: list[Link]) -> None:
    """Into the audit log before it is done, so that a kill in between leaves a store that its log knows."""
    from sqlalchemy import select

    from . import tables

    ended = set(connection.execute(select(tables.runs.c.id).where(tables.runs.c.ended.is_not(None))).scalars())
    rows: dict[str, dict[tuple[str, str], tuple[str, str, str, str]]] = {}
    for link in made:
        if link.run_id in ended:
            rows.setdefault(link.run_id, {})[link.what, link.key] = (link.what, link.key, link.facts, link.content)
    states = [(run, state_of(of_run.values())) for run, of_run in rows.items()]
    for at in range(0, len(states) or 1, NAMED_A_TIME):
        if trouble := anchoring.anchor(place, head, dict(states[at : at + NAMED_A_TIME]), was):
            raise Problem("an audit log that can be written", trouble, "See to it; the store was left as it was")


def _settled(database: Database) -> None:
    """Nothing of the rows of before is left beside the file: SQLite's log of changes is written back and emptied."""
    with database.read() as connection:
        sqlite = connection.dialect.name == "sqlite"
        raw = connection.connection.driver_connection if sqlite else None
        if raw is not None:
            raw.rollback()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
