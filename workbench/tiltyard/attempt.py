"""One guarded call of a step: its clock, its queries, and what was raised as a result."""

import logging
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import Cancelled, Problem, Unavailable
from .result import CheckResult, Status
from .targets.target import Target


@dataclass(frozen=True)
class Attempt:
    """The result of a guarded call with its clock and query count."""

    result: CheckResult
    started: datetime
    seconds: float
    queries: int
    error: str


def unhappy(status: Status, summary: str) -> CheckResult:
    """A result that says only how and why it ended without an answer."""
    return CheckResult(status=status, summary=summary or status.value)


class Clock:
    """Times one call, counts the target's queries and turns what was raised into a result."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.started = datetime.now(UTC)
        self._clock = time.perf_counter()
        self._queries = target.queries_here

    def stop(self, result: CheckResult, error: str = "") -> Attempt:
        seconds = time.perf_counter() - self._clock
        return Attempt(result, self.started, seconds, self.target.queries_here - self._queries, error)

    def caught(self, problem: BaseException) -> Attempt:
        """The attempt that ended by ``problem``; what is not an error of ours keeps its traceback."""
        if isinstance(problem, Cancelled):
            return self.stop(unhappy(Status.CANCELLED, "Cancelled; nothing was concluded."))
        if isinstance(problem, Unavailable):
            return self.stop(unhappy(Status.NOT_APPLICABLE, str(problem)))
        if isinstance(problem, Problem):
            return self.stop(unhappy(Status.FAILED, str(problem)), str(problem))
        if isinstance(problem, MemoryError):
            problem = MemoryError("out of memory; choose fewer rows")
        logging.getLogger("tiltyard").info("a step broke", exc_info=problem)
        line = f"{type(problem).__name__}: {problem}".splitlines()[0]
        trace = "".join(traceback.format_exception(problem))
        return self.stop(unhappy(Status.FAILED, f"The step itself broke: {line}"), trace)
