"""Is a store as it was written? Every row against its link, the chain against head and audit log, and every record and file opened."""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..audit import notes as audit
from ..errors import Problem
from ..files.reading import Unfit, opened
from ..progress import Progress
from ..sealing.broken import Broken
from . import anchoring
from .anchoring import Anchor
from .artifacts import Artifact
from .chain import START, Keys, Link
from .layout import stale
from .proving import BEFORE_CHAIN, Book, Fault, Rows, behind, count, ends_under, head_of, links, rows_of, walk, wrong_layout
from .store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAGIC = b"SQLite format 3\0"
PAGE = 200


@dataclass
class StoreChecked:
    """What was found: how many there are, and one line for each that is ``broken`` or that could not be checked (``unread``).

    ``clear`` counts records and files that are not encrypted, ``unproven`` rows that are from before the chain or the key.
    """

    runs: int = 0
    records: int = 0
    files: int = 0
    clear: int = 0
    unproven: int = 0
    broken: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)

    def add(self, where: str, problem: Problem) -> None:
        """Note why something does not open."""
        (self.broken if isinstance(problem, Broken) else self.unread).append(f"{where}: {problem}")


def is_store(path: Path) -> bool:
    """Whether the file is a store of Tiltyard's; looks only, and makes nothing."""
    from .tables import layout

    try:
        with opened(path, "a store") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("select 1 from sqlite_master where name = ?", (layout.name,)).fetchone())
    except (Unfit, OSError, sqlite3.Error):
        return False


def checked(store: Store, progress: Progress) -> StoreChecked:
    """Read all that the person may see; writes nothing."""
    found = StoreChecked(runs=store.count())
    if store.person.sees_all:
        _chained(store, found, progress.part(0.5))
    for offset in range(0, found.runs, PAGE):
        for at, run in enumerate(store.runs(limit=PAGE, offset=offset)):
            progress.step(min(1.0, 0.5 + 0.5 * (offset + at) / found.runs), "Opening records and files")
            _run(store, run.id, found)
    return found


def _chained(store: Store, found: StoreChecked, progress: Progress) -> None:
    """Hold every row against the chain, and the chain against the audit log, which is read first so that it is never ahead."""
    anchors = _anchors(store, found)
    with store.reading() as (connection, knows):
        found.broken += filter(None, [stale(connection)])
        if not {"chain", "store_head"} <= knows or (head_of(connection) is None and not count(connection)):
            _without(store, anchors, found)
            found.unproven = sum(map(len, rows_of(connection, knows, None).values()))
            return
        progress.step(0.1, "Reading the chain")
        keys = Keys.read()
        book = Book(keys)
        found.broken += _whole(connection, store, keys, book, anchors, found)
        progress.step(0.4, "Hashing the rows")
        rows = rows_of(connection, knows, None, frozenset({"records", "artifacts"}))
        _compared(book, rows, found)


def _without(store: Store, anchors: list[Anchor], found: StoreChecked) -> None:
    if against := anchoring.against(anchors, None, store.url):
        found.broken.append(against)
    elif found.runs:
        found.unread.append(f"all of it is {BEFORE_CHAIN}")


def _anchors(store: Store, found: StoreChecked) -> list[Anchor]:
    """What the audit log says of stores; where it cannot be read, ``found`` gets the reason."""
    file = audit.place(store.url)
    if file is None:
        found.unread.append(f"the audit log is off ({audit.PLACE}), so whether an older copy was put back cannot be checked")
        return []
    try:
        return list(anchoring.proven(file, audit.secret()))
    except Broken as problem:
        found.broken.append(f"its audit log {file.name} does not hold: {problem}")
    except Problem as problem:
        found.unread.append(f"whether an older copy was put back cannot be checked: {problem}")
    return []


