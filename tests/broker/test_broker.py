"""The broker does for a kernel what its person may, in their name."""

import ast
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tiltyard_widgets
from tiltyard.access.line import Line
from tiltyard.access.person import Person
from tiltyard.access.remote_users import RemoteUsers
from tiltyard.access.roles import Role
from tiltyard.audit import notes as audit
from tiltyard.audit.wording import OF_KEEPERS, OF_KERNELS
from tiltyard.broker.desk import CALLS, Desk
from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.progress import Report
from tiltyard.samples.catalog import load
from tiltyard.sealing.broken import Broken
from tiltyard.store.artifacts import Artifacts
from tiltyard.store.downloads import download
from tiltyard.store.jobs import Jobs
from tiltyard.store.opening import open_store
from tiltyard.store.remote import RemoteArtifacts, RemoteJobs, RemoteStore
from tiltyard.store.store import Store

from .calls import made, words
from .conftest import FILE, MODEL, ROWS, Lines, record


def test_a_run_by_the_broker_is_a_run(lines: Lines) -> None:
    ada = lines.store("ada")
    run, _ = made(ada)
    ada.add(run, record())
    ada.end(run, "passed")
    own = Store(person=Person("ada", Role.ANALYST, shared=True))
    assert own.run(run).owner == "ada"
    assert ada.run(run) == own.run(run) and ada.runs() == own.runs() and ada.count() == 1
    assert ada.records(run) == own.records(run) and len(ada.records(run, latest=True)) == 1
    assert ada.outcomes(run) == own.outcomes(run)
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
    made_of_others = {"find", "put", "shut", "kept_of", "reading", "unproven_outcomes", "end"}
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
