"""The broker does for a kernel what its person may, in their name, and nothing that a kernel makes up."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import tiltyard_widgets
from tiltyard.access import frames
from tiltyard.access.frames import Message, receive, send
from tiltyard.access.line import Line
from tiltyard.access.person import Person
from tiltyard.access.remote_users import RemoteUsers
from tiltyard.access.roles import Denied, Role, allows
from tiltyard.access.users import Users
from tiltyard.audit import notes as audit
from tiltyard.audit.log import records as logged
from tiltyard.audit.wording import OF_KEEPERS, OF_KERNELS
from tiltyard.broker.client import Allowance
from tiltyard.broker.desk import CALLS, RULES, Desk
from tiltyard.broker.server import Broker
from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.progress import Report
from tiltyard.samples.catalog import load
from tiltyard.sealing.broken import Broken
from tiltyard.serving.keys import KeyStore, default_place
from tiltyard.serving.remote_keys import RemoteKeys
from tiltyard.store.artifacts import Artifacts
from tiltyard.store.downloads import download
from tiltyard.store.jobs import Jobs
from tiltyard.store.opening import open_store
from tiltyard.store.remote import RemoteArtifacts, RemoteJobs, RemoteStore
from tiltyard.store.store import Store

from .conftest import FILE, MODEL, ROWS, Lines, lines_of, record

GIVEN: dict[str, dict[str, Any]] = {
    "begin": {"name": "n", "target": MODEL.model_dump(), "data": ROWS.model_dump(), "config": {}},
    "end": {"run_id": "RUN", "verdict": "passed"},
    "start": {"run_id": "RUN", "step": "evasion.pgd", "given": {}},
    "finish": {"token": "TOKEN", "record": record().model_dump_json()},
    "add": {"run_id": "RUN", "record": record().model_dump_json()},
    "share": {"run_id": "RUN", "on": True},
    "cancel": {"run_id": "RUN"},
    "delete": {"run_id": "RUN"},
    "job_open": {"run_id": "RUN"},
    "job_tell": {"id": "JOB", "done": 0.5, "message": "mine", "left": None},
    "job_asked": {"id": "JOB"},
    "job_close": {"id": "JOB"},
    "file": {"run_id": "RUN", "token": "TOKEN", "name": "rows.npz"},
    "file_delete": {"run_id": "RUN", "token": "TOKEN", "name": "rows.npz"},
    "run": {"run_id": "RUN"},
    "log": {"last": 10},
    "users": {},
    "user_add": {"name": "new", "role": "admin", "password": "correct horse battery"},
    "user_change": {"name": "ada", "role": "admin", "password": None},
    "user_remove": {"name": "ada"},
    "keys": {},
    "key_new": {"name": "new", "scopes": ["predict"], "seconds": None, "budget": None},
    "key_revoke": {"id": "x"},
}


def words(file: Path | None = None) -> list[tuple[str, str]]:
    place = file or audit.place()
    assert place is not None
    return [(found.who, found.what) for found in logged(place)] if place.exists() else []


def made(store: Store) -> tuple[str, str]:
    """A run with a finished step and its file; the step's token."""
    run = store.begin("of mine", MODEL, ROWS, {"seed": 1})
    token = store.start(run.id, find("evasion.pgd")(steps=7))
    store.finish(token, record(file=True), {"rows.npz": FILE})
    return run.id, token


def test_a_run_by_the_broker_is_a_run(lines: Lines) -> None:
    ada = lines.store("ada")
    run, _ = made(ada)
    ada.add(run, record())
    ada.end(run, "passed")
    own = Store(person=Person("ada", Role.ANALYST, shared=True))
    assert own.run(run).owner == "ada"
    assert ada.run(run) == own.run(run) and ada.runs() == own.runs() and ada.count() == 1
    assert ada.records(run) == own.records(run) and len(ada.records(run, latest=True)) == 1
    assert ada.told(run) == own.told(run)
    assert ada.steps(run) == own.steps(run) and ada.steps(run)[0].given == {"steps": 7}
    assert ada.models() == own.models() and ada.severities([run]) == own.severities([run]) and ada.cut_off() == []
    assert ada.artifacts.of_run(run) == own.artifacts.of_run(run)
    assert ada.mark() == own.mark()
    assert ada.share(run) == "" and ada.shared() == {run} and lines.store("bob").run(run).id == run
    assert lines.store("eve").delete(run) == "" and ada.count() == 0
    assert [w for w in words() if w[1].startswith("run ")] == [("ada", "run shared"), ("eve", "run deleted")]


def test_a_file_leaves_it_with_a_line_in_the_log(lines: Lines, within: Callable[[Line], None]) -> None:
    ada = lines.store("ada")
    run, _ = made(ada)
    within(lines.of("ada"))
    found = download(ada, run, "rows.npz")
    assert (found.content, found.unlogged) == (FILE, "")
    assert words().count(("ada", "artifact taken")) == 1


def test_jobs_are_told_and_stopped_across_kernels(lines: Lines) -> None:
    ada, again = lines.store("ada"), lines.store("ada")
    run = ada.begin("r", MODEL, ROWS)
    job = ada.jobs.open(run.id)
    ada.jobs.tell(job, Report(0.25, "a quarter", 3.0, 1.0))
    assert again.jobs.underway([run.id])[run.id].message == "a quarter"
    assert again.cancel(run.id) == 1 and ada.jobs.asked(job)
    ada.jobs.close(job)
    assert again.jobs.underway() == {}


