"""What a store's key adds: who lacks it can neither write nor make anything look proven."""

from dataclasses import asdict
from pathlib import Path

import pytest
from tests.store.chain.attacks import copies, forge, ids, records_of, to_an_earlier_head
from tests.store.tampering import attacker, copied, found, keyed, shows, tiny

from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard.store.chain import PLAIN, Head, Keys
from tiltyard.store.store import Store


def test_forged_whole_and_without_a_log_only_a_key_tells(place: Path, mode: str) -> None:
    """Plain: the stated limit. With a key it is never called intact: everything stands as from before the key."""
    forge(place, "update runs set verdict = 'pass'")
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    said, proofs = found(place), {line.proof for line in Store(place).runs()}
    assert said.unread and not said.broken if mode != "sealed" else said.unread
    assert proofs == ({"intact"} if mode == "plain" else {"unproven"})


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
