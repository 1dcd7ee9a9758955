"""What a database says when something is wrong: known by its code, whatever its words, and by words alone where there is no code."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tiltyard.store.database import _patient
from tiltyard.store.troubles import (
    CROWDED,
    DAMAGED,
    FULL,
    LOCKED,
    NO_CONNECTION,
    NO_FILE,
    NO_PERMISSION,
    NO_TABLES,
    READ_ONLY,
    Kind,
    Locked,
    problem_of,
)


class PostgresError(Exception):
    """As psycopg's: the code beside the words."""

    def __init__(self, text: str, sqlstate: str | None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def said(error: BaseException) -> str:
    return str(problem_of(error, "runs.sqlite"))


def coded(code: int, text: str = "in words of another release") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, LOCKED),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LOCKED),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, LOCKED),
        (sqlite3.SQLITE_READONLY_DIRECTORY, READ_ONLY),
        (sqlite3.SQLITE_PERM, NO_PERMISSION),
        (sqlite3.SQLITE_FULL, FULL),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, NO_FILE),
        (sqlite3.SQLITE_NOTADB, DAMAGED),
        (sqlite3.SQLITE_CORRUPT_INDEX, DAMAGED),
        (sqlite3.SQLITE_IOERR_READ, DAMAGED),
    ],
)
def test_sqlite_by_its_code(code: int, kind: Kind) -> None:
    assert kind.found in said(coded(code)) and kind.do in said(coded(code))
    assert isinstance(problem_of(coded(code), ""), Locked) is (kind is LOCKED)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("55P03", LOCKED),
        ("40P01", LOCKED),
        ("25006", READ_ONLY),
        ("42501", NO_PERMISSION),
        ("53100", FULL),
        ("42P01", NO_TABLES),
        ("42703", DAMAGED),
        ("57P01", NO_CONNECTION),
        ("08006", NO_CONNECTION),
        ("28P01", NO_CONNECTION),
    ],
)
def test_postgresql_by_its_sqlstate_in_whatever_language(state: str, kind: Kind) -> None:
    assert kind.found in said(PostgresError("Verbindung gesperrt: database is locked, disk full", state))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOENT, NO_FILE), (errno.EACCES, NO_PERMISSION), (errno.EROFS, READ_ONLY), (errno.ENOSPC, FULL), (errno.EDQUOT, FULL)],
)
def test_the_system_by_its_errno(code: int, kind: Kind) -> None:
    assert kind.found in said(OSError(code, "in words of another language"))


def test_a_code_is_believed_before_words() -> None:
    assert LOCKED.found in said(coded(sqlite3.SQLITE_BUSY, "no such table: runs"))
    assert "odd words: no such table" in said(coded(sqlite3.SQLITE_MISMATCH, "odd words: no such table"))
    assert "canceled: no such table" in said(PostgresError("canceled: no such table", "57014"))


def test_words_where_there_is_no_code(tmp_path: Path) -> None:
    for query, kind in (("SELECT * FROM runs", NO_TABLES), ("SELECT started FROM sqlite_master", DAMAGED)):
        with closing(sqlite3.connect(tmp_path / "other.sqlite")) as raw, pytest.raises(sqlite3.OperationalError) as found:
            raw.execute(query)
        assert kind.found in said(found.value)
    assert NO_CONNECTION.found in said(PostgresError("connection failed: Connection refused\nIs the server running?", None))
    assert NO_CONNECTION.found in said(PostgresError('connection failed: FATAL: role "x" does not exist', None))


def test_real_errors_of_sqlite_carry_their_code(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error) as found:
        sqlite3.connect(f"file:{tmp_path}/none/runs.sqlite?mode=ro", uri=True)
    assert NO_FILE.found in said(found.value)
    (tmp_path / "garbage").write_bytes(b"garbage " * 1000)
    with closing(sqlite3.connect(tmp_path / "garbage")) as raw, pytest.raises(sqlite3.Error) as found:
        raw.execute("SELECT * FROM sqlite_master")
    assert DAMAGED.found in said(found.value)


def test_what_is_unknown_is_said_in_its_own_first_line() -> None:
    text = said(PostgresError("something new.\nand more", "XX000"))
    assert "something new" in text and "and more" not in text


TOO_MANY = (
    'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  sorry, too many clients already',
    'connection failed: FATAL:  too many connections for role "tiltyard"',
    "connection failed: FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
)


def server(answers: list[PostgresError]) -> Any:
    """A dialect whose connections fail by these errors, the last of them first, and then succeed."""

    def connect(where: str) -> str:
        if answers:
            raise answers.pop()
        return where

    return cast(Any, SimpleNamespace(connect=connect, loaded_dbapi=SimpleNamespace(Error=PostgresError)))


def test_a_server_with_no_connection_free_is_asked_again_and_no_other_trouble_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thirty people on twelve connections 127 of 150 writes failed, and were told to check the address."""
    monkeypatch.setattr("tiltyard.store.database.AGAIN", (0.0, 0.0))
    busy = [PostgresError(words, None) for words in TOO_MANY] + [PostgresError("in other words", "53300")]
    assert all(CROWDED.found in said(error) and isinstance(problem_of(error, "x"), Locked) for error in busy)
    assert _patient(60_000)(server(busy), None, ("there",), {}) == "there" and not busy
    for wait, words in ((0, TOO_MANY[0]), (60_000, "connection failed: Connection refused")):
        left = [PostgresError(words, None)] * 2
        with pytest.raises(PostgresError):
            _patient(wait)(server(left), None, ("there",), {})
        assert len(left) == 1 or not wait
