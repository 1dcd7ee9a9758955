"""Attacks on a store at rest: whatever somebody changes who may write its file, but lacks its key or its audit log, shows."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.store.chain.attacks import (
    ATTACKS,
    SAID,
    drop_chain,
    duplicate_run,
    forge,
    ids,
    swap_texts,
    to_an_earlier_head,
)
from tests.store.tampering import attacker, filled, found, shows, tiny
from tests.tiny import Share

from tiltyard.sealing.broken import Broken
from tiltyard.store.chain import PLAIN, START, Head
from tiltyard.store.downloads import delete_file
from tiltyard.store.store import Store


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


def test_a_chain_forged_whole_does_not_fit_the_log(place: Path) -> None:
    forge(place, "update runs set verdict = 'pass'")
    assert found(place).broken and shows(place)


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


def test_rows_whose_chain_was_taken_away_are_not_taken_in_anew(place: Path) -> None:
    target, data = tiny()
    Store(place).share(Store(place).runs()[-1].id)  # so that the log speaks of this place
    with attacker(place) as raw:
        drop_chain(raw)
        raw.execute("update runs set verdict = 'pass'")
    with pytest.raises(Broken, match="its audit log speaks of a chain"):
        Store(place).begin("later", target.identity, data.identity)
    assert {line.proof for line in Store(place).runs()} == {"broken"}


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
    assert any("put back cannot be checked" in line for line in found(place).unread)
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
