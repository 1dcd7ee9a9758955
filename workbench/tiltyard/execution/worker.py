"""The other end of `processes.Processes`: a process that runs the steps its parent writes to it.

It unpickles what comes by its standard input, which its parent alone holds; it is for no other input. See `Processes`.
"""

import os
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Queue
from typing import IO

from ..check import Step
from ..child_processes.killing import end_below
from ..child_processes.messages import ends, read, write
from ..child_processes.paper import read as unfolded
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..errors import Problem
from ..progress import Progress, Report
from ..targets.target import Target
from .executors import Local
from .worker_queue import lowered

CANCEL = "cancel"
PAUSE = 0.05  # s between two reports of a worker beside a page


@dataclass(frozen=True)
class Work:
    """One step to run, with as many threads as torch has in the parent (0: torch is not loaded there), so that sums are the same."""

    step: Step
    target: Target
    data: Dataset
    threads: int = 0


class Unsent(Problem):
    """A step with its target and data, or what it found, does not go from one process to another."""


class Inbox:
    """Reads what the parent writes: work is put in line, a cancel goes to the work under way, and its end ends this process."""

    def __init__(self, pipe: IO[bytes], last: Callable[[], None] = lambda: None) -> None:
        self.pipe = pipe
        self.last = last  # what is done before this process ends for want of a parent
        self.line: Queue[bytes] = Queue()
        self.present: Progress | None = None
        threading.Thread(target=self._listen, daemon=True, name="tiltyard inbox").start()

    def _listen(self) -> None:
        try:
            while True:
                message = read(self.pipe)
                if message != CANCEL.encode():
                    self.line.put(message)
                elif self.present is not None:
                    self.present.cancel()
        except (EOFError, OSError):
            with suppress(Exception):
                self.last()
            os._exit(0)  # nobody is left to tell


def serve(inbox: Inbox, out: IO[bytes]) -> None:
    """Run what comes, one after the other, for good."""
    lock = threading.Lock()

    def tell(what: object) -> None:
        with lock:
            write(out, _packed(what))

    while True:
        message = inbox.line.get()
        inbox.present = Progress(listener=tell)
        tell(_done(partial(pickle.loads, message), inbox.present))  # from the parent that started us; see Processes
        inbox.present = None


def attend(paper: int, given: IO[bytes], out: IO[bytes]) -> None:
    """Run the one step that the file behind ``paper`` holds, for the process whose twin forked this one (`beside.Besides`)."""
    lowered()
    progress = Progress(listener=Seldom(lambda report: write(out, pickle.dumps(report))))
    inbox = Inbox(given, end_below)
    inbox.present = progress
    found = _done(partial(unfolded, paper), progress)
    if isinstance(found, Outcome) and found.target is not None:
        found.target.parent = None  # whoever hears of it has that
    write(out, _packed(found))


class Seldom:
    """Passes reports on, a few a second: each wakes the process that a page's sliders are answered by."""

    def __init__(self, tell: Callable[[Report], None]) -> None:
        self._tell = tell
        self._last = -PAUSE

    def __call__(self, report: Report) -> None:
        if time.monotonic() - self._last >= PAUSE:
            self._last = time.monotonic()
            self._tell(report)


def _done(opened: Callable[[], Work], progress: Progress) -> object:
    """What came of the work, or a Problem in one line."""
    try:
        work = opened()
        if work.threads:
            import torch

            torch.set_num_threads(work.threads)
    except Exception as error:  # whatever an object of others raises when it is unpickled
        return Unsent("a step, target and data that open in another process", f"{type(error).__name__}: {error}", "Run it in a thread")
    return Local().call(work.step, work.target, work.data, progress)


def _packed(what: object) -> bytes:
    import cloudpickle

    try:
        message: bytes = cloudpickle.dumps(what)
    except Exception as error:
        message = pickle.dumps(Unsent("a result that can be sent back", f"{type(error).__name__}: {error}", "Run it in a thread"))
    return message


def main() -> None:
    """Serve the parent."""
    given, out = ends()
    serve(Inbox(given), out)


if __name__ == "__main__":
    main()
