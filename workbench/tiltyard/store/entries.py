"""The one door through which rows are written: each with its link in the chain, in one transaction, under the lock of the store's head."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import Problem
from ..sealing.broken import Broken
from . import anchoring
from .chain import (
    ADOPTED,
    AGAIN,
    CONTENT,
    KEPT,
    KEYS,
    NAMES,
    PASSING,
    PLAIN,
    RANK,
    REMOVED,
    START,
    Head,
    Keys,
    Link,
    content_of,
    facts_of,
    kept_columns,
    key_of,
    state_of,
)
from .database import LAYOUT_LOCK, Database
from .layout import strange
from .queries import kept_rows, links_and_hashes_before

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row, Select, Table

GIVEN = object()  # by the database, whatever it is


class Entries:
    """Writes rows and their links; made at the start of a transaction that `close` ends.

    Attributes
    ----------
    ended
        What runs are now that have ended, or were deleted, and that this transaction changed; for the audit log.

    Raises
    ------
    Problem
        The chain was made under a key that is not at hand.
    Broken
        The head, or a row that is to be changed, is not as it was written: nothing is written over what was tampered with.
    """

    def __init__(self, connection: "Connection", knows: frozenset[str], place: str) -> None:
        if not {"chain", "store_head"} <= knows:
            raise Problem("a store that can be given its chain", "one that cannot", "Open it where it may be written")
        if why := strange(connection):
            raise Broken("a store laid out as Tiltyard does it", why, AGAIN)
        self.connection = connection
        self.knows = knows
        self._place = place
        self._keys = Keys.read()
        self._links: list[Link] = []
        self.ended: dict[str, str] = {}
        self.head = self._locked_head()

    def add(self, table: "Table", values: dict[str, Any], run_id: str, step: str = "") -> None:
        """Insert a row of the run."""
        from sqlalchemy import insert

        self.connection.execute(insert(table).values(values))
        wanted = {c.name: GIVEN if c.name == "number" else getattr(c.default, "arg", None) for c in table.c} | values
        self._wrote(table, key_of(values, table.name), wanted, run_id, step)

    def change(self, table: "Table", key: str, values: dict[str, Any]) -> Link | None:
        """Change a row whose key is one column, and return its link of before; None where there is none."""
        from sqlalchemy import update

        before = self._row(table, key)
        if before is None:
            return None
        last = self._last(table.name, key)
        if last is None or last[0].facts != facts_of(before) or not last[1]:
            raise Broken(f"what is to be changed in {table.name} as it was written", "that it was edited", AGAIN)
        self.connection.execute(update(table).where(self._where(table, key)).values(values))
        link = last[0]
        self._wrote(table, key, dict(before._mapping) | values, link.run_id, link.step, link.content)
        return link

    def remove(self, table: "Table", key: str, run_id: str) -> bool:
        """Delete a row of the run; False where there is none."""
        from sqlalchemy import delete

        if not self.connection.execute(delete(table).where(self._where(table, key))).rowcount:
            return False
        last = self._last(table.name, key)
        self._link(run_id, table.name, key, last[0].step if last else "", REMOVED)
        return True

    def close(self) -> None:
        """Write the links and move the head."""
        from sqlalchemy import insert, update

        from . import tables

        if self._links:
            self.connection.execute(insert(tables.chain), [link._asdict() for link in self._links])
            self.head = self.head.proven(self._keys)
            self.connection.execute(update(tables.store_head), asdict(self.head))
            changed = {link.run_id for link in self._links if link.what not in PASSING}
            self.ended = {run: self._state(run) for run in changed if self._has_ended(run)}

    def _has_ended(self, run: str) -> bool:
        """Has the run ended, or is it gone?"""
        from sqlalchemy import select

        from . import tables

        row = self.connection.execute(select(tables.runs.c.ended).where(tables.runs.c.id == run)).first()
        return row is None or row[0] is not None

    def _state(self, run: str) -> str:
        """What the chain says of the run's rows, as `state_of` has it."""
        from sqlalchemy import select

        from . import tables

        at = tables.chain.c
        rows: dict[tuple[str, str], tuple[str, str, str, str]] = {}
        for link in map(Link.read, self.connection.execute(select(*at).where(at.run_id == run).order_by(at.number))):
            if link.did == REMOVED and link.what == "runs":
                rows = {}
            elif link.did == REMOVED:
                rows.pop((link.what, link.key), None)
            else:
                rows[link.what, link.key] = (link.what, link.key, link.facts, link.content)
        return state_of(rows.values())

    def _wrote(self, table: "Table", key: str, wanted: dict[str, Any], run_id: str, step: str, content: str = "") -> None:
        """Link the row as the database gives it back, where that is what was ``wanted``: no trigger put in by another has its way."""
        row = self._row(table, key)
        if row is None or any(wanted[name] not in (value, GIVEN) for name, value in row._mapping.items()):
            raise Broken(f"a row of {table.name} to be kept as it is written", "that the store changes it", AGAIN)
        name = CONTENT.get(table.name, "")
        self._link(run_id, table.name, key, step, KEPT, facts_of(row), content_of(wanted[name]) if name in wanted else content)

    def _link(self, run_id: str, what: str, key: str, step: str, did: str, facts: str = "", content: str = "") -> None:
        under = self._keys.best
        bare = Link(self.head.number + 1, run_id, what, key, step, did, facts, content, under, "")
        link = bare._replace(hash=bare.true_hash(self._keys, self.head.store, self.head.hash))
        self._links.append(link)
        self.head = replace(self.head, number=link.number, hash=link.hash, under=under, mark=self._keys.mark(under))

    def _row(self, table: "Table", key: str) -> "Row[Any] | None":
        return self.connection.execute(_row_query(table.name), dict(zip(KEYS[table.name], _parts(table.name, key), strict=True))).first()

    def _where(self, table: "Table", key: str) -> "ColumnElement[bool]":
        from sqlalchemy import and_

        return and_(*(table.c[c] == part for c, part in zip(KEYS[table.name], _parts(table.name, key), strict=True)))

    def _last(self, what: str, key: str) -> tuple[Link, bool] | None:
        """The last link of a row, and whether it is what was written; one under a key that is not at hand is believed."""
        waiting = [link for link in self._links if (link.what, link.key) == (what, key)]
        if waiting:
            return waiting[-1], True
        row = self.connection.execute(_last_query(), {"what": what, "key": key}).first()
        if row is None:
            return None
        link, before = Link.read(row[:-1]), str(row[-1] or START)
        known = link.under in RANK
        return link, known and (not self._keys.has(link.under) or link.true_hash(self._keys, self.head.store, before) == link.hash)

    def _locked_head(self) -> Head:
        """The head, locked until the transaction ends; where there is none, makes it, and links for all rows that are there."""
        from sqlalchemy import func, select

        from . import tables

        head = self._found()
        if head is None and self.connection.dialect.name == "postgresql":
            self.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LAYOUT_LOCK})")
            head = self._found()
        if head is None:
            if self.connection.execute(select(func.count()).select_from(tables.chain)).scalar_one():
                raise Broken("the head of this store's chain", "none", AGAIN)
            return self._begun()
        if head.under in RANK and RANK[self._keys.best] < RANK[head.under]:
            raise Problem("the key that this store's chain was made under", "none", f"Name its key file in {NAMES[head.under]}")
        head.check(self._keys)
        return head

    def _found(self) -> Head | None:
        rows = self.connection.execute(_head_query()).all()
        head = Head.read(rows)
        # Asked once the head is locked: PostgreSQL would answer from before it, were it one question.
        last = self.connection.execute(_under_query(), {"number": head.number}).scalar() if head and head.number else None
        if rows and (head is None or (head.number and last != head.under)):
            raise Broken("the head of this store's chain", "another", AGAIN)
        return head

    def _begun(self) -> Head:
        from sqlalchemy import insert, update

        from . import tables

        head = Head(uuid.uuid4().hex, 0, START, PLAIN, "").proven(self._keys)
        self.connection.execute(insert(tables.store_head).values({"one": 1} | asdict(head)))
        self.connection.execute(update(tables.layout).values(version=tables.VERSION))
        self.head = head
        for name in KEYS:
            if name == "runs" or name == "records" or name in self.knows:
                self._adopt(tables.metadata.tables[name])
        return self.head

    def _adopt(self, table: "Table") -> None:
        """Links for rows from before the chain: from now on a change to them shows. Not where the audit log knows that there was one."""

        from . import tables

        name = table.name
        query = kept_rows(table, content=True)
        query = query.where(tables.records.c.token.is_not(None)) if name == "artifacts" else query
        with self.connection.execute(query, execution_options={"yield_per": 50}) as rows:
            for row in rows:
                if not self._links and (why := anchoring.against(anchoring.latest(self._place), None, self._place)):
                    raise Broken("the chain of this store", f"none: {why}", AGAIN)
                values = row._mapping
                held = content_of(row[-1]) if name in CONTENT else ""
                self._link(row[-3], name, key_of(values, name), row[-2], ADOPTED, facts_of(row[:-3]), held)


