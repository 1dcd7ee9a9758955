"""Where one step runs. The seam for a cluster: whatever has ``call`` can run an assessment."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Protocol, runtime_checkable

from ..attempt import Clock
from ..check import Check, Step, record
from ..datasets.dataset import Dataset
from ..defense import Defense, Outcome
from ..progress import Progress
from ..result import Record
from ..targets.target import Target


class Executor(Protocol):
    """Runs one step somewhere, relays its progress here and its cancel there, and never raises."""

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's record, and the target it made if it is a defense that did."""


@runtime_checkable
class Wide(Protocol):
    """An executor that runs several steps at once."""

    @property
    def at_once(self) -> int:
        """How many; asked when a job begins."""


@runtime_checkable
class Replanning(Protocol):
    """An executor that, after each step, says which steps follow."""

    def following(self, found: Record, waiting: Sequence[Step], target: Target, data: Dataset) -> Sequence[Step]:
        """The steps in the place of ``waiting``, those not begun yet; asked once ``found`` is written."""


class Local:
    """Here and now, in the thread that asks."""

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        clock = Clock(target)
        try:
            progress.check()
            progress.handed()
            if isinstance(step, Defense):
                return gathered(step(target, data, progress), progress)
            if isinstance(step, Check):
                return gathered(Outcome(step(target, data, progress), None), progress)
            raise TypeError(f"{type(step).__name__} is neither a check nor a defense")
        except BaseException as problem:  # a step that calls sys.exit ends itself, not the run
            return failed(step, clock, problem, target, data)


def gathered(outcome: Outcome, progress: Progress) -> Outcome:
    """With the files that the step handed over, as far as its record names them by their hash."""
    named = outcome.record.result.artifacts
    files = {name: content for name, content in progress.handed().items() if named.get(name) == sha256(content).hexdigest()}
    return replace(outcome, files=files)


def failed(step: Step, clock: Clock, problem: BaseException, target: Target, data: Dataset) -> Outcome:
    """The record of a step that ended by ``problem``; no target."""
    return Outcome(record(step, "defense" if isinstance(step, Defense) else "check", clock.caught(problem), target, data), None)


def received(outcome: Outcome, target: Target) -> Outcome:
    """The outcome that another process got from a copy of ``target``, as if from here: ``target`` counts its queries and is the parent of what it made."""
    target.count(outcome.record.queries)
    if outcome.target is not None:
        outcome.target.parent = target
    return outcome
