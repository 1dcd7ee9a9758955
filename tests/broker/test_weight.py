"""A session that works for long counts less than others beside it, until it has ended."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiltyard.broker.weight import LESS, weigh

OWN = Path("/proc/self/autogroup")
STARTS = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'print(1, flush=True); input()'], start_new_session={new}).wait()"


def weight(pid: int) -> int:
    """As Linux says it."""
    return int(Path(f"/proc/{pid}/autogroup").read_text().split()[-1])


@pytest.fixture(params=[True, False], ids=["a session below it", "a process of its session"])
def kernel(request: pytest.FixtureRequest) -> Iterator[tuple[int, int, bool]]:
    """A process that leads a session and has started another."""
    if not OWN.exists():
        pytest.skip("this system weighs no sessions")
    code = STARTS.format(new=request.param)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **pipes) as started:  # type: ignore[call-overload]
        started.stdout.readline()
        below = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        yield started.pid, int(below[0]), request.param
        started.stdin.close()


def test_it_weighs_less_with_what_it_started_and_as_before_afterwards(kernel: tuple[int, int, bool]) -> None:
    pid, below, _ = kernel
    own = OWN.read_text()
    weigh(pid, LESS)
    assert (weight(pid), weight(below)) == (LESS, LESS)
    assert OWN.read_text() == own
    weigh(pid, 0)
    assert (weight(pid), weight(below)) == (0, 0)


def test_a_process_that_leads_no_session_changes_none(kernel: tuple[int, int, bool]) -> None:
    pid, below, leads = kernel
    weigh(below, LESS)
    assert (weight(pid), weight(below)) == (0, LESS if leads else 0)


def test_one_that_has_ended_is_no_error() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    weigh(ended.pid, LESS)
