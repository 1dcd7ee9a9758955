"""Steps in a process of their own, so that one that cannot be interrupted can be ended."""

import logging
import subprocess
import threading
from functools import partial

from ..attempt import Clock
from ..check import Step
from ..child_processes.companion import companion, ended, kill
from ..child_processes.twin import twin
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..progress import Progress
from ..targets.target import Target
from .beside import Besides
from .executors import Executor, Local, failed, received
from .relay import Worker, threads
from .worker import Work

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
            message = packed(Work(step, target, data, threads()))
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
            worker = self._idle.pop() if self._idle else _started()
        try:
            outcome = worker.ask(message, progress)
        except BaseException:
            worker.end()
            raise
        with self._lock:
            self._idle.append(worker)
        return outcome


class Interruptible:
    """Beside this process where it has a twin.

    Else here, in the thread that asks; but a step that trains a library's estimator on many rows in a process, as its fits cannot be interrupted.
    """

    def __init__(self) -> None:
        self.here, self.elsewhere = Local(), Processes()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """As of the executor chosen."""
        return self._chosen(step, target, data).call(step, target, data, progress)

    def _chosen(self, step: Step, target: Target, data: Dataset) -> Executor:
        if (own := twin()) is not None:
            return Besides(own)
        return self.elsewhere if blocks(step, target, data) else self.here


def blocks(step: Step, target: Target, data: Dataset) -> bool:
    """Would a cancel have to wait for a fit? ``MANY`` rows are fitted within a second by most."""
    return target.fits_in_one_go and "training" in step.needs and not step.unmet(target, data) and len(data) > MANY


def packed(what: object) -> bytes:
    """Pickled; classes and functions of a notebook or script by value, as the worker cannot import them."""
    import cloudpickle

    message: bytes = cloudpickle.dumps(what)
    return message


def _started() -> Worker:
    process = companion("tiltyard.execution.worker", stdout=subprocess.PIPE)
    return Worker(process, partial(_end, process))


def _end(process: "subprocess.Popen[bytes]") -> None:
    kill(process)
    ended(process)
