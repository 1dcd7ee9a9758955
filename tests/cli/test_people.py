import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard.access.users import Users
from tiltyard.errors import Problem
from tiltyard.result import Identity
from tiltyard.store.store import Store

Tiltyard = Callable[..., Any]


@pytest.fixture(autouse=True)
def _people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "config" / "users.json"))
    monkeypatch.setenv("TILTYARD_USER_PASSWORD", "correct horse battery")


def test_somebody_is_added_listed_changed_and_removed(tiltyard: Tiltyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nobody" in tiltyard("user", "list").err
    assert tiltyard("user", "add", "ada", "--role", "viewer").code == 0
    assert tiltyard("user", "role", "ada", "analyst").code == 0
    listed = tiltyard("user", "list")
    assert "ada" in listed.out and "analyst" in listed.out and "argon2" not in listed.out
    facts = json.loads(tiltyard("user", "list", "--json").out)
    assert facts["format"] == 1 and facts["users"][0].keys() == {"name", "role", "made"}
    assert Users().verify("ada", "correct horse battery")
    monkeypatch.setenv("TILTYARD_USER_PASSWORD", "another horse altogether")
    assert tiltyard("user", "password", "ada").code == 0
    assert not Users().verify("ada", "correct horse battery") and Users().verify("ada", "another horse altogether")
    assert tiltyard("user", "remove", "ada").code == 0
    assert not Users().all()
    audit = next(tmp_path.glob("*.audit.jsonl")).read_text()
    assert [w for w in ("user added", "role changed", "password changed", "user removed") if w not in audit] == []
    assert "horse" not in audit and "argon2" not in audit


def test_a_first_password_is_marked_and_ones_own_is_not(tiltyard: Tiltyard) -> None:
    assert "at the first login" in tiltyard("user", "add", "ada", "--once").out
    first = Users().find("ada")
    assert first is not None and first.once
    with pytest.raises(Problem, match="the one that was handed out"):
        Users().renew("ada", first.mark, "correct horse battery")
    with pytest.raises(Problem, match="one that has been replaced"):
        Users().renew("ada", "another mark", "a password of my own")
    assert not Users().renew("ada", first.mark, "a password of my own").once
    assert tiltyard("user", "password", "ada", "--once").code == 0 and Users().all()[0].once
    assert tiltyard("user", "password", "ada").code == 0 and not Users().all()[0].once


@pytest.mark.parametrize(
    "words",
    [("add", "../x"), ("add", "bob", "--role", "king"), ("role", "nobody", "viewer"), ("remove", "nobody"), ("password", "nobody")],
)
def test_bad_wishes_are_one_line(tiltyard: Tiltyard, words: tuple[str, ...]) -> None:
    said = tiltyard("user", *words)
    assert said.code == 2 and said.line


def test_a_weak_password_and_none_are_told(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USER_PASSWORD", "short")
    assert "12 to" in tiltyard("user", "add", "bob").line
    monkeypatch.delenv("TILTYARD_USER_PASSWORD")
    assert "TILTYARD_USER_PASSWORD" in tiltyard("user", "add", "bob").line
    assert not Users().all()


@pytest.mark.parametrize("role", ["viewer", "analyst"])
@pytest.mark.parametrize(
    "words",
    [
        ("user", "add", "bob"),
        ("user", "role", "bob", "admin"),
        ("user", "password", "bob"),
        ("user", "remove", "bob"),
        ("key", "new", "bob"),
        ("key", "list"),
        ("runs", "--delete", "last"),
        ("verify", "runs.audit.jsonl"),
    ],
)
def test_what_a_role_does_not_allow_is_refused(
    tiltyard: Tiltyard, words: tuple[str, ...], role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tiltyard("user", "add", "first").code == 0
    monkeypatch.setenv("TILTYARD_USER", "eve")
    monkeypatch.setenv("TILTYARD_ROLE", role)
    said = tiltyard(*words)
    assert said.code == 2
    assert "the role admin" in said.line and f"the role {role}" in said.line


@pytest.mark.parametrize("words", [("serve", "sample:census"), ("monitor", "a.csv", "b.csv"), ("bom", "--out", "bom.json")])
def test_a_viewer_neither_serves_nor_measures_nor_writes(
    tiltyard: Tiltyard, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTYARD_USER", "eve")
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    said = tiltyard(*words)
    assert said.code == 2
    assert "the role analyst" in said.line and "the role viewer" in said.line


def test_a_run_is_shared_and_no_longer(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    what = Identity(name="model", fingerprint="0" * 64)
    store.end(store.begin("mine", what, what).id)
    assert "Everybody may look" in tiltyard("runs", "--share", "last").out
    with monkeypatch.context() as vera:
        vera.setenv("TILTYARD_USER", "vera")
        vera.setenv("TILTYARD_ROLE", "viewer")
        assert "mine" in tiltyard("runs").out
        assert "the role viewer" in tiltyard("runs", "--unshare", "last").line
    assert "Only its owner" in tiltyard("runs", "--unshare", "last").out
    assert not store.shared()
