"""A broker that dies in the middle: its kernels are handed new lines to the next one, and nothing is asked twice that may be done twice."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tiltyard.access import line as lines_module
from tiltyard.access.frames import Gone, receive
from tiltyard.access.line import TWICE, Line
from tiltyard.access.roles import Denied
from tiltyard.broker.desk import RULES
from tiltyard.broker.server import Broker
from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.progress import Report
from tiltyard.store.remote import RemoteStore

from .conftest import MODEL, ROWS, Lines, lines_of, record


class Kernel:
    """Ada's kernel, and the app's end of its door."""

    def __init__(self, broker: Broker, pid: int) -> None:
        self.pid = pid
        self.app, door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.door = door
        self.line = Line(self._end(broker), door)
        self.store = RemoteStore(asked=self.line)

    def _end(self, broker: Broker) -> socket.socket:
        ours, theirs = socket.socketpair()
        broker.admit({"kernel": f"of {self.pid}", "name": "ada", "role": "analyst", "mark": "", "pid": self.pid}, theirs)
        return ours

    def close(self) -> None:
        """It ends."""
        self.line._close()
        self.door.close()
        self.app.close()

    def handed(self, broker: Broker) -> None:
        """The app hands it a line to another broker."""
        with self._end(broker) as line:
            socket.send_fds(self.app, [b"l"], [line.fileno()])


@pytest.fixture
def kernel(lines: Lines) -> Iterator[Kernel]:
    made = Kernel(lines.broker, os.getpid())
    yield made
    made.close()


@pytest.fixture
def another(lines: Lines) -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def test_a_run_goes_on_with_the_next_broker(lines: Lines, kernel: Kernel, another: Broker) -> None:
    run = kernel.store.begin("r", MODEL, ROWS)
    token, job = kernel.store.start(run.id, find("evasion.pgd")()), kernel.store.jobs.open(run.id)
    lines.broker.close()
    kernel.handed(another)
    kernel.store.jobs.tell(job, Report(0.5, "half", 1.0, 1.0))
    assert kernel.store.jobs.underway([run.id])[run.id].message == "half"
    kernel.store.finish(token, record())
    kernel.store.jobs.close(job)
    assert [step.state for step in kernel.store.steps(run.id)] == ["passed"] and kernel.store.jobs.underway() == {}


def test_a_step_of_another_kernel_is_still_not_ones_own(lines: Lines, kernel: Kernel, another: Broker) -> None:
    run = kernel.store.begin("r", MODEL, ROWS)
    token, job = kernel.store.start(run.id, find("evasion.pgd")()), kernel.store.jobs.open(run.id)
    beside = Kernel(another, os.getppid())
    with pytest.raises(Denied, match="a step that this page began"):
        beside.store.finish(token, record())
    with pytest.raises(Denied, match="a job that this page began"):
        beside.store.jobs.close(job)
    beside.close()


def test_of_several_new_lines_the_last_counts(lines: Lines, kernel: Kernel, another: Broker) -> None:
    dead = Broker()
    kernel.handed(dead)
    dead.close()
    lines.broker.close()
    kernel.handed(another)
    assert kernel.store.count() == 0


def test_a_worker_of_the_broker_before_is_believed_of_a_renewed_line_alone(another: Broker) -> None:
    another.lanes.long.workers = 1
    ids = ["ab" * 16, "cd" * 16]
    old = [Kernel(another, os.getpid()), Kernel(another, os.getppid())]
    with lines_of(another) as others:
        held = [one.line.ask("worker", id=id, seconds=60.0, holds=True).says["value"]["place"] for one, id in zip(old, ids, strict=True)]
        claimed = others.of("bob").ask("worker", id=ids[0], seconds=60.0, holds=True).says["value"]["place"]
    assert held == [0, 0] and claimed == 1
    for one in old:
        one.close()


def half(theirs: socket.socket) -> None:
    """A broker that hears a question and dies before it answers."""
    with theirs, suppress(Gone):
        receive(theirs, 10)


def test_what_may_have_been_done_is_not_asked_again_by_itself(another: Broker, lines: Lines, kernel: Kernel) -> None:
    for call, given, asked_again in (
        ("begin", {"name": "r", "target": MODEL.model_dump(), "data": ROWS.model_dump(), "config": {}}, False),
        ("count", {"search": ""}, True),
    ):
        ours, theirs = socket.socketpair()
        kernel.line._close()
        kernel.line._to = ours
        dying = threading.Thread(target=half, args=(theirs,))
        dying.start()
        kernel.handed(another)
        if asked_again:
            assert kernel.line.ask(call, **given).says["value"] == 0
        else:
            with pytest.raises(Problem, match="the app's keeper of runs"):
                kernel.line.ask(call, **given)
            assert kernel.store.count() == 0
        dying.join()


def test_a_line_that_is_not_renewed_says_so(kernel: Kernel, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "RENEWAL", 0.01)
    lines.broker.close()
    with pytest.raises(Problem, match="Download what you need of this page"):
        kernel.store.count()
    kernel.app.close()
    with pytest.raises(Problem, match="Download what you need of this page"):
        kernel.store.count()


def test_what_is_asked_twice_is_a_call_and_makes_nothing() -> None:
    assert set(RULES) >= TWICE
    assert not {
        name
        for name in TWICE
        if name.startswith(("user_", "key_")) or name in ("begin", "start", "finish", "add", "note", "delete", "job_open")
    }


def test_the_other_end_hears_no_question_before_the_first_is_answered(kernel: Kernel) -> None:
    """A new line that is handed over while the old one lives is not taken: questions stay in their order."""
    ours, theirs = socket.socketpair()
    socket.send_fds(kernel.app, [b"l"], [ours.fileno()])
    ours.close()
    assert kernel.store.count() == 0
    theirs.settimeout(0.01)
    with pytest.raises(TimeoutError):
        theirs.recv(1)
    theirs.close()
