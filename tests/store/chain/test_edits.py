"""An edit of any column of a store at rest shows, whatever its value and type."""

import sqlite3
from pathlib import Path

import pytest
from tests.store.tampering import attacker, found, shows

from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard.store import tables
from tiltyard.store.chain import NOT_LINKED
from tiltyard.store.store import Store

COLUMNS = [(table.name, column.name) for table in tables.metadata.sorted_tables for column in table.c]
EVIDENCE = [(t, c) for t, c in COLUMNS if c not in NOT_LINKED.get(t, ())]
LISTED = [
    (t, c) for t, c in EVIDENCE if t in ("runs", "owners", "shares", "records", "jobs", "artifacts") and c not in ("record", "content")
]


def test_untouched_it_is_intact(place: Path) -> None:
    said = found(place)
    assert (said.broken, said.unread, said.runs, said.records, said.files) == ([], [], 3, 6, 6)
    assert [line.proof for line in Store(place).runs()] == ["intact"] * 3 and Store(place).doubts() == []


ANY_COLUMN = pytest.mark.parametrize(("table", "column"), EVIDENCE, ids=[f"{t}.{c}" for t, c in EVIDENCE])


@ANY_COLUMN
def test_an_edit_of_any_column_is_found(place: Path, table: str, column: str) -> None:
    edited(place, table, column, f"case typeof({column}) when 'real' then {column} + 1 else coalesce({column}, 0) || '1' end")


@ANY_COLUMN
@pytest.mark.parametrize("mode", ["plain"], indirect=True)
@pytest.mark.parametrize("how", ["x'00ff'", "coalesce(cast({0} as real), 0) + 1"], ids=["bytes", "number"])
def test_a_value_of_another_type_stops_no_list_and_is_found(place: Path, table: str, column: str, how: str) -> None:
    edited(place, table, column, how.format(column))


def edited(place: Path, table: str, column: str, value: str) -> None:
    with attacker(place) as raw:
        rowid = raw.execute(f"select rowid from {table} order by rowid limit 1").fetchone()[0]
        try:
            raw.execute(f"update {table} set {column} = {value} where rowid = ?", (rowid,))
        except sqlite3.IntegrityError:
            return  # SQLite itself refuses it
    if table == "tiltyard_store":
        try:
            said = found(place)
        except Problem:
            return  # a layout that it does not read
        assert said.broken
        return
    said = found(place)
    assert said.broken or ((table, column) in {("store_head", "mark"), ("store_head", "under")} and said.unread)
    if (table, column) in LISTED:
        assert shows(place)


@pytest.mark.parametrize(("table", "column"), [("records", "record"), ("records", "severity"), ("runs", "verdict"), ("owners", "name")])
def test_a_run_that_does_not_hold_is_not_given_out(place: Path, table: str, column: str) -> None:
    id = Store(place).runs()[-1].id
    with attacker(place) as raw:
        assert raw.execute(
            f"update {table} set {column} = {column} || 'x' where {'id' if table == 'runs' else 'run_id'} = ?", (id,)
        ).rowcount
    store = Store(place)
    for ask in (lambda: store.records(id), lambda: store.artifacts.of_run(id)):
        with pytest.raises(Broken, match="as it was written"):
            ask()
    assert len(store.records(store.runs()[1].id)) == 3  # the others are