def _whole(connection: "Connection", store: Store, keys: Keys, book: Book, anchors: list[Anchor], found: StoreChecked) -> list[str]:
    """What is wrong with the chain as such; fills the book on the way."""
    head = head_of(connection)
    if head is None:
        return ["the head of its chain is gone"]
    try:
        head.check(keys)
    except Broken as problem:
        return [f"the chain: {problem}"]
    except Problem as problem:
        found.unread.append(f"the chain: {problem}")
    own = [anchor for anchor in anchors if anchor.store == head.store]
    if not own and not found.unread and not found.broken:
        found.unread.append("its audit log holds no head of this store, so whether an older copy was put back cannot be checked")
    others = {anchor.store for anchor in anchors if anchor.place == anchoring.place_mark(store.url)} - {head.store}
    others -= anchoring.before(anchors, head.store) | {anchor.store for anchor in anchors if anchor.was == head.store}
    against = anchoring.against(anchors, head.store, store.url)
    if others and not against:
        found.unread.append("its audit log knows another store that lay here before this one")
    read = _added(book, links(connection))
    walked = walk(read, keys, head, 0, START)
    deque(read, maxlen=0)  # what follows a link that does not hold still says which rows there were
    found.unread += _otherwise(book, own)
    return [
        line for line in (against, behind(connection, head, own), walked, ends_under(connection, head), wrong_layout(connection)) if line
    ]


def _otherwise(book: Book, own: list[Anchor]) -> list[str]:
    """Runs that had ended and are not what the audit log last recorded of them; links without a key anybody could have added."""
    last: dict[str, str] = {}
    for anchor in own:
        last |= anchor.runs
    return [
        f"run {run[:8]} is not what the audit log says it was when it last changed" for run, was in last.items() if book.state(run) != was
    ]


def _added(book: Book, found: Iterable[Link]) -> Iterator[Link]:
    """The links, each added to the book as it is read."""
    for link in found:
        book.add(link)
        yield link


def _compared(book: Book, rows: Rows, found: StoreChecked) -> None:
    """Each row against its last link; what is gone here and new there was moved, what has the other's content was swapped."""
    faults = [fault for run in book.runs | rows for fault in book.faults(run, rows.get(run, {}))]
    where = {(f.what, f.key): f.run_id for f in faults if f.kind == "added"}
    moved = {(f.what, f.key) for f in faults if f.kind == "deleted" and (f.what, f.key) in where}
    found.faulty = {fault.key for fault in faults}
    for run in book.runs.keys() - rows.keys():
        found.broken.append(f"run {run[:8]} was deleted, {len(book.runs[run]):,} rows")
    for fault in faults:
        which = (fault.what, fault.key)
        if fault.run_id not in rows or (fault.kind == "added" and which in moved):
            continue
        shown = fault._replace(kind="moved", more=f"to run {where[which][:8]}") if which in moved else _swapped(fault, faults, book, rows)
        found.broken.append(f"run {fault.run_id[:8]}, {shown}")
    since = [entry.since for run in book.runs.values() for entry in run.values() if entry.since]
    found.unproven = len(since)
    found.unread += [f"{since.count(why):,} rows are {why}" for why in dict.fromkeys(since)]


def _swapped(fault: Fault, faults: list[Fault], book: Book, rows: Rows) -> Fault:
    """The fault, as swapped where another row of its kind has the content that this one should have."""
    if fault.kind != "edited" or fault.key not in {k for _, k in book.runs.get(fault.run_id, {})}:
        return fault
    which = (fault.what, fault.key)
    has = rows[fault.run_id][which].content
    for other in faults:
        entry = book.runs.get(other.run_id, {}).get((other.what, other.key))
        if other.what == fault.what and other.key != fault.key and entry and has and entry.content == has:
            return fault._replace(kind="swapped", more=f"with {other.step} of run {other.run_id[:8]}")
    return fault


def _run(store: Store, run_id: str, found: StoreChecked) -> None:
    for token, record in store.unproven_outcomes(run_id).items():
        found.records += 1
        if isinstance(record, Problem) and token not in found.faulty:
            found.add(f"run {run_id[:8]}, record {token[:8]}", record)
    found.clear += store.artifacts.in_the_clear(run_id)
    for artifact in store.artifacts.of_run(run_id, readable=True):
        if artifact.kept:
            found.files += 1
            if f"{artifact.token}/{artifact.name}" not in found.faulty:
                _file(store, artifact, found)


def _file(store: Store, artifact: Artifact, found: StoreChecked) -> None:
    try:
        store.artifacts.content(artifact)
    except Problem as problem:
        found.add(f"run {artifact.run[:8]}, {artifact.step}, {artifact.name}", problem)
