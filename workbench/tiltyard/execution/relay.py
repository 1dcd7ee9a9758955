"""This process's end of one that works for it: it sends work, relays progress here and a cancel there, and hears what was found, or how it ended."""

import pickle
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from typing import IO, Any, Protocol

from ..child_processes.messages import read, write
from ..defense import Outcome
from ..errors import Problem
from ..progress import Progress, Report
from .worker import CANCEL

POLITE = 0.5
OFTEN = 0.05


class Started(Protocol):
    """A process that was started for work, as far as a `Worker` asks."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """What it is told."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """What it says."""

    def poll(self) -> int | None:
        """The code it ended with, negative for a signal; None while it runs."""

    def wait(self) -> int:
        """The same, once it has ended."""


class Worker:
    """One process that waits for work, or has it already; ``end`` kills it with what it started."""

    def __init__(self, process: Started, end: Callable[[], None]) -> None:
        self.process = process
        self.found: Queue[Any] = Queue()
        self._end = weakref.finalize(self, end)
        threading.Thread(target=_listen, args=(process, self._end, self.found), daemon=True, name="tiltyard worker").start()

    def ask(self, message: bytes | None, progress: Progress) -> Outcome:
        """Send work (None: it has its work already), relay progress and cancel, and wait for what was found."""
        sent = threading.Thread(target=self._send, args=(message,), daemon=True)  # a large data set must not delay a cancel
        if message is not None:
            sent.start()
        waited = 0.0
        while True:
            try:
                found = self.found.get(timeout=OFTEN)
            except Empty:
                found = None
            if isinstance(found, Outcome):
                return found
            if isinstance(found, Report):
                _relay(found, progress)
            if isinstance(found, BaseException):
                raise found
            if progress.cancelled:
                if waited == 0.0:
                    self._send(CANCEL.encode(), wait=sent)
                waited += OFTEN
                if waited > POLITE:
                    progress.check()

    def end(self) -> None:
        """Kill it and what it started."""
        self._end()

    def _send(self, message: bytes, wait: threading.Thread | None = None) -> None:
        if wait is not None and wait.is_alive():
            return
        with suppress(OSError, ValueError):  # it has ended, or its pipes were closed
            assert self.process.stdin is not None
            write(self.process.stdin, message)


def threads() -> int:
    """How many threads torch uses here; 0 where it is not loaded."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else 0


def _relay(report: Report, progress: Progress) -> None:
    with suppress(Exception):  # a cancel is looked for in the loop
        progress.step(report.done, report.message)


def _listen(process: Started, end: Callable[[], None], found: "Queue[Any]") -> None:
    assert process.stdout is not None
    try:
        while True:
            found.put(pickle.loads(read(process.stdout)))  # noqa: S301 (from our own child; see `interruptible.Processes`)
    except EOFError:
        code = process.wait()
        end()
        found.put(_died(code))
    except Exception as error:  # or its pipes were closed
        found.put(error)


def _died(code: int) -> Problem:
    """Why there is no result, by the code a process ended with."""
    reason = f"its process ended ({'killed by signal ' + str(-code) if code < 0 else 'exit ' + str(code)})"
    do = "Run it again; if it stays, the library or the model breaks it"
    if code < 0 and code == -signal.SIGKILL:
        do = "Most often memory ran out: choose fewer rows"
    return Problem("the step to end with a result", reason, do)