def _parts(name: str, key: str) -> list[str]:
    """The parts of a key, of which a file's name may hold what parts them."""
    return key.split("/", len(KEYS[name]) - 1)


@cache
def _row_query(name: str) -> "Select[Any]":
    """The row of a table by its key; made once, for making it takes longer than asking."""
    from sqlalchemy import bindparam, select

    from . import tables

    table = tables.metadata.tables[name]
    return select(*kept_columns(table)).where(*(table.c[column] == bindparam(column) for column in KEYS[name]))


@cache
def _last_query() -> "Select[Any]":
    """The last link of a row, with the hash of the link before it."""
    from sqlalchemy import bindparam

    from . import tables

    at = tables.chain.c
    return links_and_hashes_before().where(at.what == bindparam("what"), at.key == bindparam("key")).order_by(at.number.desc()).limit(1)


@cache
def _head_query() -> "Select[Any]":
    """The head, locked until the transaction ends."""
    from sqlalchemy import select

    from . import tables

    return select(tables.store_head).with_for_update()


@cache
def _under_query() -> "Select[Any]":
    """What the link with a number is under."""
    from sqlalchemy import bindparam, select

    from . import tables

    return select(tables.chain.c.under).where(tables.chain.c.number == bindparam("number"))


@contextmanager
def writing(database: Database) -> Iterator[Entries]:
    """A write transaction in which rows are written with their links."""
    with database.write() as connection:
        entries = Entries(connection, database.knows, database.place)
        yield entries
        entries.close()
    if entries.ended:
        anchoring.anchor(database.place, entries.head, entries.ended)
