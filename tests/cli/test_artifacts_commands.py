"""Files of runs on the command line: listed, taken out, deleted; a store is verified."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tiltyard.artifacts.hashing import file_sha256
from tiltyard.datasets.reading import read_table
from tiltyard.sealing.keys import new_sealing_key

Tiltyard = Callable[..., Any]
ATTACK = ("check", "evasion.fgsm", "--sample", "census", "--rows", "20", "--curve", "no")


def listed(tiltyard: Tiltyard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tiltyard("artifacts", "list", "--json").out)["artifacts"]
    return found


def test_adversarial_rows_and_a_guard_are_kept_taken_out_and_deleted(tiltyard: Tiltyard, tmp_path: Path, place: Path) -> None:
    assert tiltyard(*ATTACK).code == 0
    (rows,) = listed(tiltyard)
    assert (rows["name"], rows["step"], rows["kept"]) == ("adversarial.npz", "evasion.fgsm", True)
    said = tiltyard("artifacts", "get", "last", rows["sha256"][:12], "--out", "taken.npz")
    assert said.code == 0 and rows["sha256"] in said.out.replace("\n", "")
    assert file_sha256(Path("taken.npz")) == rows["sha256"]
    assert len(read_table(Path("taken.npz")).x) == 20
    assert "not in use" in tiltyard("artifacts", "get", "last", "adversarial.npz", "--out", "taken.npz").line
    assert tiltyard("artifacts", "get", "last", "adversarial.npz", "--out", "taken.csv").code == 0
    assert len(Path("taken.csv").read_text().splitlines()) == 21 and "age before" in Path("taken.csv").read_text()
    assert ".csv" in tiltyard("artifacts", "get", "last", "adversarial.npz", "--out", "taken.zip").line and not Path("taken.zip").exists()
    assert "adversarial.npz" in tiltyard("artifacts", "list", "last").out
    assert tiltyard("artifacts", "get", "last", "none", "--out", "x").code == 2 and not Path("x").exists()
    assert tiltyard("verify", place).code == 0
    assert tiltyard("artifacts", "delete", "last", "adversarial.npz").code == 0
    assert [a["kept"] for a in listed(tiltyard)] == [False]
    assert "its hash alone" in tiltyard("artifacts", "get", "last", "adversarial.npz", "--out", "x").line
    assert tiltyard("check", "validation.guard", "--sample", "census").code == 0
    assert tiltyard("artifacts", "get", "last", "guard.safetensors", "--out", "guard.safetensors").code == 0
    from tiltyard.validation.guard import load

    assert load("guard.safetensors").neighbors == 5


def test_verify_sees_a_changed_file_and_what_lies_in_the_clear(
    tiltyard: Tiltyard, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiltyard(*ATTACK)
    assert "intact: 1 records and 1 file of 1 runs" in tiltyard("verify", place).out.replace("\n", " ")
    new_sealing_key(tmp_path / "key.pem")
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    said = tiltyard("verify", place)
    assert said.code == 2 and "2 lie in the clear" in said.out.replace("\n", " ")
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("update artifacts set content = substr(content, 1, 100)")
    said = tiltyard("verify", place)
    assert said.code == 1 and "adversarial.npz" in said.out
    assert tiltyard("artifacts", "get", "last", "adversarial.npz", "--out", "x").code == 2 and not Path("x").exists()


def test_a_viewer_takes_nothing(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    tiltyard(*ATTACK)
    monkeypatch.setenv("TILTYARD_USER", "eve")
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    for words in (("artifacts", "get", "last", "adversarial.npz", "--out", "x"), ("verify", place)):
        assert "the role" in tiltyard(*words).line
    monkeypatch.setenv("TILTYARD_ROLE", "analyst")
    assert "the role admin" in tiltyard("artifacts", "delete", "last", "adversarial.npz").line
    assert not Path("x").exists()
