"""Do the rows of a store hold? Each is compared with its last link, the links with one another, with the head and with the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Problem
from ..sealing.broken import Broken
from . import anchoring
from .anchoring import Anchor
from .chain import (
    ADOPTED,
    CONTENT,
    KEYS,
    NAMES,
    RANK,
    REMOVED,
    START,
    Head,
    Keys,
    Link,
    content_of,
    facts_of,
    key_of,
    state_of,
)
from .database import Database
from .layout import strange
from .lines import BROKEN, INTACT, UNPROVEN
from .queries import kept_rows, links_and_hashes_before, run_and_step

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

MOST = 50_000
BEFORE_CHAIN = "from before the chain: not proven"
BEFORE_KEY = "from before the key, in the clear: not proven"
NAMED = {
    "runs": "its line (name, model, data, times, verdict, settings)",
    "owners": "its owner",
    "shares": "whether it is shared",
    "jobs": "a job under way",
}


class Fault(NamedTuple):
    """What is wrong with a row: ``kind`` is edited, rolled back, deleted, added, moved or swapped; ``more`` says from or with where."""

    kind: str
    what: str
    key: str
    run_id: str
    step: str
    more: str = ""

    @property
    def token(self) -> str:
        """The step it belongs to, or nothing."""
        return self.key.partition("/")[0] if self.what in CONTENT else ""

    def __str__(self) -> str:
        token, _, name = self.key.partition("/")
        step = "".join(c if c.isprintable() else "?" for c in self.step[:80])
        of_step = f"{step}, {name[:80]}" if self.what == "artifacts" else f"{step}, record {token[:8]}"
        return f"{NAMED.get(self.what) or of_step} was {self.kind} {self.more}".strip()


class Proof(NamedTuple):
    """Whether a run holds, why not in one line, and each row of it that does not."""

    state: str
    why: str = ""
    faults: tuple[Fault, ...] = ()

    def of_steps(self) -> dict[str, str]:
        """What is wrong with steps, by their tokens."""
        return {fault.token: str(fault) for fault in reversed(self.faults) if fault.token}


NOT_PROVEN = Proof(UNPROVEN, "not proven")


class Row(NamedTuple):
    """A row as it is: its hashes, and the step it belongs to; ``content`` is None where it was not read."""

    facts: str
    content: str | None
    step: str


@dataclass
class Entry:
    """What the chain says of a row. ``since`` says why it is not proven, or nothing."""

    step: str
    facts: str
    content: str
    since: str
    past: list[str] = field(default_factory=list)


Rows = dict[str, dict[tuple[str, str], Row]]


class Book:
    """What the chain says of runs, link by link."""

    def __init__(self, keys: Keys) -> None:
        self.runs: dict[str, dict[tuple[str, str], Entry]] = {}
        self._keys = keys

    def add(self, link: Link) -> None:
        """Read the next link."""
        if link.did == REMOVED and link.what == "runs":
            self.runs.pop(link.run_id, None)
            return
        of_run = self.runs.setdefault(link.run_id, {})
        before = of_run.pop((link.what, link.key), None)
        if link.did == REMOVED:
            return
        since = (before.since if before else "") or self._since(link)
        past = [*before.past, before.facts] if before else []
        of_run[link.what, link.key] = Entry(link.step, link.facts, link.content, since, past)

    def state(self, run_id: str) -> str:
        """What the run is now, as `state_of` has it."""
        return state_of((*which, entry.facts, entry.content) for which, entry in self.runs.get(run_id, {}).items())

    def _since(self, link: Link) -> str:
        if link.did == ADOPTED:
            return BEFORE_CHAIN
        if not self._keys.has(link.under):
            return f"not proven without {NAMES.get(link.under, 'its key')}"
        return BEFORE_KEY if RANK.get(link.under, 0) < RANK[self._keys.best] else ""

    def faults(self, run_id: str, rows: dict[tuple[str, str], Row]) -> list[Fault]:
        """What is wrong with a run whose rows are ``rows``."""
        linked = self.runs.get(run_id, {})
        found = []
        for (what, key), entry in linked.items():
            row = rows.get((what, key))
            if row is None:
                found.append(Fault("deleted", what, key, run_id, entry.step))
            elif row.facts != entry.facts or row.content not in (None, entry.content):
                back = row.facts != entry.facts and row.facts in entry.past
                found.append(Fault("rolled back" if back else "edited", what, key, run_id, entry.step))
        return found + [Fault("added", *which, run_id, row.step) for which, row in rows.items() if which not in linked]


class Prover:
    """Proves runs of a store for those who look at them.

    Links that it has checked once it does not check again, and of a long chain it checks the last `MOST` links alone;
    `checking.checked` reads them all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._walked = (0, START)

    def anchors(self) -> list[Anchor]:
        """What the audit log says lately; read before the transaction, so that it never is ahead of the store."""
        return anchoring.latest(self._database.place)

    def proofs(self, connection: "Connection", ids: "Select[Any]", anchors: list[Anchor], content: bool = False) -> dict[str, Proof]:
        """A proof of each run that the query ``ids`` over `tables.runs` chooses; with ``content``, of the texts of its records too."""
        rows = rows_of(connection, self._database.knows, ids, frozenset({"records"} if content else ()))
        if not {"chain", "store_head"} <= self._database.knows:
            return dict.fromkeys(rows, Proof(UNPROVEN, BEFORE_CHAIN))
        keys = Keys.read()
        whole = self.whole(connection, keys, anchors)
        book, bad = self._book(connection, keys, ids)
        return {run: _proof(book, run, of_run, whole, run in bad) for run, of_run in rows.items()}

    def doubts(self, connection: "Connection", anchors: list[Anchor]) -> list[str]:
        """What speaks against the store as a whole: its chain, and runs that are gone without a link that says so."""
        if not {"chain", "store_head"} <= self._database.knows:
            return []
        whole = self.whole(connection, Keys.read(), anchors)
        return [whole.why] * (whole.state == BROKEN) + [f"run {run[:8]} was deleted behind the store's back" for run in gone(connection)]

    def whole(self, connection: "Connection", keys: Keys, anchors: list[Anchor]) -> Proof:
        """Whether the chain as such holds."""
        head = head_of(connection)
        place = self._database.place
        if head is None:
            why = anchoring.against(anchors, None, place) or ("the head of its chain is gone" if count(connection) else "")
            return Proof(BROKEN, why) if why else Proof(UNPROVEN, BEFORE_CHAIN)
        if trouble := anchoring.against(anchors, head.store, place) or behind(
            connection, head, [a for a in anchors if a.store == head.store][-1:]
        ):
            return Proof(BROKEN, trouble)
        try:
            head.check(keys)
        except Broken:
            return Proof(BROKEN, "the head of its chain was changed")
        except Problem as problem:
            return Proof(UNPROVEN, f"not proven: {problem.expected}: {problem.found}")
        trouble = self._walk(connection, keys, head) or wrong_layout(connection)
        return Proof(BROKEN, trouble) if trouble else Proof(INTACT)

    def _walk(self, connection: "Connection", keys: Keys, head: Head) -> str:
        number, last = self._walked
        if number and hash_at(connection, number) != last:
            number = 0
        number = max(number, head.number - MOST)
        trouble = ends_under(connection, head) or walk(links(connection, number), keys, head, number, hash_at(connection, number) or START)
        if not trouble and count(connection) != head.number:
            trouble = "links of its chain were removed"
        self._walked = (0, START) if trouble else (head.number, head.hash)
        return trouble

    def _book(self, connection: "Connection", keys: Keys, ids: "Select[Any]") -> tuple[Book, set[str]]:
        """What the chain says of the runs, and those of whose links one is not what was written."""

        from . import tables

        head = head_of(connection)
        book, bad = Book(keys), set()
        at = tables.chain.c
        for *row, previous in connection.execute(links_and_hashes_before().where(at.run_id.in_(chosen(ids))).order_by(at.number)):
            link = Link.read(row)
            book.add(link)
            if head and keys.has(link.under) and link.true_hash(keys, head.store, previous or START) != link.hash:
                bad.add(link.run_id)
        return book, bad


