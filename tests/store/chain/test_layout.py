"""What somebody puts into a store's file that answers in place of its tables: an index, a view, a column that is made up when asked."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.tampering import attacker, found, shows, tiny

from tiltyard.sealing.broken import Broken
from tiltyard.store.store import Store

LISTED = "started desc, id, name, ended, verdict, target_name, target_fingerprint, target_detail, data_name, data_fingerprint, data_detail"
TRUTH = "update runs set verdict = case when ended is null then '' else 'fail' end"


def hidden(place: Path, index: str, lie: str, truth: str) -> None:
    """Make ``index`` of what is not true, then put the truth back into the table while SQLite does not know of the index."""
    with closing(sqlite3.connect(place, isolation_level=None)) as raw:
        raw.execute(lie)
        if index.startswith("create"):
            raw.execute(index)
        name = index.split()[2] if index.startswith("create") else index
        row = raw.execute("select * from sqlite_master where name = ?", (name,)).fetchone()
        raw.execute("pragma writable_schema = on")
        raw.execute("delete from sqlite_master where name = ?", (name,))
    with closing(sqlite3.connect(place, isolation_level=None)) as raw:
        raw.execute(truth)
        raw.execute("pragma writable_schema = on")
        raw.execute("insert into sqlite_master values (?, ?, ?, ?, ?)", row)
    with attacker(place):
        pass


@pytest.mark.parametrize("name", ["zz", "sqlite_stat1", "sqlite_autoindex_runs_1x"])
def test_an_index_that_says_otherwise_than_its_table_is_found(place: Path, name: str) -> None:
    """Lists would be answered by the index and proven by the table."""
    called = "zz" if name == "zz" else "zy"
    hidden(place, f"create index {called} on runs({LISTED}, host, pid, process_started)", "update runs set verdict = 'pass'", TRUTH)
    if name != "zz":
        with attacker(place) as raw:
            raw.execute("pragma writable_schema = on")
            raw.execute("update sqlite_master set name = ?, sql = replace(sql, 'zy', ?) where name = 'zy'", (name, name))
    assert "pass" in {line.verdict for line in Store(place).runs()}
    assert shows(place) and not any(line.proof == "intact" for line in Store(place).runs())
    assert f"index {name} is not as Tiltyard makes it" in "\n".join(found(place).broken)
    with pytest.raises(Broken):
        Store(place).records(Store(place).run("last").id)


def test_an_index_of_our_own_that_says_otherwise_is_found(place: Path) -> None:
    hidden(place, "ix_runs_started", "update runs set started = started + 1e6", "update runs set started = started - 1e6")
    assert any("does not hold together" in line for line in found(place).broken)


@pytest.mark.parametrize(
    "strange",
    [
        "alter table runs rename to truth; create view runs as select * from truth",
        "alter table records add column more text",
        "alter table runs add column told text generated always as ('pass') virtual",
        "create table beside (x)",
        "create trigger t after insert on runs begin select 1; end",
        "create index more on records(run_id, number, token, record)",
    ],
)
def test_what_tiltyard_did_not_make_is_found_and_nothing_is_written_there(place: Path, strange: str) -> None:
    with attacker(place) as raw:
        raw.executescript(strange)
    assert shows(place)
    assert "is not as Tiltyard makes it" in "\n".join(found(place).broken)
    target, data = tiny()
    with pytest.raises(Broken, match="laid out as Tiltyard does it"):
        Store(place).begin("later", target.identity, data.identity)


def test_what_sqlite_keeps_for_itself_is_nobodys_doing(place: Path) -> None:
    with attacker(place) as raw:
        raw.executescript("analyze; vacuum; reindex")
    said = found(place)
    assert (said.broken, said.unread) == ([], []) and not shows(place)
