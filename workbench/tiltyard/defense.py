"""A defense is an answer: it makes a new target whose parent is remembered."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, final

from .attempt import Attempt, Clock, unhappy
from .check import Step, met, record
from .datasets.dataset import Dataset
from .needs import attainable
from .progress import Progress, attended
from .result import CheckResult, Record, Status
from .targets.doubts import with_doubts
from .targets.target import Target


@dataclass(frozen=True)
class Defended:
    """What ``Defense.apply`` returns: the new target and what making it measured."""

    target: Target
    result: CheckResult


@dataclass(frozen=True)
class Outcome:
    """What calling a defense returns: the record, and the new target if it was made.

    ``files`` are those that the step handed over and its record names, by name; an executor gathers them.
    """

    record: Record
    target: Target | None
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class Defense(Step):
    """An answer to a risk. Write ``apply``; call it: ``outcome = DPSGD(epsilon=4)(target, data)``."""

    answers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        """Make the defended target; the one given is left as it was."""

    @final
    def __call__(self, target: Target, data: Dataset, progress: Progress | None = None) -> Outcome:
        target, data = met(target, data)
        clock = Clock(target)
        progress = progress or Progress()
        if reason := self.unmet(target, data):
            stopped = clock.stop(unhappy(Status.NOT_APPLICABLE, f"Not applicable: {reason}."))
            return Outcome(record(self, "defense", stopped, target, data), None)
        try:
            progress.step(0.0, "starting")
            with attended(progress):
                defended = self.settled().apply(target, data.classed(target.classes), progress)
            files = {name: progress.keep(name, content) for name, content in defended.target.files().items()}
        except Exception as problem:
            return Outcome(record(self, "defense", clock.caught(problem), target, data), None)
        defended.target.parent = target
        result = defended.result.model_copy(update={"artifacts": files | defended.result.artifacts}) if files else defended.result
        attempt: Attempt = clock.stop(attainable(with_doubts(result, target, self.needs, self.averages_noise), target, data))
        return Outcome(record(self, "defense", attempt, target, data, defended.target.identity), defended.target)
