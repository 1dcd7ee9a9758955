"""What a kernel that was taken over may not: every call is checked, whatever it sends."""

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tiltyard.access import frames
from tiltyard.access.frames import Message, receive, send
from tiltyard.access.line import Line
from tiltyard.access.remote_users import RemoteUsers
from tiltyard.access.roles import Denied, Role, allows
from tiltyard.access.users import Users
from tiltyard.audit.wording import OF_KEEPERS, OF_KERNELS
from tiltyard.broker.client import Allowance
from tiltyard.broker.desk import RULES
from tiltyard.broker.server import Broker
from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.serving.keys import KeyStore, default_place
from tiltyard.serving.remote_keys import RemoteKeys
from tiltyard.store.store import Store

from .calls import GIVEN, made, words
from .conftest import MODEL, ROWS, Lines, lines_of, record

UNFIT: list[Any] = [None, 3, "x" * 100_000, [], {"a": {}}, {"self": 1}, -1, 1e308]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
@pytest.mark.parametrize("call", RULES)
def test_a_call_that_wants_more_than_the_role_is_refused(lines: Lines, role: Role, call: str) -> None:
    if allows(role, RULES[call].needs):
        return
    run, token = made(lines.store("ada"))
    Users().add("ada", "analyst", "correct horse battery")
    before = (Store().runs(), Users().all(), KeyStore(default_place()).all())
    given = {name: {"RUN": run, "TOKEN": token}.get(str(value), value) for name, value in GIVEN.get(call, {}).items()}
    with pytest.raises(Denied, match="the role"):
        lines.of("vera" if role is Role.VIEWER else "ada").ask(call, **given)
    assert (Store().runs(), Users().all(), KeyStore(default_place()).all()) == before


@pytest.mark.parametrize(
    "call", ["end", "start", "add", "share", "cancel", "job_open", "file", "run", "finish", "job_tell", "job_asked", "job_close"]
)
def test_anothers_run_step_and_job_are_out_of_reach(lines: Lines, call: str) -> None:
    ada = lines.store("ada")
    run, _ = made(ada)
    token, job = ada.start(run, find("evasion.pgd")()), ada.jobs.open(run)
    before = (Store().run(run), Store().steps(run), Store().jobs.underway())
    given = {name: {"RUN": run, "TOKEN": token, "JOB": job}.get(str(value), value) for name, value in GIVEN[call].items()}
    with pytest.raises(Problem):
        lines.of("bob").ask(call, **given)
    assert (Store().run(run), Store().steps(run), Store().jobs.underway()) == before
    ada.share(run)
    if call not in ("run", "cancel"):
        with pytest.raises(Problem):
            lines.of("bob").ask(call, **given)
    elif call == "cancel":
        assert lines.of("bob").ask(call, **given).says["value"] == 0
    assert (Store().run(run), Store().steps(run), Store().jobs.underway()) == before


def test_a_step_of_ones_other_page_is_not_finished(lines: Lines) -> None:
    ada = lines.store("ada")
    token = ada.start(ada.begin("r", MODEL, ROWS).id, find("evasion.pgd")())
    with pytest.raises(Denied, match="a step that this page began"):
        lines.store("ada").finish(token, record())


