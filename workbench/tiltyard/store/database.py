"""One door to the database: opened late, short transactions, every error in one line."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..access.store_place import address
from ..errors import Trouble
from .troubles import crowded, problem_of

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Dialect, Engine, Table

WAIT = 10_000
AGAIN = 0.1, 0.5  # s between tries for a connection, by chance so that those who wait do not come all at once
LAYOUT_LOCK = 7_117_011


def _engine(url: "URL", wait: int) -> "Engine":
    from sqlalchemy import create_engine, event, pool

    if url.get_backend_name() != "sqlite":
        elsewhere = create_engine(url, poolclass=pool.NullPool)
        event.listen(elsewhere, "do_connect", _patient(wait))
        return elsewhere
    url = url if url.query else _by_uri(url, mode="rw")  # a connection never makes the file: one that was moved away stays away
    made = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": wait / 1000, "check_same_thread": False})

    @event.listens_for(made, "connect")
    def _open(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        connection.text_factory = _text
        for pragma in (f"busy_timeout={wait}", "foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return made


def _patient(wait: int) -> "Callable[[Dialect, Any, tuple[Any, ...], dict[str, Any]], Any]":
    """Connects; where the server has no connection free, again and again for ``wait`` milliseconds, as SQLite waits for a lock."""

    def connect(dialect: "Dialect", _: Any, words: tuple[Any, ...], given: dict[str, Any]) -> Any:
        end = time.monotonic() + wait / 1000
        while True:
            try:
                return dialect.connect(*words, **given)
            except dialect.loaded_dbapi.Error as error:
                if not crowded(error) or time.monotonic() > end:
                    raise
                time.sleep(random.uniform(*AGAIN))

    return connect


def _by_uri(url: "URL", **query: str) -> "URL":
    """The SQLite file of ``url`` with SQLite's own options."""
    return url.set(database=f"file:{quote(os.fsencode(url.database or ''))}", query={**query, "uri": "true"})


def _text(content: bytes) -> str:
    """Text as it is kept; what somebody put in that is none must not keep all the rest from being read."""
    return content.decode("utf-8", "replace")


def _entry(file: str) -> str:
    try:
        found = os.stat(file)
    except OSError:
        return "none"
    return f"{found.st_ino}/{found.st_mtime_ns}/{found.st_size}"


def _private(file: str) -> None:
    """A new store is its owner's alone to read, and so are the files SQLite puts beside it; what is there keeps its permissions."""
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


