"""Steps in a process of their own, so that one that cannot be interrupted can be ended."""

import logging
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

from ..attempt import Clock
from ..check import Step
from ..child_processes.companion import companion, ended, kill
from ..child_processes.messages import read, write
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..errors import Problem
from ..progress import Progress, Report
from ..targets.target import Target
from .executors import Executor, Local, failed, received
from .worker import CANCEL, Work

POLITE = 0.5
OFTEN = 0.05
MANY = 2000


class Processes:
    """Runs each step in a spawned Python process, relays its progress here and a cancel there; equal seeds give what a thread gives.

    A cancelled step has half a second to end by itself; then its process is killed, so a library that does not listen (a
    scikit-learn fit) ends within a second too, with nothing concluded. The process stays for the next step. It ends when this
    one does, killed or not.

    What a worker must trust: step, target and data reach it pickled, over a pipe that only this process holds, and what it finds comes
    back in the same way. So each trusts the other as it trusts itself, which is right for a child with the same code and the same
    rights, and for nothing else: never feed `worker` from a file or a socket. It keeps a crash or a lack of memory away from
    this process; it is no sandbox against a hostile model.

    What cannot be pickled (a function typed in a notebook can, an open connection cannot) runs here instead, as `executors.Local` does.
    """

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's record, and the target it made; never raises."""
        try:
            message = packed(Work(step, target, data, _threads()))
        except Exception as error:  # whatever an object of others raises when it is pickled
            logging.getLogger("tiltyard").info("%s runs in a thread: %s", step.title, error)
            return Local().call(step, target, data, progress)
        clock = Clock(target)
        try:
            return received(self._asked(message, progress), target)
        except BaseException as problem:
            return failed(step, clock, problem, target, data)

    def close(self) -> None:
        """End the processes that wait for work."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _asked(self, message: bytes, progress: Progress) -> Outcome:
        progress.check()
        with self._lock:
            self._idle = [worker for worker in self._idle if worker.process.poll() is None]
            worker = self._idle.pop() if self._idle else Worker()
        try:
            outcome = worker.ask(message, progress)
        except BaseException:
            worker.end()
            raise
        with self._lock:
            self._idle.append(worker)
        return outcome


class Interruptible:
    """Here, in the thread that asks; but a step that trains a library's estimator on many rows in a process, as its fits cannot be interrupted."""

    def __init__(self) -> None:
        self.here, self.elsewhere = Local(), Processes()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """As of the executor chosen."""
        executor: Executor = self.elsewhere if blocks(step, target, data) else self.here
        return executor.call(step, target, data, progress)


def blocks(step: Step, target: Target, data: Dataset) -> bool:
    """Would a cancel have to wait for a fit? ``MANY`` rows are fitted within a second by most."""
    return target.fits_in_one_go and "training" in step.needs and not step.unmet(target, data) and len(data) > MANY


class Worker:
    """One process that waits for work."""

    def __init__(self) -> None:
        self.process = companion("tiltyard.execution.worker", stdout=subprocess.PIPE)
        self.found: Queue[Any] = Queue()
        self._end = weakref.finalize(self, ended, self.process)
        threading.Thread(target=_listen, args=(self.process, self.found), daemon=True, name="tiltyard worker").start()

    def ask(self, message: bytes, progress: Progress) -> Outcome:
        """Send work, relay progress and cancel, and wait for what was found."""
        sent = threading.Thread(target=self._send, args=(message,), daemon=True)  # a large data set must not delay a cancel
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
        with suppress(OSError):
            assert self.process.stdin is not None
            write(self.process.stdin, message)


def packed(what: object) -> bytes:
    """Pickled; classes and functions of a notebook or script by value, as the worker cannot import them."""
    import cloudpickle

    message: bytes = cloudpickle.dumps(what)
    return message


def _threads() -> int:
    """How many threads torch uses here; 0 where it is not loaded."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else 0


def _relay(report: Report, progress: Progress) -> None:
    with suppress(Exception):  # a cancel is looked for in the loop
        progress.step(report.done, report.message)


def _listen(process: "subprocess.Popen[bytes]", found: "Queue[Any]") -> None:
    assert process.stdout is not None
    try:
        while True:
            found.put(pickle.loads(read(process.stdout)))  # noqa: S301 (from our own child; see Processes)
    except EOFError:
        code = process.wait()
        kill(process)
        found.put(_died(code))
    except Exception as error:
        found.put(error)


def _died(code: int) -> Problem:
    """Why there is no result, by the code a process ended with."""
    reason = f"its process ended ({'killed by signal ' + str(-code) if code < 0 else 'exit ' + str(code)})"
    do = "Run it again; if it stays, the library or the model breaks it"
    if code < 0 and code == -signal.SIGKILL:
        do = "Most often memory ran out: choose fewer rows"
    return Problem("the step to end with a result", reason, do)
