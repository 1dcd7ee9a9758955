import json
import os
from pathlib import Path

import pytest

from tiltyard.access import passwords
from tiltyard.access.passwords import FREE_TRIES, LONGEST_WAIT, Lockout, hashed, matches
from tiltyard.access.users import Users
from tiltyard.errors import Problem

GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost once, in the test of it; here a small one."""
    monkeypatch.setattr(passwords, "PASSES", 1)
    monkeypatch.setattr(passwords, "MEMORY", 64)
    monkeypatch.setattr(passwords, "LANES", 1)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "place" / "users.json")


def test_the_cost_is_the_recommended_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert hashed(GOOD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_password_matches_itself_alone() -> None:
    hash = hashed(GOOD)
    assert matches(hash, GOOD) and GOOD not in hash
    assert not matches(hash, GOOD + " ") and not matches(hash, "") and not matches("", GOOD) and not matches("no hash", GOOD)
    assert hashed(GOOD) != hash, "each has its own salt"
    assert matches(hashed("p\u00e4ssw\u00f6rter sind lang"), "pa\u0308sswo\u0308rter sind lang"), "composed or not, the same password"


@pytest.mark.parametrize("bad", ["", "short", "x" * 1025])
def test_too_short_or_long_is_refused(bad: str) -> None:
    with pytest.raises(Problem, match="12 to 1,024"):
        hashed(bad)


def test_people_come_change_and_go(users: Users) -> None:
    assert users.all() == () and users.verify("ada", GOOD) is None
    users.add("ada", "analyst", GOOD)
    users.add("bob", "viewer", GOOD)
    assert [(u.name, u.role) for u in users.all()] == [("ada", "analyst"), ("bob", "viewer")]
    found = users.verify("ada", GOOD)
    assert found and found.role == "analyst" and users.verify("ada", "something else") is None
    before = found.mark
    assert users.change("ada", role="admin").role == "admin" and users.change("ada").mark == before
    assert users.change("ada", password="another good one").mark != before and users.verify("ada", GOOD) is None
    assert users.remove("ada").name == "ada" and users.find("ada") is None
    assert GOOD not in users.path.read_text() and users.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda u: u.add("ada", "analyst", GOOD), "name not in use"),
        (lambda u: u.add("a b", "analyst", GOOD), "letters, digits"),
        (lambda u: u.add("../x", "analyst", GOOD), "letters, digits"),
        (lambda u: u.add("x" * 65, "analyst", GOOD), "letters, digits"),
        (lambda u: u.add("bob", "king", GOOD), r"viewer, analyst, admin"),
        (lambda u: u.add("bob", "viewer", "short"), "12 to 1,024"),
        (lambda u: u.remove("bob"), "which none has"),
        (lambda u: u.change("bob", role="admin"), "which none has"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(users: Users, act: object, says: str) -> None:
    users.add("ada", "admin", GOOD)
    before = users.path.read_bytes()
    with pytest.raises(Problem, match=says):
        act(users)  # type: ignore[operator]
    assert users.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 2, "users": []}', b'{"format":1,"users":[{"name":"x"}]}', b"\xff"])
def test_a_damaged_file_is_no_empty_one(users: Users, content: bytes) -> None:
    users.path.parent.mkdir()
    users.path.write_bytes(content)
    users.path.chmod(0o600)
    for act in (users.all, lambda: users.verify("ada", GOOD), lambda: users.add("ada", "admin", GOOD)):
        with pytest.raises(Problem, match="users file of format 1"):
            act()
    assert users.path.read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_file_others_can_read_is_refused(users: Users) -> None:
    users.add("ada", "admin", GOOD)
    users.path.chmod(0o644)
    with pytest.raises(Problem, match=r"only its owner can read.*chmod 600"):
        users.all()


def test_the_file_says_its_format(users: Users) -> None:
    users.add("ada", "admin", GOOD)
    assert json.loads(users.path.read_text())["format"] == 1


def test_after_five_wrong_tries_a_name_waits_ever_longer() -> None:
    now = [0.0]
    lock = Lockout(lambda: now[0])
    for _ in range(FREE_TRIES):
        assert lock.wait("ada") == 0
        lock.failed("ada")
    assert lock.wait("ada") == 30 and lock.wait("bob") == 0
    now[0] = 29
    assert lock.wait("ada") == 1
    now[0] = 30
    assert lock.wait("ada") == 0
    lock.failed("ada")
    assert lock.wait("ada") == 60
    for _ in range(50):
        lock.failed("ada")
    assert lock.wait("ada") == LONGEST_WAIT
    lock.passed("ada")
    assert lock.wait("ada") == 0


def test_made_up_names_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_NAMES", 10)
    lock = Lockout()
    for i in range(100):
        lock.failed(f"name {i}")
    assert len(lock._failed) == 10


def test_made_up_names_push_out_none_that_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_NAMES", 10)
    lock = Lockout(lambda: 100.0)
    for _ in range(5):
        lock.failed("ada")
    for i in range(1000):
        lock.failed(f"made up {i}")
    assert lock.wait("ada") > 0


def test_a_clock_set_back_shortens_no_wait() -> None:
    """The lock is by the time since the start, which no clock changes."""
    import time

    assert Lockout()._clock is time.monotonic


def test_a_file_that_has_not_changed_is_not_read_again_and_one_that_has_is(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add("ada", "analyst", GOOD)
    assert users.all() is not users.all(), "written just now: it may be written again within one tick of the clock"
    monkeypatch.setattr("tiltyard.access.users.LATELY", 0.0)
    before = users.all()
    assert users.all() is before
    other = Users(users.path)
    other.change("ada", role="viewer")
    assert users.find("ada").role == "viewer"  # type: ignore[union-attr]
    content = users.path.read_bytes()
    users.path.write_bytes(content.replace(b"viewer", b"runner"))
    with pytest.raises(Problem):
        users.all()
    users.path.write_bytes(content)
    users.all()
    users.path.chmod(0o644)
    with pytest.raises(Problem, match="only its owner"):
        users.all()
    users.path.unlink()
    assert users.all() == ()