class Database:
    """A database that is opened and laid out when it is first used.

    Several processes may share it: SQLite in WAL mode with a wait of ``wait`` milliseconds for a lock, and
    transactions of one or two statements.

    Parameters
    ----------
    makes
        Whether a SQLite file that is not there is made; else it is trouble.

    Attributes
    ----------
    knows
        Names of the tables added to format 1 (of owners, jobs, shared runs, artifacts and the chain) that it has; one that may only be
        read and is older lacks some. Known once it is open.
    """

    def __init__(self, place: str | Path | None, wait: int = WAIT, makes: bool = True) -> None:
        self._place = place
        self._makes = makes
        self._wait = wait
        self._guard = threading.Lock()
        self._made: Engine | None = None
        self.knows: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        url = address(self._place)
        return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)

    @property
    def absent(self) -> bool:
        """Is it a SQLite file that is not there yet? Looking must not make it."""
        url = address(self._place)
        return url.get_backend_name() == "sqlite" and bool(url.database) and not url.query and not os.path.exists(str(url.database))

    def mark(self) -> str:
        """Changes with every write, by whichever process: of a SQLite file from its folder's entry alone, else by one query."""
        url = address(self._place)
        if url.get_backend_name() == "sqlite":
            return " ".join(map(_entry, (str(url.database), f"{url.database}-wal")))
        from sqlalchemy import func, select

        from . import tables

        with self.read() as connection:
            jobs = (tables.jobs.c.told, tables.jobs.c.cancel) if "jobs" in self.knows else ()
            counted = (tables.runs.c.id, tables.shares.c.run_id) if "shares" in self.knows else (tables.runs.c.id,)
            newest = (tables.runs.c.started, tables.runs.c.ended, tables.records.c.number, tables.records.c.ended, *jobs)
            asked = [select(func.count(c)).scalar_subquery() for c in counted] + [select(func.max(c)).scalar_subquery() for c in newest]
            return repr(tuple(connection.execute(select(*asked)).one()))

    def _engine(self) -> "Engine":
        with self._guard:
            if self._made is None:
                self._made = self._opened()
            return self._made

    def _opened(self) -> "Engine":
        from sqlalchemy.exc import SQLAlchemyError

        url = address(self._place)
        if url.get_backend_name() == "sqlite" and url.database and self._makes:
            _private(url.database)
        try:
            made = _engine(url, self._wait)
        except (ImportError, SQLAlchemyError) as error:
            raise Trouble(f"a driver for {url.drivername}", str(error), "Install it, for PostgreSQL: pip install psycopg[binary]") from None
        try:
            lay_out(made)
            self.knows = added(made)
        except (SQLAlchemyError, sqlite3.Error) as error:
            if only := _read_only(url, self._wait):
                self.knows = added(only)
                return only
            raise problem_of(error, self.place) from None
        return made

    @contextmanager
    def read(self) -> "Iterator[Connection]":
        """A connection in a read transaction."""
        with self._transaction(write=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> "Iterator[Connection]":
        """A connection in a write transaction, kept when the block ends well."""
        with self._transaction(write=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, write: bool) -> "Iterator[Connection]":
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._engine()
        options: dict[str, Any] = {"write": write}
        if not write and engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"  # rows and their links as they stood at one moment; SQLite's reads do so anyhow
        try:
            with engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            with self._guard:
                self._made = None
            raise self._gone() or problem_of(error, self.place) from None

    def _gone(self) -> Trouble | None:
        """The trouble of a file that was there when it was opened; None where it still is, or where its folder is gone too."""
        if "://" in self.place or not os.path.isdir(os.path.dirname(self.place)):
            return None
        try:
            os.stat(self.place)
        except FileNotFoundError:
            return Trouble(
                f"the store {self.place} to be as it was opened", "its file gone", "It was moved or replaced while open; try again"
            )
        except OSError:  # it may not be looked at: the database's own words say so
            pass
        return None


def lay_out(engine: "Engine") -> None:
    """Make the tables where there are none; refuse a layout newer than this Tiltyard reads."""
    from sqlalchemy import insert, inspect, select

    from . import tables

    if not inspect(engine).has_table(tables.layout.name):
        if engine.url.get_backend_name() == "sqlite":
            _use_wal(engine)
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            if engine.url.get_backend_name() == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LAYOUT_LOCK})")
            tables.metadata.create_all(connection)
            if connection.execute(select(tables.layout.c.version)).first() is None:
                connection.execute(insert(tables.layout).values(version=tables.VERSION))
    with engine.connect() as connection:
        version = connection.execute(select(tables.layout.c.version)).scalar()
    if version is not None and version > tables.VERSION:
        do = "Upgrade Tiltyard, or set TILTYARD_STORE to another place"
        raise Trouble(f"a store of format {tables.VERSION} or older", f"format {version}", do)


def added(engine: "Engine") -> frozenset[str]:
    """Add the tables of owners, jobs, shared runs, artifacts and the chain to a store made before there were such; the names of those there now."""
    from sqlalchemy import inspect

    from . import tables

    there = set(inspect(engine).get_table_names())
    return frozenset(table.name for table in tables.LATER if table.name in there or _made(engine, table))


def _made(engine: "Engine", table: "Table") -> bool:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            table.create(connection, checkfirst=True)
    except (SQLAlchemyError, sqlite3.Error):
        return False
    return True


def _use_wal(engine: "Engine") -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


def _read_only(url: "URL", wait: int) -> "Engine | None":
    """The store for reading where its folder may not be written; None where it cannot be read either."""
    from sqlalchemy.exc import SQLAlchemyError

    file = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or not os.path.isfile(file) or all(os.access(p, os.W_OK) for p in (file, file.parent)):
        return None
    made = _engine(_by_uri(url, mode="ro", immutable="1"), wait)
    try:
        lay_out(made)
    except (SQLAlchemyError, sqlite3.Error):
        return None
    return made
