"""Who wrote a row, and does that process still live?"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from . import process

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, RowMapping, Table

    from .database import Database


_for: ContextVar[process.Process | None] = ContextVar("for", default=None)


@contextmanager
def writing_for(other: process.Process | None) -> Iterator[None]:
    """In this block what is written counts as written by another process, which asked for it; None: by this one."""
    before = _for.set(other)
    try:
        yield
    finally:
        _for.reset(before)


def mine() -> dict[str, Any]:
    """The columns that say which process writes: this one, or the one it writes for."""
    me = _for.get() or process.this()
    return {"host": me.host, "pid": me.pid, "process_started": me.started}


def writer(row: "RowMapping") -> process.Process:
    """The process that wrote a row; where somebody put in what is none, one that is nowhere."""
    try:
        return process.Process(host=row["host"], pid=row["pid"], started=row["process_started"])
    except ValidationError:
        return process.Process(host=process.host(), pid=0, started="never")


def wrote(database: "Database", table: "Table", which: "ColumnElement[bool]", by: process.Process) -> bool:
    """Did this process write the row?"""
    from sqlalchemy import select

    columns = (table.c.host, table.c.pid, table.c.process_started)
    with database.read() as connection:
        row = connection.execute(select(*columns).where(which)).mappings().first()
    return row is not None and writer(row) == by


class Alive:
    """Tells of each row whether its writer lives; asks of each process once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], bool] = {}

    def __call__(self, row: "RowMapping") -> bool:
        key = (row["host"], row["pid"], row["process_started"])
        if key not in self._known:
            self._known[key] = process.lives(writer(row))
        return self._known[key]
