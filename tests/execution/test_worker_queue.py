"""A step's turn on a shared machine: with a broker it waits and says its place; without one it runs at once."""

import os
import sys
import threading
import time
from typing import Any

import pytest

from tiltyard.access.frames import Message
from tiltyard.errors import Problem
from tiltyard.execution import worker_queue
from tiltyard.execution.worker_queue import in_words, lowered, worker
from tiltyard.progress import Progress, Report


class Asked:
    """A broker that has these places to give, one after the other."""

    def __init__(self, places: list[int]) -> None:
        self.places, self.calls, self.holds = places, [], []  # type: ignore[var-annotated]

    def ask(self, call: str, **given: Any) -> Message:
        self.calls.append(call)
        self.holds.append(given.get("holds", False))
        if not self.places:
            raise Problem("the app's keeper of runs to answer", "nothing", "Open the page again")
        place = self.places[0] if len(self.places) == 1 or call != "worker" else self.places.pop(0)
        return Message({"value": {"place": place, "of": 5, "seconds": 180.0}})


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked([])
    monkeypatch.setattr(worker_queue, "line", lambda: asked)
    monkeypatch.setattr(worker_queue, "OFTEN", 0.01)
    monkeypatch.setattr(worker_queue, "lowered", lambda: None)
    return asked


def test_it_waits_for_its_turn_says_its_place_and_gives_the_worker_back(held: Asked) -> None:
    reports: list[Report] = []
    held.places = [2, 1, 0]
    whole = Progress(reports.append)
    before = whole._start
    with worker(60.0, whole, whole):
        assert [report.message for report in reports] == [
            "waits for a worker, 2nd of 5, about 3 min",
            "waits for a worker, 1st of 5, about 3 min",
        ]
        assert held.calls == ["worker"] * 3
    assert held.calls[-1] == "worker_leave"
    assert whole._start - before >= 0.02  # the time of waiting is none of the job's


def test_a_cancel_ends_the_wait(held: Asked) -> None:
    held.places = [1]
    progress = Progress()
    threading.Timer(0.05, progress.cancel).start()
    with worker(60.0, progress, progress):
        assert progress.cancelled
    assert held.calls[-1] == "worker_leave"


def test_while_it_works_it_says_so_again_and_never_once_it_has_left(held: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_queue, "AGAIN", 0.01)
    held.places = [0]
    with worker(60.0, Progress(), Progress()):
        while len(held.calls) < 3:
            time.sleep(0.01)
    said = list(held.calls)
    assert (said[0], said[-1], set(said[1:-1])) == ("worker", "worker_leave", {"worker"})
    assert held.holds[:3] == [False, True, True]
    time.sleep(0.05)
    assert held.calls == said


def test_a_broker_that_does_not_answer_keeps_nobody_from_working(held: Asked) -> None:
    with worker(60.0, Progress(), Progress()):
        assert held.calls == ["worker"]


def test_nothing_waits_where_nobody_shares_the_machine() -> None:
    with worker(60.0, Progress(), Progress()):
        pass
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0 if sys.platform == "linux" else True


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_a_thread_that_is_lowered_is_the_only_one() -> None:
    found: list[int] = []

    def work() -> None:
        lowered()
        found.append(os.getpriority(os.PRIO_PROCESS, 0))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (found, os.getpriority(os.PRIO_PROCESS, 0)) == ([before + worker_queue.LESS], before)


def test_a_time_that_is_not_known_is_not_said() -> None:
    assert in_words(2, 5, None) == "waits for a worker, 2nd of 5"
