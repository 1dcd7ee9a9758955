"""Records kept encrypted: unreadable in the file, bound to their place, and said in one line where the key is another."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tiltyard.assessment.assessment import assess
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.samples.catalog import load
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store.store import Store
from tiltyard.validation.performance import Performance


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    new_sealing_key(tmp_path / "key.pem")
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    store, sample = Store(tmp_path / "runs.sqlite"), load("census")
    assess(sample.target, sample.data, [Performance(rows=100), Performance(rows=110)], Runner(store))
    return store


def rows(store: Store) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(store.url)) as connection, connection:
        found: list[tuple[str, str]] = connection.execute("select token, record from records order by number").fetchall()
    connection.close()
    return found


def test_records_come_back_and_the_file_says_nothing_of_them(kept: Store, tmp_path: Path) -> None:
    found = kept.records(kept.run("last").id)
    assert [r.given["rows"] for r in found] == [100, 110]
    assert all(text.startswith("sealed:1:") for _, text in rows(kept))
    said = b"".join(path.read_bytes() for path in tmp_path.glob("runs.sqlite*"))
    assert found[0].result.summary.encode() not in said
    assert [isinstance(r, Problem) for r in kept.outcomes(kept.run("last").id).values()] == [False, False]


def test_without_the_key_with_another_or_moved_they_stay_shut(kept: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = kept.run("last").id
    monkeypatch.delenv("TILTYARD_STORE_KEY")
    with pytest.raises(Problem, match="TILTYARD_STORE_KEY"):
        kept.records(run)
    new_sealing_key(tmp_path / "other.pem")
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "other.pem"))
    with pytest.raises(Broken):
        kept.records(run)
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    (one, first), (two, second) = rows(kept)
    with closing(sqlite3.connect(kept.url)) as connection, connection:
        connection.execute("update records set record = ? where token = ?", (second, one))
        connection.execute("update records set record = ? where token = ?", (first, two))
    connection.close()
    with pytest.raises(Broken):
        kept.records(run)


def test_records_from_before_the_key_are_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, sample = Store(tmp_path / "runs.sqlite"), load("census")
    assess(sample.target, sample.data, [Performance(rows=100)], Runner(store))
    new_sealing_key(tmp_path / "key.pem")
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    assert len(store.records(store.run("last").id)) == 1