def test_who_did_it_is_whose_line_it_is(lines: Lines, within: Callable[[Line], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_USER", "eve")
    monkeypatch.setenv("TILTYARD_ROLE", "admin")
    store = lines.store("ada")
    run = store.begin("r", MODEL, ROWS)
    assert run.owner == "ada"
    said = lines.of("ada").ask("note", what="run started", fingerprint="", parameters={"who": "eve"}).says["value"]
    assert said == ""
    assert words()[-1] == ("ada", "run started")
    with pytest.raises(Problem):
        lines.of("ada").ask("note", what="run started", fingerprint="", parameters={}, who="eve")


@pytest.mark.parametrize("what", sorted(OF_KEEPERS | {"something else", "run started ", "Login"}))
def test_no_kernel_says_what_is_told_by_who_does_it(lines: Lines, what: str) -> None:
    before = words()
    with pytest.raises(Denied):
        lines.of("eve").ask("note", what=what, fingerprint="", parameters={})
    assert words() == before


def test_a_viewer_says_of_no_run_that_it_was_started(lines: Lines) -> None:
    for what, need in OF_KERNELS.items():
        if need != "export":
            with pytest.raises(Denied):
                lines.of("vera").ask("note", what=what, fingerprint="", parameters={})
    assert lines.of("vera").ask("note", what="report exported", fingerprint="", parameters={}).says["value"] == ""


def test_no_hash_of_a_password_or_key_comes_out(lines: Lines) -> None:
    eve = lines.of("eve")
    users, keys = RemoteUsers(eve), RemoteKeys(eve)
    users.add("gus", "viewer", "gusts of the gulf")
    users.change("gus", role="analyst")
    users.change("gus", password="gales of the gulf")
    key = keys.new("partner", lasts=timedelta(days=1))
    assert Users().verify("gus", "gales of the gulf") and KeyStore(default_place()).find(key.secret)
    said = repr([eve.ask(call).says for call in ("users", "keys")]) + repr(users.remove("gus").password)
    assert "argon2" not in said and KeyStore(default_place()).all()[0].hash not in said and key.key.hash == ""
    keys.revoke(key.key.id)
    (again,) = keys.revoke_line(keys.new("partner", lasts=timedelta(days=1)).key.id)
    assert again.hash == "" and again.revoked is not None
    done = ["user added", "role changed", "password changed", "key made", "user removed", "key revoked", "key made"]
    done += ["keys of an account revoked"]
    assert words() == [("eve", what) for what in done]


def test_an_admin_changes_everybody_but_their_own_role(lines: Lines) -> None:
    Users().add("eve", "admin", "an evening in eden")
    eve = RemoteUsers(lines.of("eve"))
    for act in (lambda: eve.change("eve", role="viewer"), lambda: eve.remove("eve")):
        with pytest.raises(Problem, match="another person than yourself"):
            act()


def test_a_login_that_has_changed_opens_nothing_more(lines: Lines) -> None:
    Users().add("ada", "analyst", "correct horse battery")
    user = Users().find("ada")
    assert user is not None
    changes: list[Callable[[], object]] = [
        lambda: Users().change("ada", role="viewer"),
        lambda: Users().change("ada", role="analyst", password="another fine phrase"),
        lambda: Users().remove("ada"),
    ]
    for change in changes:
        now = Users().find("ada")
        assert now is not None
        kernel = lines.of("ada", f"{now.mark} analyst") if now.role == "analyst" else lines.of("ada", f"{now.mark} viewer")
        kernel.ask("runs", limit=1, offset=0, search="")
        change()
        with pytest.raises(Denied, match="Log in again"):
            kernel.ask("runs", limit=1, offset=0, search="")


def test_a_line_that_was_withdrawn_answers_no_more(lines: Lines) -> None:
    held, other = lines.of("ada", kernel="gone"), lines.of("ada")
    held.ask("shared")
    lines.broker.withdraw("gone")
    for _ in range(2):
        with pytest.raises(Problem, match="Download what you need of this page"):
            held.ask("shared")
    assert other.ask("shared").says["value"] == []


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 12,
        b"\xff" * 12,
        frames.HEAD.pack(5, 0) + b"[1,2]",
        frames.HEAD.pack(2, 0) + b"{}",
        frames.HEAD.pack(1 << 20, 0) + b"[" * (1 << 20),
        frames.HEAD.pack(13, 0) + b'{"files":"x"}',
        frames.HEAD.pack(18, 3) + b'{"files":{"a":-3}}' + b"abc",
        frames.HEAD.pack(21, 3) + b'{"files":{"a":1e999}}' + b"abc",
        frames.HEAD.pack(frames.MOST_TEXT + 1, 0),
        frames.HEAD.pack(10, frames.MOST_FILES + 1),
        frames.HEAD.pack(2**32 - 1, 2**64 - 1),
        b"\x80\x04\x95" + b"cos\nsystem\n(S'touch /tmp/x'\ntR.",
    ],
)
def test_what_is_no_message_ends_its_line_and_no_other(lines: Lines, bytes_sent: bytes) -> None:
    end, other = lines.end("ada"), lines.of("bob")
    end.sendall(bytes_sent)
    end.shutdown(socket.SHUT_WR)
    end.settimeout(30)
    try:
        assert end.recv(1) == b""
    except ConnectionResetError:
        """Hung up with some of it unread."""
    assert other.ask("shared").says["value"] == []


def test_half_a_message_is_waited_for_by_its_own_line_alone(lines: Lines) -> None:
    end = lines.end("ada")
    end.sendall(frames.HEAD.pack(100, 0) + b'{"call":')
    assert lines.of("ada").ask("shared").says["value"] == []


def test_a_message_that_takes_too_long_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frames.HEAD.pack(100, 0) + b"{")
        with pytest.raises(frames.Gone, match=r"too long|timed out"):
            receive(theirs, 0.05)


@pytest.mark.parametrize("call", ["store", "_own", "_done", "answer", "__class__", "__init__", "client", "", "begin ", "Begin"])
def test_only_what_is_on_the_list_is_done(lines: Lines, call: str) -> None:
    with pytest.raises(Problem, match="a call that the broker knows"):
        lines.of("eve").ask(call)


@pytest.mark.parametrize(
    "says", [{}, {"call": 1, "given": {}}, {"call": ["run"], "given": {}}, {"call": "run"}, {"call": "run", "given": []}]
)
def test_a_call_that_is_none_is_a_problem(lines: Lines, says: dict[str, Any]) -> None:
    end = lines.end("eve")
    send(end, Message(says), 30)
    assert receive(end, 30).says["problem"]["expected"] == "a call that the broker knows"


@pytest.mark.parametrize("call", RULES)
def test_words_that_do_not_fit_are_a_problem(lines: Lines, call: str) -> None:
    end, fits = lines.end("eve"), GIVEN.get(call, {})
    for value in UNFIT:
        for given in (dict.fromkeys(fits or {"run_id": 0}, value), {**fits, "more": value}, {"self": value}):
            send(end, Message({"call": call, "given": given}), 30)
            answer = receive(end, 30).says
            assert "value" in answer or "that it broke" not in answer["problem"]["found"], answer


def _without_end(store: Store) -> None:
    for _ in range(1000):
        store.begin("r", MODEL, ROWS)


def test_one_person_does_not_fill_the_disk(tmp_path: Path) -> None:
    with lines_of(Broker(Allowance(20_000))) as lines:
        ada = lines.store("ada")
        with pytest.raises(Problem, match="kept by one person in a day"):
            _without_end(ada)
        assert 5 < Store().count() <= 20
        with pytest.raises(Problem, match="kept by one person in a day"):
            lines.store("ada").begin("r", MODEL, ROWS)
        lines.store("bob").begin("r", MODEL, ROWS)


def test_files_come_with_no_other_call(lines: Lines) -> None:
    with pytest.raises(Problem, match="a call that the broker knows"):
        lines.of("ada").ask("begin", {"a": b"x"}, **GIVEN["begin"])


def test_what_is_too_large_is_said_before_it_is_sent(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = lines.store("ada")
    monkeypatch.setattr(frames, "MOST_FILE", 10)
    with pytest.raises(Problem, match="Keep less at a time"):
        ada.finish("x", record(), {"a": b"x" * 11})
    assert ada.count() == 0