def test_what_it_writes_is_its_kernels_and_cut_off_with_it(lines: Lines) -> None:
    kernel = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    store = RemoteStore(asked=lines.of("ada", kernel="the kernel"))
    lines.broker.started("the kernel", kernel.pid)
    run = store.begin("r", MODEL, ROWS)
    assert (run.process.pid, run.state) == (kernel.pid, "open")
    kernel.communicate()
    assert store.run(run.id).state == "cut off"


# What a kernel that was taken over may not


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
    done = ["user added", "role changed", "password changed", "key made", "user removed", "key revoked"]
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
@pytest.mark.parametrize("value", [None, 3, "x" * 100_000, [], {"a": {}}, {"self": 1}, -1, 1e308])
def test_words_that_do_not_fit_are_a_problem(lines: Lines, call: str, value: Any) -> None:
    end = lines.end("eve")
    for given in (dict.fromkeys(GIVEN.get(call, {"run_id": 0}), value), {**GIVEN.get(call, {}), "more": value}, {"self": value}):
        send(end, Message({"call": call, "given": given}), 30)
        said = receive(end, 30).says
        assert "value" in said or "that it broke" not in said["problem"]["found"], said


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


# The kernel's end


def test_where_the_broker_has_died_that_is_one_line_and_nothing_is_lost(within: Callable[[Line], None]) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        held = Line(ours)
        within(held)
        with pytest.raises(Problem, match="Download what you need of this page, then open it again"):
            open_store().count()
        assert "Not in the audit log" in audit.note("run started")
        with pytest.raises(Problem):
            audit.ready()


def test_a_broker_that_breaks_at_a_call_goes_on(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: Desk) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(CALLS, "shared", breaks)
    held = lines.of("ada")
    with pytest.raises(Problem, match="ZeroDivisionError"):
        held.ask("shared")
    assert held.ask("count", search="").says["value"] == 0


def test_a_fork_does_not_speak_for_its_parent(lines: Lines) -> None:
    held = lines.of("ada")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            held.ask("shared")
        except Problem:
            os.write(writing, b"refused")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 7) == b"refused"
    os.close(reading), os.close(writing)
    assert held.ask("shared").says["value"] == []


@pytest.mark.parametrize(("near", "far"), [(Store, RemoteStore), (Jobs, RemoteJobs), (Artifacts, RemoteArtifacts)])
def test_nothing_of_the_store_is_done_in_a_kernel_itself(near: type, far: type) -> None:
    """Each public method is the remote one's own; these are made of others, or of the broker's alone."""
    made_of_others = {"find", "put", "reading", "opened", "end"}
    public = {name for name in vars(near) if not name.startswith("_")}
    assert public - set(vars(far)) - (made_of_others if near is not Store else made_of_others - {"end"}) == set()


def test_every_word_of_the_log_is_a_kernels_or_a_keepers() -> None:
    engine, panels = Path(audit.__file__).parents[1], Path(tiltyard_widgets.__file__).parent
    found = {
        word.value
        for path in [
            file
            for folder in (
                *(
                    engine / room
                    for room in ("store", "audit", "execution", "comparison", "assessment", "campaign", "guidelines", "reports", "broker")
                ),
                panels,
            )
            for file in folder.rglob("*.py")
        ]
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in ("note", "_note", "_noted", "_told")
        for word in call.args[:2]
        if isinstance(word, ast.Constant) and isinstance(word.value, str) and word.value
    }
    assert {"run started", "user added", "artifact taken"} <= found
    assert found <= {*OF_KERNELS, *OF_KEEPERS, "handed out"}


def test_a_whole_assessment_by_the_broker(lines: Lines, within: Callable[[Line], None]) -> None:
    """As panels do it: steps run here, are kept there, and the log says so in the person's name."""
    sample = load("census")
    within(lines.of("ada"))
    store = open_store()
    assert isinstance(store, RemoteStore)
    with pytest.raises(Problem, match="open_store"):
        Store()
    job = Runner(store).start([find("validation.performance")()], sample.target, sample.data, name="all of it")
    job.wait(120)
    assert job.problem is None and job.unlogged == "" and job.run is not None
    assert store.records(job.run.id) == job.records and store.run(job.run.id).state == "finished"


def test_an_admin_reads_the_log_and_whether_it_holds(lines: Lines, within: Callable[[Line], None], tmp_path: Path) -> None:
    assert lines.of("eve").ask("log", last=10).says["value"] is None
    made(lines.store("ada"))
    RemoteUsers(lines.of("eve")).add("gus", "viewer", "gusts of the gulf")
    within(lines.of("eve"))
    found = audit.read(1)
    assert found is not None
    assert (found.count, found.keyed, [(one.who, one.what) for one in found.last]) == (len(words()), False, [("eve", "user added")])
    log = tmp_path / "runs.audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"gus"', b'"gu5"'))
    with pytest.raises(Broken, match="edited"):
        audit.read(1)
