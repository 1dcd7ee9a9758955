"""Attacks on a store at rest: whatever somebody changes who may write its file, but lacks its key or its audit log, shows."""

import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.store.tampering import MODES, attacker, copied, filled, found, keyed, shows, tiny
from tests.tiny import Share

from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard.store import tables
from tiltyard.store.chain import PLAIN, START, TOLD, Head, Keys, Link, facts_of, kept_columns
from tiltyard.store.downloads import delete_file
from tiltyard.store.store import Store

COLUMNS = [(table.name, column.name) for table in tables.metadata.sorted_tables for column in table.c]
EVIDENCE = [(t, c) for t, c in COLUMNS if c not in TOLD.get(t, ())]
LISTED = [
    (t, c) for t, c in EVIDENCE if t in ("runs", "owners", "shares", "records", "jobs", "artifacts") and c not in ("record", "content")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A filled store for each way of keeping, made once."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for mode in MODES:
            found[mode] = tmp_path_factory.mktemp(mode)
            keyed(mode, found[mode], patch)
            filled(found[mode] / "runs.sqlite")
            with attacker(found[mode] / "runs.sqlite"):
                pass
    return found


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(mode: str, made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the store of this mode, with its keys in the environment."""
    place = copied(made[mode], tmp_path)
    keyed(mode, tmp_path, monkeypatch)
    return place


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


def ids(raw: sqlite3.Connection) -> list[str]:
    return [row[0] for row in raw.execute("select id from runs order by started")]


def records_of(raw: sqlite3.Connection, run: str) -> list[str]:
    return [row[0] for row in raw.execute("select token from records where run_id = ? order by number", (run,))]


def swap_texts(raw: sqlite3.Connection) -> None:
    a, b = records_of(raw, ids(raw)[0])[0], records_of(raw, ids(raw)[1])[0]
    for token, text in raw.execute("select token, record from records where token in (?, ?)", (a, b)).fetchall():
        raw.execute("update records set record = ? where token = ?", (text, b if token == a else a))


def swap_runs(raw: sqlite3.Connection) -> None:
    a, b = ids(raw)[:2]
    for was, now in ((a, "x"), (b, a), ("x", b)):
        raw.execute("update records set run_id = ? where run_id = ?", (now, was))


def move(raw: sqlite3.Connection) -> None:
    raw.execute("update records set run_id = ? where token = ?", (ids(raw)[1], records_of(raw, ids(raw)[0])[0]))


def reorder(raw: sqlite3.Connection) -> None:
    raw.execute("update records set number = -number")


def delete_record(raw: sqlite3.Connection) -> None:
    raw.execute("delete from records where token = ?", (records_of(raw, ids(raw)[0])[1],))


def cut_tail(raw: sqlite3.Connection) -> None:
    raw.execute("delete from records where token = ?", (records_of(raw, ids(raw)[0])[-1],))


def drop_file(raw: sqlite3.Connection) -> None:
    raw.execute("delete from artifacts where rowid = (select min(rowid) from artifacts)")


def delete_owner(raw: sqlite3.Connection) -> None:
    raw.execute("delete from owners where run_id = ?", (ids(raw)[0],))


def share(raw: sqlite3.Connection) -> None:
    raw.execute("insert into shares values (?)", (ids(raw)[1],))


def delete_run(raw: sqlite3.Connection) -> None:
    run = ids(raw)[0]
    raw.execute("delete from artifacts where token in (select token from records where run_id = ?)", (run,))
    for table in ("records", "owners", "shares", "jobs"):
        raw.execute(f"delete from {table} where run_id = ?", (run,))
    raw.execute("delete from runs where id = ?", (run,))


def delete_run_and_links(raw: sqlite3.Connection) -> None:
    raw.execute("delete from chain where run_id = ?", (ids(raw)[0],))
    delete_run(raw)


def reopen(raw: sqlite3.Connection) -> None:
    raw.execute("update runs set ended = null, verdict = '' where id = ?", (ids(raw)[0],))


def copies(raw: sqlite3.Connection, table: str, where: str, **other: object) -> None:
    names = [row[1] for row in raw.execute(f"pragma table_info({table})")]
    taken = ", ".join("?" if name in other else name for name in names)
    values = [other[name] for name in names if name in other]
    assert raw.execute(f"insert into {table} select {taken} from {table} where {where}", values).rowcount


def duplicate_record(raw: sqlite3.Connection) -> None:
    copies(raw, "records", f"token = '{records_of(raw, ids(raw)[0])[0]}'", number=1000, token="f" * 32)


def duplicate_run(raw: sqlite3.Connection) -> None:
    copies(raw, "runs", f"id = '{ids(raw)[0]}'", id="f" * 32)


def one_key_twice(raw: sqlite3.Connection) -> None:
    raw.execute("create table again as select * from owners")
    raw.execute("drop table owners")
    raw.execute("alter table again rename to owners")
    raw.execute("insert into owners values (?, 'mallory')", (ids(raw)[0],))


def two_heads(raw: sqlite3.Connection) -> None:
    copies(raw, "store_head", "one = 1", one=0)


def add_job(raw: sqlite3.Connection) -> None:
    copies(raw, "jobs", "1 limit 1", id="f" * 32, run_id=ids(raw)[0])


def take_links_out(raw: sqlite3.Connection) -> None:
    raw.execute("delete from chain where number = (select max(number) / 2 from chain)")


def add_link(raw: sqlite3.Connection) -> None:
    copies(raw, "chain", "number = 3", number=1000)


def drop_head(raw: sqlite3.Connection) -> None:
    raw.execute("delete from store_head")


def drop_chain(raw: sqlite3.Connection) -> None:
    for table in ("chain", "store_head"):
        raw.execute(f"drop table {table}")
    raw.execute("update tiltyard_store set version = 1")


def to_an_earlier_head(raw: sqlite3.Connection) -> None:
    """The end of the run taken back, with its links: all that remains is authentic but for the head's number."""
    last = raw.execute("select max(number) from chain where what = 'runs' and run_id = ?", (ids(raw)[1],)).fetchone()[0]
    raw.execute("update runs set ended = null, verdict = '' where id = ?", (ids(raw)[1],))
    for run in raw.execute("select distinct run_id from chain where number >= ?", (last,)).fetchall():
        if run[0] != ids(raw)[1]:
            raw.execute("delete from runs where id = ?", run)
    raw.execute("delete from chain where number >= ?", (last,))
    raw.execute("update store_head set number = ?, hash = (select hash from chain where number = ?)", (last - 1, last - 1))


ATTACKS = [
    swap_texts, swap_runs, move, reorder, delete_record, cut_tail, drop_file, delete_owner, share, delete_run, delete_run_and_links, reopen,
    duplicate_record, duplicate_run, one_key_twice, two_heads, add_job, take_links_out, add_link, drop_head, drop_chain, to_an_earlier_head,
]  # fmt: skip
SAID = {
    swap_texts: "was swapped with evasion.share of run",
    move: "was moved to run",
    delete_record: "was deleted",
    cut_tail: "was deleted",
    delete_run: "was deleted",
    reopen: "was rolled back",
    duplicate_record: "was added",
    duplicate_run: "was added",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_each_attack_is_found_and_said(place: Path, attack: Callable[[sqlite3.Connection], None]) -> None:
    with attacker(place) as raw:
        first = ids(raw)[0][:8]
        attack(raw)
    if attack is drop_chain:
        copied_log(place)
    said = found(place)
    assert said.broken
    assert attack is swap_texts or shows(place)
    if attack in SAID:
        assert any(SAID[attack] in line and (attack is duplicate_run or first in line) for line in said.broken), said.broken


def copied_log(place: Path) -> None:
    """The log's heads are told by place too: one that was written where the store now lies."""
    from tiltyard.store.anchoring import anchor

    anchor(str(place), Head("0" * 32, 9, START, PLAIN, ""))


def test_an_older_copy_put_back_is_found_by_the_log(place: Path, tmp_path: Path) -> None:
    old = place.read_bytes()
    store, (target, data) = Store(place), tiny()
    store.end(store.begin("later", target.identity, data.identity).id)
    for file in place.parent.glob("runs.sqlite-*"):
        file.unlink()
    place.write_bytes(old)
    assert any("rolled back" in line for line in found(place).broken) and shows(place)
    with pytest.raises(Broken, match="rolled back"):
        Store(place).records(Store(place).run("last").id)
    for _ in range(4):  # and what is written on it later hides nothing
        Store(place).begin("on it", target.identity, data.identity)
    assert any("forged" in line for line in found(place).broken)


def test_a_row_of_before_is_called_rolled_back(place: Path) -> None:
    run = Store(place).runs()[-1].id
    with attacker(place) as raw:
        raw.execute("update runs set ended = null, verdict = '' where id = ?", (run,))
    assert any("was rolled back" in line and run[:8] in line for line in found(place).broken)


def test_records_of_another_store_are_found(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    filled(tmp_path / "other" / "runs.sqlite")
    with attacker(place) as raw:
        raw.execute("attach ? as other", (str(tmp_path / "other" / "runs.sqlite"),))
        run, theirs = ids(raw)[0], raw.execute("select token from other.records order by number limit 1").fetchone()[0]
        for table in ("runs", "records", "chain"):
            raw.execute(f"delete from {table} where {'id' if table == 'runs' else 'run_id'} = ?", (run,))
        raw.execute("update records set number = number + 100")
        raw.execute("insert into records select * from other.records where token = ?", (theirs,))
        raw.execute("insert into runs select * from other.runs where id = (select run_id from other.records where token = ?)", (theirs,))
        raw.execute(
            "insert or replace into chain select * from other.chain where run_id = (select run_id from records where token = ?)", (theirs,)
        )
        raw.commit()
        raw.execute("detach other")
    assert found(place).broken and shows(place)


def forge(place: Path, statement: str) -> None:
    """Change rows and make the whole chain anew by plain hashes, as somebody does who has read this program."""
    keys = Keys({})
    with attacker(place) as raw:
        raw.execute(statement)
        (store,) = raw.execute("select store from store_head").fetchone()
        links = [Link(*row) for row in raw.execute("select * from chain order by number")]
        last = {(link.what, link.key): link.number for link in links}
        previous = START
        for link in links:
            if link.what == "runs" and last[link.what, link.key] == link.number:
                names = ", ".join(c.name for c in kept_columns(tables.runs))
                row = raw.execute(f"select {names} from runs where id = ?", (link.key,)).fetchone()
                link = link._replace(facts=facts_of(row))
            link = link._replace(under=PLAIN)
            link = link._replace(hash=link.true_hash(keys, store, previous))
            raw.execute("update chain set facts = ?, under = ?, hash = ? where number = ?", (link.facts, PLAIN, link.hash, link.number))
            previous = link.hash
        head = Head(store, len(links), previous, PLAIN, "").proven(keys)
        raw.execute(f"update store_head set {', '.join(f'{name} = ?' for name in asdict(head))}", list(asdict(head).values()))


def test_a_chain_forged_whole_does_not_fit_the_log(place: Path) -> None:
    forge(place, "update runs set verdict = 'pass'")
    assert found(place).broken and shows(place)


def test_forged_whole_and_without_a_log_only_a_key_tells(place: Path, mode: str) -> None:
    """Plain: the stated limit. With a key it is never called intact: everything stands as from before the key."""
    forge(place, "update runs set verdict = 'pass'")
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    said, proofs = found(place), {line.proof for line in Store(place).runs()}
    assert said.unread and not said.broken if mode != "sealed" else said.unread
    assert proofs == ({"intact"} if mode == "plain" else {"unproven"})


def test_nothing_is_written_over_what_was_tampered_with(place: Path) -> None:
    """A legitimate write does not make an edit true."""
    store, (target, data) = Store(place), tiny()
    run = store.begin("mine", target.identity, data.identity)
    token = store.start(run.id, Share())
    with attacker(place) as raw:
        raw.execute("update records set title = 'Harmless' where token = ?", (token,))
        raw.execute("update runs set name = 'yours' where id = ?", (run.id,))
    with pytest.raises(Broken, match="records as it was written"):
        store.finish(token, Share()(target, data))
    with pytest.raises(Broken, match="runs as it was written"):
        store.end(run.id)


def test_a_trigger_has_not_its_way(place: Path) -> None:
    store, (target, data) = Store(place), tiny()
    run = store.begin("mine", target.identity, data.identity)
    token = store.start(run.id, Share())
    with attacker(place) as raw:
        raw.execute("create trigger t after update on records begin update records set severity = '' where token = new.token; end")
        raw.execute("create trigger u after insert on runs begin update runs set verdict = 'pass' where id = new.id; end")
    with pytest.raises(Broken, match="is not as Tiltyard makes it"):
        store.finish(token, Share()(target, data))
    with pytest.raises(Broken, match="is not as Tiltyard makes it"):
        store.begin("more", target.identity, data.identity)
    assert not any(line.verdict == "pass" for line in Store(place).runs())


def test_a_cut_chain_is_not_taken_up(place: Path, mode: str) -> None:
    """A head moved back by somebody without the key is not proven anew by the next write."""
    with attacker(place) as raw:
        to_an_earlier_head(raw)
    target, data = tiny()
    with pytest.raises(Broken):
        Store(place).begin("later", target.identity, data.identity)


@pytest.mark.parametrize("mode", ["audit", "sealed"], indirect=True)
def test_a_head_made_without_the_key_is_none(place: Path) -> None:
    """Anybody can make a plain head; over links under a key it says nothing of where they end, though the log were gone."""
    with attacker(place) as raw:
        to_an_earlier_head(raw)
        _, store, number, digest, *_ = raw.execute("select * from store_head").fetchone()
        head = Head(store, number, digest, PLAIN, "").proven(Keys({}))
        raw.execute(f"update store_head set {', '.join(f'{name} = ?' for name in asdict(head))}", list(asdict(head).values()))
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    assert "the head of its chain was changed" in found(place).broken and shows(place)
    target, data = tiny()
    with pytest.raises(Broken, match="the head of this store's chain"):
        Store(place).begin("later", target.identity, data.identity)


def test_rows_whose_chain_was_taken_away_are_not_taken_in_anew(place: Path) -> None:
    target, data = tiny()
    Store(place).share(Store(place).runs()[-1].id)  # so that the log speaks of this place
    with attacker(place) as raw:
        drop_chain(raw)
        raw.execute("update runs set verdict = 'pass'")
    with pytest.raises(Broken, match="its audit log speaks of a chain"):
        Store(place).begin("later", target.identity, data.identity)
    assert {line.proof for line in Store(place).runs()} == {"broken"}


@pytest.mark.parametrize("mode", ["audit", "sealed"], indirect=True)
def test_a_sealed_store_is_not_written_without_its_key(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed("plain", place.parent, monkeypatch)
    target, data = tiny()
    with pytest.raises(Problem, match="the key that this store's chain was made under; found none"):
        Store(place).begin("in the clear", target.identity, data.identity)
    assert {line.proof for line in Store(place).runs()} == {"unproven"} and found(place).unread
    with attacker(place) as raw:  # an edit shows even so
        raw.execute("update runs set verdict = 'pass' where id = ?", (ids(raw)[0],))
    assert found(place).broken and shows(place)


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
def test_another_key_tells_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.parent / "sealed.pem").unlink()
    keyed("sealed", place.parent, monkeypatch)
    said = found(place)
    assert any("found another" in line for line in said.unread)
    target, data = tiny()
    with pytest.raises(Problem, match="found another"):
        Store(place).begin("x", target.identity, data.identity)


def test_what_was_in_the_clear_before_the_key_is_marked_and_no_more_comes(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copied(made["plain"], tmp_path)
    keyed("sealed", tmp_path, monkeypatch)
    target, data = tiny()
    Store(place).end(Store(place).begin("sealed", target.identity, data.identity).id)
    lines = Store(place).runs()
    assert [line.proof for line in lines] == ["intact"] + ["unproven"] * 3 and "before the key" in lines[1].doubt
    assert len(Store(place).records(lines[-1].id)) == 3
    said = found(place)
    assert said.broken == [] and any("before the key" in line for line in said.unread)
    with attacker(place) as raw:
        run = lines[0].id
        copies(raw, "records", f"token = '{records_of(raw, lines[-1].id)[0]}'", number=1000, token="f" * 32, run_id=run)
    assert any("was added" in line and run[:8] in line for line in found(place).broken)
    with pytest.raises(Broken):
        Store(place).records(run)
    with attacker(place) as raw:  # nor is the time before the key open any more
        raw.execute("delete from records where token = ?", ("f" * 32,))
        raw.execute("update runs set verdict = 'pass' where id = ?", (lines[-1].id,))
    assert any(lines[-1].id[:8] in line for line in found(place).broken)


def test_an_old_store_is_taken_in_as_unproven_and_watched_from_then_on(place: Path) -> None:
    with attacker(place) as raw:
        drop_chain(raw)
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    assert {line.proof for line in Store(place).runs()} == {"unproven"} and found(place).unread and not found(place).broken
    target, data = tiny()
    Store(place).end(Store(place).begin("new", target.identity, data.identity).id)
    lines = Store(place).runs()
    assert [line.proof for line in lines] == ["intact"] + ["unproven"] * 3 and "before the chain" in lines[1].doubt
    said = found(place)
    assert not said.broken and said.unproven > 10 and any("before the chain" in line for line in said.unread)
    store, old = Store(place), lines[-1].id
    store.end(old, "pass")  # what is written on it later does not make it proven
    assert store.run(old).proof == "unproven" and not found(place).broken
    with attacker(place) as raw:
        raw.execute("update records set severity = '' where run_id = ?", (old,))
    assert any(old[:8] in line for line in found(place).broken)


def test_without_a_log_a_roll_back_cannot_be_told_and_that_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    assert any("put back cannot be told" in line for line in found(place).unread)
    monkeypatch.setenv("TILTYARD_AUDIT", "off")
    assert any("the audit log is off" in line for line in found(place).unread)


def test_what_its_owner_does_stays_intact(place: Path) -> None:
    store = Store(place)
    lines = store.runs()
    delete_file(store, lines[2].id, store.artifacts.of_run(lines[2].id)[0].sha256)
    store.share(lines[1].id)
    store.share(lines[1].id, on=False)
    store.delete(lines[1].id)
    target, data = tiny()
    store.add(lines[2].id, Share(seed=9)(target, data))
    store.end(lines[2].id, "pass")
    store.end(lines[0].id)
    said = found(place)
    assert (said.broken, said.unread) == ([], []) and {line.proof for line in store.runs()} == {"intact"}
