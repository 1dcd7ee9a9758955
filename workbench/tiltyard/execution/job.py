"""Work that goes on: where it is, what it found so far, and how to stop it."""

import logging
import threading
import time
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import Problem
from ..progress import Progress, Report
from ..result import Record
from ..store.lines import Run
from .timing import Left, TimeLeft

if TYPE_CHECKING:
    from ..check import Step
    from ..targets.target import Target

OFTEN = 0.1


@dataclass
class Unkept:
    """A record the store does not have yet; ``token`` is empty where not even its start is written."""

    step: "Step"
    record: Record
    token: str
    files: dict[str, bytes]


class Job:
    """A list of steps under way, off the thread that started it.

    Attributes
    ----------
    run
        The run it is kept in; None where nothing is kept.
    progress
        The last report.
    records
        What was found so far, in the order of the steps.
    targets
        The targets that defenses made, by the index of their step.
    problem
        Why it could not be kept, or None; its records are in ``records`` all the same.
    unlogged
        Why something of it is not in the audit log, in one line, or empty.
    error
        What broke in the job itself, or None.
    step
        The title of the step under way; of several at once, of the one that spoke last.
    time_left
        Tells what is left of it; None leaves that to its progress alone.
    """

    def __init__(
        self,
        run: Run | None = None,
        on_progress: Callable[[Report], None] | None = None,
        on_record: Callable[[Record, "Target | None"], None] | None = None,
        on_done: Callable[["Job"], None] | None = None,
    ) -> None:
        self.run = run
        self.progress = Report(0.0, "starting", None, 0.0)
        self.records: list[Record] = []
        self._places: list[int] = []
        self.targets: dict[int, Target] = {}
        self.problem: Problem | None = None
        self.unlogged = ""
        self.error: BaseException | None = None
        self.asked = Progress(listener=self._report)
        self.step = ""
        self.time_left: TimeLeft | None = None
        self.unkept: list[Unkept] = []
        self._on_progress = on_progress
        self._on_record = on_record
        self._on_done = on_done
        self._last_report = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def done(self) -> bool:
        return self._ended.is_set()

    @property
    def cancelled(self) -> bool:
        return self.asked.cancelled

    def cancel(self) -> None:
        """Ask it to stop: the step under way ends as cancelled within a second, the rest are not run."""
        self.asked.cancel()

    def wait(self, timeout: float | None = None) -> list[Record]:
        """Wait until it has ended (or ``timeout`` seconds) and return what was found."""
        self._ended.wait(timeout)
        return self.records

    def ended(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds; has it ended?"""
        return self._ended.wait(timeout)

    def begin(self, work: Callable[[], None]) -> None:
        """Start ``work`` in its thread; `Runner` calls this."""
        self._thread = threading.Thread(target=self._work, args=(work,), name="tiltyard job", daemon=True)
        self._thread.start()

    def found(self, record: Record, made: "Target | None", index: int) -> None:
        """Take in one record and tell the listener."""
        place = bisect(self._places, index)
        self._places.insert(place, index)
        self.records.insert(place, record)
        if made is not None:
            self.targets[index] = made
        if self._on_record is not None:
            self._guarded(lambda: self._on_record(record, made) if self._on_record else None)

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # nobody above a thread would see it
            logging.getLogger("tiltyard").exception("a job broke")
            self.error = error
        finally:
            last = "cancelled" if self.cancelled else "done"
            self._tell(Report(1.0 if not self.cancelled else self.progress.done, last, 0.0, self.progress.elapsed))
            self._ended.set()
            if self._on_done is not None:
                self._guarded(lambda: self._on_done(self) if self._on_done else None)

    def _report(self, report: Report) -> None:
        if time.monotonic() - self._last_report >= OFTEN:
            left = self.time_left.at(report.done, report.elapsed) if self.time_left else Left(report.left)
            message = " · ".join(filter(None, (self.step, report.message, left.why)))
            self._tell(replace(report, message=message, left=left.seconds))

    def _tell(self, report: Report) -> None:
        self._last_report = time.monotonic()
        self.progress = report
        if self._on_progress is not None:
            self._guarded(lambda: self._on_progress(report) if self._on_progress else None)

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:  # a listener that breaks must not lose a result
            logging.getLogger("tiltyard").exception("a listener of a job broke")
