"""What the commands say of a store that somebody wrote to behind Tiltyard's back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.tampering import attacker, filled, keyed

Tiltyard = Callable[..., Any]


@pytest.fixture(params=["plain", "sealed"])
def place(place: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    keyed(request.param, place.parent, monkeypatch)
    filled(place)
    return place


def ids(place: Path) -> list[str]:
    with attacker(place) as raw:
        return [row[0] for row in raw.execute("select id from runs order by started")]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_what_holds_is_called_intact(tiltyard: Tiltyard, place: Path) -> None:
    said = tiltyard("verify", place)
    assert said.code == 0 and "intact: 6 records and 6 files of 3 runs" in flat(said.out)
    listed = tiltyard("runs")
    assert listed.out.count("✓ intact") == 3 and "✕" not in listed.out + listed.err
    assert {run["proof"] for run in json.loads(tiltyard("runs", "--json").out)["runs"]} == {"intact"}


def test_an_edited_run_is_marked_and_given_to_nobody(tiltyard: Tiltyard, place: Path) -> None:
    one, two, _ = ids(place)
    with attacker(place) as raw:
        raw.execute("update records set severity = '', state = 'passed' where run_id = ?", (one,))
        raw.execute("update runs set verdict = 'pass' where id = ?", (one,))
    said = tiltyard("verify", place)
    assert said.code == 1 and f"run {one[:8]}, evasion.share, record" in flat(said.out) and "was edited" in said.out
    listed = tiltyard("runs")
    assert "✕ broken" in listed.out and listed.out.count("✓ intact") == 2 and f"Run {one[:8]}: " in flat(listed.err)
    told = {run["id"]: run for run in json.loads(tiltyard("runs", "--json").out)["runs"]}
    assert told[one]["proof"] == "broken" and "was edited" in told[one]["doubt"]
    Path("c.toml").write_text('[target]\nsample = "census"\n[[check]]\nid = "fairness.groups"\n')
    for words in (
        ("assess", "c.toml", "--baseline", one),
        ("report", one),
        ("compare", one, two),
        ("compare", two, one),
        ("artifacts", "list", one),
        ("runs", "--trend", two),
    ):
        refused = tiltyard(*words)
        assert refused.code in (1, 2) and f"run {one[:8]} as it was written" in refused.line, words
    assert tiltyard("report", two, "--out", "two.json").code == 0


def test_a_deleted_run_and_an_older_copy_show(tiltyard: Tiltyard, place: Path) -> None:
    ids(place)  # so that all lies in the one file
    old = place.read_bytes()
    one, *_ = ids(place)
    with attacker(place) as raw:
        raw.execute("pragma foreign_keys = on")
        raw.execute("delete from runs where id = ?", (one,))
    said = tiltyard("verify", place)
    assert said.code == 1 and f"run {one[:8]} was deleted" in flat(said.out)
    assert f"run {one[:8]} was deleted behind" in flat(tiltyard("runs").err)
    for file in place.parent.glob("runs.sqlite*"):
        file.unlink()
    place.write_bytes(old)
    assert tiltyard("verify", place).code == 0
    assert tiltyard("runs", "--delete", one).code == 0
    for file in place.parent.glob("runs.sqlite*"):
        file.unlink()
    place.write_bytes(old)
    said = tiltyard("verify", place)
    assert said.code == 1 and "rolled back" in flat(said.out)
    assert "rolled back" in flat(tiltyard("runs").err) and "rolled back" in tiltyard("report", one).line


def test_what_cannot_be_told_is_said(tiltyard: Tiltyard, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = (place.parent / "sealed.pem").exists()
    monkeypatch.setenv("TILTYARD_AUDIT", "off")
    said = tiltyard("verify", place)
    assert said.code == 2 and "the audit log is off" in flat(said.out)
    monkeypatch.delenv("TILTYARD_AUDIT")
    if sealed:
        keyed("plain", place.parent, monkeypatch)
        said = tiltyard("verify", place)
        assert said.code == 2 and "TILTYARD_STORE_KEY" in said.out
        assert tiltyard("runs").out.count("? unproven") == 3
        return
    with attacker(place) as raw:
        for table in ("chain", "store_head"):
            raw.execute(f"drop table {table}")
    assert tiltyard("verify", place).code == 1  # for its log speaks of a chain
    for file in place.parent.glob("runs.audit.jsonl*"):
        file.unlink()
    said = tiltyard("verify", place)
    assert said.code == 2 and "from before the chain" in flat(said.out)
    assert "3 runs are from before the chain" in flat(tiltyard("runs").err)
    one, two, _ = ids(place)
    assert tiltyard("report", one, "--out", "x.html").code == 0
    assert "is not proven: it is from before the chain" in Path("x.html").read_text()
    assert flat(tiltyard("compare", one, two).err).count("is from before the chain") == 2
