"""A database's error as one line a person can act on, by its error code."""

import errno
import sqlite3
from typing import NamedTuple

from ..errors import Trouble


class Locked(Trouble):
    """Another program holds the store; trying again may do."""

    code = "TY-LOCKED"


class Kind(NamedTuple):
    """One kind of trouble: what was expected of the store, what was found, what to do."""

    expected: str
    found: str
    do: str
    error: type[Trouble] = Trouble


ELSEWHERE = "or set TILTYARD_STORE to another place"
LOCKED = Kind("to be free for a moment", "it locked by another program", "Close it, or try again", Locked)
READ_ONLY = Kind("to be writable", "it read-only", f"Change its permissions, {ELSEWHERE}")
NO_PERMISSION = Kind("to be one that may be read", "no permission", f"Change its permissions and its folder's, {ELSEWHERE}")
FULL = Kind("to be on a disk with room", "the disk full", "Free some space, then run it again")
NO_TABLES = Kind("to be as it was opened", "its tables gone", "It was moved or replaced while open; try again")
NO_FILE = Kind("to be a file in a folder that is there", "no way to open it", f"Make the folder, change its permissions, {ELSEWHERE}")
DAMAGED = Kind("to be intact", "a damaged file or one of another kind", f"Move it away, {ELSEWHERE}")
NO_CONNECTION = Kind("to answer", "no connection", "Check the address, the user, and that it runs")
CROWDED = Kind(
    "to have a connection free",
    "all of them taken",
    "Try again; raise PostgreSQL's max_connections, or put a pooler before it",
    Locked,
)

SQLITE = {  # by primary result code, sqlite.org/rescode.html
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: NO_PERMISSION,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: NO_FILE,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_IOERR: DAMAGED,
}
POSTGRESQL = {  # by SQLSTATE or its class, the first two characters; PostgreSQL's manual, appendix A
    "55P03": LOCKED,  # lock not available in time
    "40P01": LOCKED,  # deadlock
    "25006": READ_ONLY,
    "42501": NO_PERMISSION,
    "53100": FULL,
    "42P01": NO_TABLES,
    "3D000": NO_TABLES,  # the database itself
    "42703": DAMAGED,  # a column is missing
    "53300": CROWDED,
    "57P01": NO_CONNECTION,  # the server is stopped
    "57P02": NO_CONNECTION,
    "57P03": NO_CONNECTION,
    "08": NO_CONNECTION,
    "28": NO_CONNECTION,  # user or password
}
SYSTEM = {  # by errno, where the store's file is looked at before it is opened
    errno.ENOENT: NO_FILE,
    errno.ENOTDIR: NO_FILE,
    errno.EACCES: NO_PERMISSION,
    errno.EPERM: NO_PERMISSION,
    errno.EROFS: READ_ONLY,
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
}
# The last resort, where the code says nothing: SQLite has one for every wrong name (SQLITE_ERROR), psycopg none for a failed connection.
WORDS = {
    "no such table": NO_TABLES,
    "no such column": DAMAGED,
    "too many c": CROWDED,  # "too many clients already", "too many connections for role"
    "connection slots are reserved": CROWDED,
    "connect": NO_CONNECTION,
}


def problem_of(error: BaseException, place: str) -> Trouble:
    """The trouble behind a database's error; ``place`` is shown, so it holds no password."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).strip()
    if kind := _by_code(cause) or _by_words(cause, text):
        return kind.error(f"the store {place} {kind.expected}", kind.found, kind.do)
    first = (text.splitlines() or [type(cause).__name__])[0]
    return Trouble(f"a store that works at {place}", first.rstrip("."), "Check the store, or set TILTYARD_STORE to another")


def crowded(error: BaseException) -> bool:
    """Has the database no connection free for the moment?"""
    return (_by_code(error) or _by_words(error, str(error))) is CROWDED


def _by_code(cause: BaseException) -> Kind | None:
    if isinstance(cause, OSError):
        return SYSTEM.get(cause.errno or 0)
    state = getattr(cause, "sqlstate", None) or ""
    extended = getattr(cause, "sqlite_errorcode", None) or 0
    return SQLITE.get(extended & 0xFF) or POSTGRESQL.get(state) or POSTGRESQL.get(state[:2])


def _by_words(cause: BaseException, text: str) -> Kind | None:
    if getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
        return None
    return next((kind for words, kind in WORDS.items() if words in text.lower()), None)