def _proof(book: Book, run_id: str, rows: dict[tuple[str, str], Row], whole: Proof, bad: bool) -> Proof:
    faults = tuple(book.faults(run_id, rows)) if whole.why != BEFORE_CHAIN else ()
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        return Proof(BROKEN, f"{faults[0]}{more}", faults)
    if bad:
        return Proof(BROKEN, "its links in the store's chain were changed")
    if whole.state != INTACT:
        return whole
    since = [entry.since for entry in book.runs.get(run_id, {}).values() if entry.since]
    return Proof(UNPROVEN, since[0]) if since else Proof(INTACT)


def walk(found: Iterable[Link], keys: Keys, head: Head, number: int, previous: str) -> str:
    """Hold each link after ``number`` against the one before, and the last against the head; returns what is wrong, or nothing."""
    rank = 0
    for link in found:
        number += 1
        if link.number != number:
            return f"link {number} of its chain was removed"
        known = RANK.get(link.under, -1)
        if known < rank:
            return f"link {number} of its chain was put in without the key"
        if keys.has(link.under) and link.true_hash(keys, head.store, previous) != link.hash:
            return f"link {number} of its chain was changed"
        rank, previous = known, link.hash
    return "" if (number, previous) == (head.number, head.hash) else "its chain ends otherwise than its head says"


