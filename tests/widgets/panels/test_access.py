import json
from datetime import timedelta
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.audit import notes as audit
from tiltyard.audit.log import records
from tiltyard.serving.keys import KeyStore
from tiltyard.store.store import Store
from tiltyard_widgets.panels.access import AccessPanel
from tiltyard_widgets.panels.session import Session

from .waiting import until


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USERS", str(tmp_path / "users.json"))
    monkeypatch.setenv("TILTYARD_KEYS", str(tmp_path / "keys.json"))


def panel(tmp_path: Path, role: Role = Role.ADMIN) -> AccessPanel:
    return AccessPanel(session=Session(store=Store(tmp_path / "runs.sqlite", person=Person("eve", role, shared=True))))


def test_it_says_who_i_am_and_what_each_role_allows(tmp_path: Path) -> None:
    shown = panel(tmp_path, Role.ANALYST)
    assert "You are eve, an analyst; you see your own runs" in json.dumps(shown.lead.tree)
    table = json.dumps(shown.table.tree, ensure_ascii=False)
    assert "analyst (you)" in table and "Make and revoke keys" in table


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
def test_the_rest_is_for_admins(tmp_path: Path, role: Role) -> None:
    shown = panel(tmp_path, role)
    for part in ("people", "keys", "log"):
        shown.part.value = part
        assert "Needs the role admin" in json.dumps(shown.lead.tree)
    buttons = (shown.add, shown.give, shown.renew, shown.remove, shown.make, shown.end, shown.end_line, shown.check)
    assert all(b.disabled and "admin" in b.tooltip for b in buttons)
    shown.name.value, shown.owner.value = "mallory", "mallory"
    shown.password.put("correct horse battery")
    for button in buttons:  # as a message that the page would not send
        shown.message.clear()
        button.click()
        assert "the role admin" in shown.message.text, button.description
    assert not Users().all()
    assert not KeyStore(tmp_path / "keys.json").all()


def test_an_admin_adds_changes_and_removes_people(tmp_path: Path) -> None:
    shown = panel(tmp_path)
    shown.part.value = "people"
    shown.name.value, shown.role.value = "ada", "viewer"
    shown.add.click()
    assert "a password" in shown.message.text
    shown.password.put("short")
    shown.add.click()
    assert "12 to" in shown.message.text
    shown.password.put("correct horse battery")
    shown.add.click()
    assert Users().verify("ada", "correct horse battery")
    assert not shown.password.held and shown.name.value == ""
    shown.role.value = "analyst"
    shown.give.click()
    shown.password.put("another horse altogether")
    shown.renew.click()
    user = Users().verify("ada", "another horse altogether")
    assert user and user.role is Role.ANALYST
    assert not user.once
    shown.once.value = True
    shown.password.put("a first one to hand out")
    shown.renew.click()
    assert Users().all()[0].once
    assert "once they have set a password of their own" in shown.message.text
    assert shown.table.table.rows[0][-1] == "a first one"
    shown.remove.click()
    assert not Users().all()
    log = audit.place(tmp_path / "runs.sqlite")
    assert log
    assert [(r.who, r.what) for r in records(log)] == [
        ("eve", "user added"),
        ("eve", "role changed"),
        ("eve", "password changed"),
        ("eve", "password changed"),
        ("eve", "user removed"),
    ]
    assert "horse" not in log.read_text() and "hand out" not in log.read_text()


def test_nobody_locks_themselves_out(tmp_path: Path) -> None:
    Users().add("eve", "admin", "an evening in eden")
    shown = panel(tmp_path)
    shown.part.value = "people"
    for button in (shown.remove, shown.give):
        button.click()
        assert "Let another admin do it" in shown.message.text
    assert [u.role for u in Users().all()] == [Role.ADMIN]


def test_a_key_is_shown_once(tmp_path: Path) -> None:
    shown = panel(tmp_path)
    shown.part.value = "keys"
    shown.owner.value, shown.days.value = "ann", "soon"
    shown.make.click()
    assert "whole number" in shown.message.text and not shown.secret.value
    shown.days.value = "30"
    shown.make.click()
    secret = shown.secret.value
    keys = KeyStore(tmp_path / "keys.json")
    found = keys.find(secret)
    assert found and found.name == "ann" and found.scopes == ("predict",)
    assert secret not in json.dumps(shown.table.tree) and secret not in shown.message.text
    shown.part.value = "me"
    assert not shown.secret.value
    shown.part.value = "keys"
    shown.end.click()
    ended = keys.find(secret)
    assert ended and ended.state(keys.clock()) == "revoked"
    log = audit.place(tmp_path / "runs.sqlite")
    assert log and secret not in log.read_text()


def test_a_whole_line_of_keys_is_ended_at_once(tmp_path: Path) -> None:
    shown = panel(tmp_path)
    shown.part.value = "keys"
    shown.owner.value, shown.days.value = "ann", "30"
    shown.make.click()
    keys = KeyStore(tmp_path / "keys.json")
    first = keys.all()[0]
    second = keys.rotate(first.id, timedelta(days=1))
    other = keys.new("bob")
    assert shown.which.value == first.id
    shown.end_line.click()
    assert "2 keys of the line" in shown.message.text
    keys = KeyStore(tmp_path / "keys.json")
    ended = {key.id for key in keys.all() if key.state(keys.clock()) == "revoked"}
    assert ended == {first.id, second.key.id} and other.key.id not in ended


def test_the_log_is_shown_with_its_state(tmp_path: Path) -> None:
    shown = panel(tmp_path)
    shown.part.value = "log"
    until(lambda: "no audit log" in json.dumps(shown.sentence.tree))
    store = tmp_path / "runs.sqlite"
    for n in range(3):
        assert not audit.note("something done", parameters={"n": n}, who="ada", store=store)
    shown.check.click()
    until(lambda: "Intact: 3 records" in json.dumps(shown.sentence.tree))
    assert "something done" in json.dumps(shown.table.tree)
    log = audit.place(store)
    assert log
    log.write_text(log.read_text().replace("ada", "bob", 1))
    shown.check.click()
    until(lambda: "Broken" in json.dumps(shown.sentence.tree))
    assert shown.table.tree == []
