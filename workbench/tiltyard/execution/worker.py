"""The other end of `processes.Processes`: a process that runs the steps its parent writes to it.

It unpickles what comes by its standard input, which its parent alone holds; it is for no other input. See `Processes`.
"""

import os
import pickle
import threading
from dataclasses import dataclass
from queue import Queue
from typing import IO

from ..check import Step
from ..child_processes.messages import ends, read, write
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target
from .executors import Local

CANCEL = "cancel"


@dataclass(frozen=True)
class Work:
    """One step to run, with as many threads as torch has in the parent (0: torch is not loaded there), so that sums are the same."""

    step: Step
    target: Target
    data: Dataset
    threads: int = 0


class Inbox:
    """Reads what the parent writes: work is put in line, a cancel goes to the work under way, and its end ends this process."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
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
        tell(_done(message, inbox.present))
        inbox.present = None


def _done(message: bytes, progress: Progress) -> object:
    """What came of the work, or a Problem in one line."""
    try:
        work: Work = pickle.loads(message)  # noqa: S301 (from the parent that started us; see Processes)
        if work.threads:
            import torch

            torch.set_num_threads(work.threads)
    except Exception as error:  # whatever an object of others raises when it is unpickled
        return Problem("a step, target and data that open in another process", f"{type(error).__name__}: {error}", "Run it in a thread")
    return Local().call(work.step, work.target, work.data, progress)


def _packed(what: object) -> bytes:
    import cloudpickle

    try:
        message: bytes = cloudpickle.dumps(what)
    except Exception as error:
        message = pickle.dumps(Problem("a result that can be sent back", f"{type(error).__name__}: {error}", "Run it in a thread"))
    return message


def main() -> None:
    """Serve the parent."""
    given, out = ends()
    serve(Inbox(given), out)


if __name__ == "__main__":
    main()
