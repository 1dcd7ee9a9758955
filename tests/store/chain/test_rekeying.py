"""A store that is there gets a key, or another: all of it opens under the new one alone, and what was tampered with is not covered up."""

import os
from pathlib import Path

import pytest
from tests.store.chain.attacks import ids, records_of
from tests.store.tampering import FILE, attacker, copied, found, keyed, shows, tiny

from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store import anchoring, rekeying
from tiltyard.store.database import Database
from tiltyard.store.rekeying import rekey
from tiltyard.store.store import Store


def everything(place: Path) -> list[tuple[str, list[str], list[bytes]]]:
    """What a store says: of each run its name, the summaries of its records, and its files."""
    store = Store(place)
    found = []
    for run in store.runs():
        files = [store.artifacts.content(one) for one in store.artifacts.of_run(run.id)]
        found.append((run.name, [record.result.summary for record in store.records(run.id)], files))
    return found


def rekeyed(place: Path, patch: pytest.MonkeyPatch, name: str = "next.pem") -> None:
    rekey(Database(place, makes=False), new_sealing_key(place.parent / name))
    patch.setenv("TILTYARD_STORE_KEY", str(place.parent / name))


def test_it_says_the_same_under_the_new_key_alone(place: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, proofs = everything(place), [line.proof for line in Store(place).runs()]
    had = os.environ.get("TILTYARD_STORE_KEY")
    rekeyed(place, monkeypatch)
    assert everything(place) == before and any(files for _, _, files in before)
    said = found(place)
    assert said.broken == [] and said.clear == 0 and not shows(place)
    assert [line.proof for line in Store(place).runs()] == (proofs if mode == "sealed" else ["unproven"] * 3)
    assert said.unread == [] if mode == "sealed" else all("before the key" in line for line in said.unread)
    raw = b"".join(file.read_bytes() for file in place.parent.glob("runs.sqlite*"))
    assert FILE not in raw and all(summary.encode() not in raw for _, summaries, _ in before for summary in summaries)
    target, data = tiny()
    Store(place).end(Store(place).begin("later", target.identity, data.identity).id)
    assert Store(place).runs()[0].proof == "intact" and found(place).broken == []
    monkeypatch.delenv("TILTYARD_STORE_KEY")
    if had:
        monkeypatch.setenv("TILTYARD_STORE_KEY", had)
    with pytest.raises(Problem):
        everything(place)
    with pytest.raises(Problem, match="the key that this store's chain was made under"):
        Store(place).begin("under the key of before", target.identity, data.identity)


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
@pytest.mark.parametrize("how", ["a line", "a record", "a file", "a link", "a run gone"])
def test_what_was_tampered_with_keeps_its_key(place: Path, how: str) -> None:
    with attacker(place) as raw:
        run = ids(raw)[0]
        token = records_of(raw, run)[0]
        do = {
            "a line": ("update runs set verdict = 'pass' where id = ?", run),
            "a record": ("update records set title = 'x' where token = ?", token),
            "a file": ("update artifacts set content = x'01ff' where token = ?", token),
            "a link": ("update chain set facts = '0' where run_id = ?", run),
            "a run gone": ("delete from runs where id = ?", run),
        }
        raw.execute(do[how][0], (do[how][1],))
    before = place.read_bytes()
    with pytest.raises(Broken):
        rekey(Database(place, makes=False), new_sealing_key(place.parent / "next.pem"))
    assert place.read_bytes() == before and found(place).broken


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
def test_an_old_copy_put_back_is_found(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place.read_bytes()
    rekeyed(place, monkeypatch)
    for file in place.parent.glob("runs.sqlite-*"):
        file.unlink()
    place.write_bytes(old)
    for key in ("next.pem", "sealed.pem"):
        monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / key))
        assert any("another store lies here" in line for line in found(place).broken)


@pytest.mark.parametrize("mode", ["sealed", "plain"], indirect=True)
@pytest.mark.parametrize("when", ["_announced", "_settled"])
def test_a_kill_leaves_it_as_it_was_or_done(place: Path, when: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit log names the new chain before the store has it; whichever of the two lies there, it holds."""
    before = everything(place)
    real = getattr(rekeying, when)

    def killed(*given: object) -> None:
        real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rekeying, when, killed)
        if when == "_settled":  # not told either
            patch.setattr(
                anchoring,
                "anchor",
                lambda place, head, runs=None, was="", real=anchoring.anchor: real(place, head, runs, was) if was else "",
            )
        with pytest.raises(KeyboardInterrupt):
            rekey(Database(place, makes=False), new_sealing_key(place.parent / "next.pem"))
    if when == "_settled":
        monkeypatch.setenv("TILTYARD_STORE_KEY", str(place.parent / "next.pem"))
    assert found(place).broken == [] and not shows(place) and everything(place) == before
    rekeyed(place, monkeypatch, "third.pem")
    assert found(place).broken == [] and everything(place) == before


@pytest.mark.parametrize("mode", ["sealed"], indirect=True)
def test_refused_without_the_key_or_with_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.sealing.keys import read_sealing_key

    with pytest.raises(Problem, match="the same"):
        rekey(Database(place, makes=False), read_sealing_key(place.parent / "sealed.pem"))
    monkeypatch.delenv("TILTYARD_STORE_KEY")
    with pytest.raises(Problem, match="the key that this store's chain was made under; found none"):
        rekey(Database(place, makes=False), new_sealing_key(place.parent / "next.pem"))


def test_rows_from_before_the_first_key_stay_marked(made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = copied(made["plain"], tmp_path)
    keyed("sealed", tmp_path, monkeypatch)
    target, data = tiny()
    Store(place).end(Store(place).begin("sealed", target.identity, data.identity).id)
    rekeyed(place, monkeypatch)
    lines = Store(place).runs()
    assert [line.proof for line in lines] == ["intact"] + ["unproven"] * 3 and "before the key" in lines[1].doubt
    assert found(place).broken == []
