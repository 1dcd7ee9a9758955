"""A change that somebody adds at a store's end, with a link as Tiltyard makes it: a key tells it from Tiltyard's own."""

import os
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.tampering import KEYS, MODES, attacker, filled, found, keyed, tiny
from tests.tiny import Share

from tiltyard.sealing.broken import Broken
from tiltyard.store import tables
from tiltyard.store.chain import KEPT, PLAIN, REMOVED, Head, Keys, Link, facts_of, kept_columns
from tiltyard.store.store import Store


def added(raw: sqlite3.Connection, run: str, did: str = KEPT) -> None:
    """Link the run's line as it now stands, or as gone, by somebody who has no key."""
    columns = ", ".join(column.name for column in kept_columns(tables.runs))
    row = raw.execute(f"select {columns} from runs where id = ?", (run,)).fetchone()
    head = Head.read(raw.execute("select * from store_head").fetchall())
    assert head is not None
    bare = Link(head.number + 1, run, "runs", run, "", did, facts_of(row) if did == KEPT else "", "", PLAIN, "")
    link = bare._replace(hash=bare.true_hash(Keys({}), head.store, head.hash))
    raw.execute("insert into chain values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(link))
    moved = replace(head, number=link.number, hash=link.hash)
    moved = moved.proven(Keys({})) if head.under == PLAIN else moved
    raw.execute("update store_head set number = ?, hash = ?, proof = ?", (moved.number, moved.hash, moved.proof))


@pytest.fixture(params=MODES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keyed(request.param, tmp_path, monkeypatch)
    filled(tmp_path / "runs.sqlite")
    return tmp_path / "runs.sqlite"


def changed(place: Path, name: str) -> str:
    """Have the run of this name pass, in its line and the chain."""
    with attacker(place) as raw:
        (run,) = raw.execute("select id from runs where name = ?", (name,)).fetchone()
        raw.execute("update runs set verdict = 'pass' where id = ?", (run,))
        added(raw, run)
    return str(run)


def test_a_change_of_a_run_that_has_ended_does_not_fit_the_log(place: Path) -> None:
    run = changed(place, "two")
    said = found(place)
    assert said.broken or f"run {run[:8]} is not what the audit log says it was" in "\n".join(said.unread)


def test_what_is_written_later_does_not_make_it_true(place: Path) -> None:
    run, store, (target, data) = changed(place, "two"), Store(place), tiny()
    with suppress(Broken):
        store.end(store.begin("later", target.identity, data.identity).id, "pass")
        store.share(run)
    assert found(place).broken or f"run {run[:8]} is not what" in "\n".join(found(place).unread)


def test_a_run_that_is_gone_and_was_not_deleted_by_us_is_missed(place: Path) -> None:
    with attacker(place) as raw:
        (run,) = raw.execute("select id from runs where name = 'two'").fetchone()
        added(raw, run, REMOVED)
        raw.execute("pragma foreign_keys = on")
        raw.execute("delete from runs where id = ?", (run,))
    assert found(place).broken or f"run {run[:8]} is not what" in "\n".join(found(place).unread)


def test_a_change_of_a_run_under_way_shows_under_a_key_alone(place: Path) -> None:
    """Plain: the stated limit."""
    plain = not any(os.environ.get(name) for name in KEYS.values())
    changed(place, "open")
    assert bool(found(place).broken or found(place).unread) is not plain


def test_a_run_that_ended_may_be_shared_added_to_and_deleted(place: Path) -> None:
    store, (target, data) = Store(place), tiny()
    runs = {line.name: line.id for line in store.runs()}
    store.share(runs["two"])
    store.add(runs["two"], Share()(target, data))
    store.delete(runs["one"])
    said = found(place)
    assert (said.broken, said.unread) == ([], [])
