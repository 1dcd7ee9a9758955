"""Is a store laid out as Tiltyard lays one out? Whoever may write its file could put in what answers otherwise than its tables.

An index is asked in place of its table wherever it holds all that a question wants, and a view, a trigger, a generated column
or another collation has its way too: then what is shown is not what was proven. So nothing is in the file but what
`tables` makes, and `stale` tells where an index of ours does not say what its table does.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

OWN_BOOKS = re.compile(r"sqlite_(sequence|stat[1-4])")  # SQLite's own tables, which hold nothing that is shown


def strange(connection: "Connection") -> str:
    """What is in a SQLite file that Tiltyard did not put there, as a clause, or nothing; other databases are their keepers' to guard."""
    if connection.dialect.name != "sqlite":
        return ""
    for kind, name, text in connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all():
        of_constraint = kind == "index" and text is None
        if not of_constraint and _words(text) != _made().get((kind, name)) and not (kind == "table" and OWN_BOOKS.fullmatch(str(name))):
            called = "".join(c if c.isprintable() else "?" for c in str(name)[:80])
            return f"its layout was changed: {kind} {called} is not as Tiltyard makes it"
    return ""


def stale(connection: "Connection") -> str:
    """Whether an index, or the file as such, does not fit the tables; reads all of the file."""
    if connection.dialect.name != "sqlite":
        return ""
    found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    return "" if found == "ok" else f"the file does not hold together: {found}"


@cache
def _made() -> dict[tuple[str, str], str]:
    """The statements that make a store, by kind and name."""
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    from . import tables

    dialect = sqlite.dialect()
    found: dict[tuple[str, str], str] = {}
    for table in tables.metadata.sorted_tables:
        found["table", table.name] = _words(str(CreateTable(table).compile(dialect=dialect)))
        found |= {("index", str(index.name)): _words(str(CreateIndex(index).compile(dialect=dialect))) for index in table.indexes}
    return found


def _words(text: object) -> str:
    """A statement whatever its spaces and line ends."""
    return " ".join(str(text).split())
