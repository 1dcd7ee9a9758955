"""Steps of a page that many share, each in a process forked for it from the page's twin and ended after it."""

import logging
import os

from ..attempt import Clock
from ..check import Step
from ..child_processes.paper import written
from ..child_processes.twin import Gone, Twin
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..progress import Progress
from ..targets.target import Target
from .executors import Local, failed, received
from .relay import Worker, threads
from .worker import Unsent, Work


class Besides:
    """Runs each step beside this process: its sums keep no slider waiting, its memory goes with it, and what it crashes by is its own end alone.

    Equal seeds give what a thread gives. Step, target and data are handed over in memory, pickled, and so is what is found: the worker has the rights and
    the confines of this process, neither more nor less, so each trusts the other as itself. What cannot be pickled, or does not open there, runs in the
    thread that asks.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's record, and the target it made; never raises."""
        if progress.cancelled:
            return Local().call(step, target, data, progress)
        clock = Clock(target)
        try:
            worker = self._begun(Work(step, target, data, threads()))
        except Exception as error:  # whatever an object of others raises when it is pickled
            return self._here(step, target, data, progress, error)
        try:
            return received(worker.ask(None, progress), target)
        except Unsent as problem:
            return self._here(step, target, data, progress, problem)
        except BaseException as problem:
            return failed(step, clock, problem, target, data)
        finally:
            worker.end()

    def _begun(self, work: Work) -> Worker:
        paper = written(work)
        try:
            process = self._twin.worker(paper)
            return Worker(process, process.end)
        finally:
            os.close(paper)

    def _here(self, step: Step, target: Target, data: Dataset, progress: Progress, why: Exception) -> Outcome:
        if isinstance(why, Gone):
            logging.getLogger("tiltyard").warning("the twin of this page has ended (%s); its steps run in a thread", why)
        else:
            logging.getLogger("tiltyard").info("%s runs in a thread: %s", step.title, why)
        return Local().call(step, target, data, progress)
