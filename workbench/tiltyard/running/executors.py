"""Where one step runs. The seam for a cluster: whoever can answer ``call`` can run an assessment."""

from typing import Protocol

from ..check import Check, Clock, Step, record
from ..datasets.dataset import Dataset
from ..defense import Defense, Outcome
from ..progress import Progress
from ..targets.target import Target


class Executor(Protocol):
    """Runs one step somewhere, relays its progress here and its cancel there, and never raises."""

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's record, and the target it made if it is a defense that did."""


class Local:
    """Here and now, in the thread that asks."""

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        clock = Clock(target)
        try:
            progress.check()
            if isinstance(step, Defense):
                return step(target, data, progress)
            if isinstance(step, Check):
                return Outcome(step(target, data, progress), None)
            raise TypeError(f"{type(step).__name__} is neither a check nor a defense")
        except BaseException as problem:  # a step that calls sys.exit ends itself, not the run
            return Outcome(record(step, "defense" if isinstance(step, Defense) else "check", clock.caught(problem), target, data), None)