def gone(connection: "Connection") -> list[str]:
    """Runs of which the chain does not say that they were deleted, and that are not there."""
    from sqlalchemy import and_, func, select

    from . import tables

    at = tables.chain.c
    last = select(func.max(at.number).label("number")).where(at.what == "runs").group_by(at.key).subquery()
    query = select(at.key).join(last, and_(at.number == last.c.number, at.did != REMOVED)).where(at.key.not_in(select(tables.runs.c.id)))
    return list(connection.execute(query.order_by(at.number)).scalars())


def behind(connection: "Connection", head: Head, anchors: list[Anchor]) -> str:
    """What the store's own ``anchors`` have against its chain."""
    for anchor in anchors:
        if anchor.number > head.number:
            return f"rolled back: its audit log knows {anchor.number:,} changes, and it has {head.number:,}"
        if anchor.number and hash_at(connection, anchor.number) != anchor.hash:
            return f"rolled back or forged: change {anchor.number:,} is another than its audit log says"
    return ""


def ends_under(connection: "Connection", head: Head) -> str:
    """Whether the head was made without the key of the last link: nobody without it may say where the chain ends."""
    from sqlalchemy import select

    from . import tables

    at = tables.chain.c
    under = connection.execute(select(at.under).where(at.number == head.number)).scalar()
    return "" if head.number == 0 or under == head.under else "the head of its chain was changed"


def wrong_layout(connection: "Connection") -> str:
    """Whether the layout, or its number, was changed: a store with a chain has that of `tables.VERSION`."""
    from sqlalchemy import select

    from . import tables

    versions = list(connection.execute(select(tables.layout.c.version)).scalars())
    return strange(connection) if versions == [tables.VERSION] else "the number of its layout was changed"


def head_of(connection: "Connection") -> Head | None:
    """The head, as it stands; None where there is none to go by."""
    from sqlalchemy import select

    from . import tables

    return Head.read(connection.execute(select(tables.store_head)).all())


def links(connection: "Connection", after: int = 0) -> Iterable[Link]:
    """The links after that number, in order."""
    from sqlalchemy import select

    from . import tables

    at = tables.chain.c
    rows = connection.execute(select(*at).where(at.number > after).order_by(at.number), execution_options={"yield_per": 1000})
    return (Link.read(row) for row in rows)


def count(connection: "Connection") -> int:
    """How many links there are."""
    from sqlalchemy import func, select

    from . import tables

    return connection.execute(select(func.count()).select_from(tables.chain)).scalar_one()


def hash_at(connection: "Connection", number: int) -> str | None:
    """The hash of the link with this number."""
    from sqlalchemy import select

    from . import tables

    return connection.execute(select(tables.chain.c.hash).where(tables.chain.c.number == number)).scalar()


def chosen(ids: "Select[Any]") -> "Select[Any]":
    """The ids alone of the runs that the query ``ids`` chooses."""
    from sqlalchemy import select

    from . import tables

    return select(ids.with_only_columns(tables.runs.c.id).subquery().c.id)


def rows_of(connection: "Connection", knows: frozenset[str], ids: "Select[Any] | None", read: frozenset[str] = frozenset()) -> Rows:
    """The rows of runs (of all where ``ids`` is None) by run, table and key; the content of the tables ``read`` is hashed too."""
    from . import tables

    found: Rows = {}
    for name in (name for name in KEYS if name in ("runs", "records") or name in knows):
        table = tables.metadata.tables[name]
        query = kept_rows(table, content=name in read)
        query = query if ids is None else query.where(run_and_step(table)[0].in_(chosen(ids)))
        for row in connection.execute(query, execution_options={"yield_per": 50 if name in read else 1000}):
            values = row._mapping
            held = Row(facts_of(row[:-3]), content_of(row[-1]) if name in read else None, str(row[-2]))
            of_run, which = found.setdefault(str(row[-3]), {}), (name, key_of(values, name))
            of_run[(name, f"{which[1]} (again)") if which in of_run else which] = held
    return found
