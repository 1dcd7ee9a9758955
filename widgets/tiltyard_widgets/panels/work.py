"""What a window works through: one heavy thing at a time, first in, first out, each about the target and data it was asked for."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import traitlets as t

from tiltyard.errors import Problem
from tiltyard.formatting.numbers import about, ordinal
from tiltyard.progress import Report
from tiltyard.result import Identity

State = Literal["waiting", "running", "ended", "cancelled", "failed"]
Stop = Callable[[], None]
PAST = 12  # of what ended, as many are shown


@dataclass(eq=False)
class Work:
    """One thing a window was asked to do. Only its `Queue` changes it.

    Attributes
    ----------
    steps
        Ids of the steps it runs, in their order.
    target, data
        What it is about, whatever the window shows meanwhile.
    done
        Share from 0 to 1; below 0 while it is not known.
    left
        Seconds, None until they can be told.
    expected
        Seconds that it took here before, or typically takes; None where nobody knows.
    found
        How many of its steps have a result.
    run
        Id of the run that keeps it, or empty; ``runs`` are those of all its jobs.
    ending
        How it ended, in a few words.
    error
        What went wrong, in one line.
    """

    title: str
    steps: tuple[str, ...] = ()
    target: Identity | None = None
    data: Identity | None = None
    expected: float | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: State = "waiting"
    done: float = -1.0
    message: str = ""
    left: float | None = None
    elapsed: float = 0.0
    found: int = 0
    run: str = ""
    runs: set[str] = field(default_factory=set)
    ending: str = ""
    error: str = ""
    asked: datetime = field(default_factory=lambda: datetime.now(UTC))
    cancelling: bool = False

    @property
    def over(self) -> bool:
        """Has it ended, however?"""
        return self.state not in ("waiting", "running")


@dataclass(eq=False)
class _Turn:
    """What the queue does with a work: how it begins, and whom to tell where it never does."""

    work: Work
    begin: Callable[[], Stop | None]
    dropped: Callable[[], None]
    stop: Stop | None = None


class Queue(t.HasTraits):
    """The works of one window. Observe ``version`` to hear that one was added, began, moved or ended; `on_progress` for how far it is.

    All of it is called on the kernel's own thread, but `report`.
    """

    version = t.Int(0)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._running: _Turn | None = None
        self._waiting: list[_Turn] = []
        self._past: list[Work] = []
        self._began = 0.0
        self._listeners: list[Callable[[], None]] = []

    @property
    def running(self) -> Work | None:
        """The one under way."""
        return self._running.work if self._running else None

    @property
    def waiting(self) -> list[Work]:
        """Those whose turn comes, the next first."""
        return [turn.work for turn in self._waiting]

    @property
    def past(self) -> list[Work]:
        """Those that ended, the last first."""
        return list(reversed(self._past))

    def on_progress(self, call: Callable[[], None]) -> None:
        """Call ``call()``, from any thread and often, when the one under way got further."""
        self._listeners.append(call)

    def add(self, work: Work, begin: Callable[[], Stop | None], dropped: Callable[[], None] = lambda: None) -> Work:
        """Begin ``work`` now where nothing runs, else when its turn comes.

        Parameters
        ----------
        begin
            Starts it and returns at once with what cancels it, or None where nothing can. Whoever starts it calls `end`.
        dropped
            Called where it never begins, because it was taken out or could not.

        Raises
        ------
        Problem
            It should begin now and cannot; one that waits then becomes *failed*.
        """
        turn = _Turn(work, begin, dropped)
        if self._running is None and not self._waiting:
            self._begin(turn)
        else:
            self._waiting.append(turn)
        self.version += 1
        return work

    def place(self, work: Work) -> int:
        """0 of the one under way, 1 of the next and so on; -1 where it is not there any more."""
        if self._running is not None and self._running.work is work:
            return 0
        return next((i for i, turn in enumerate(self._waiting, 1) if turn.work is work), -1)

    def starts_in(self, work: Work) -> float | None:
        """Seconds until it begins; None where that is not known of one before it."""
        before = [turn.work for turn in self._waiting[: max(self.place(work) - 1, 0)]]
        known = [self._left(), *(one.expected for one in before)]
        return None if any(seconds is None for seconds in known) else sum(seconds for seconds in known if seconds)

    def _left(self) -> float | None:
        work = self.running
        if work is None:
            return 0.0
        if work.left is not None:
            return max(work.left - (self._clock() - self._began - work.elapsed), 0.0)
        return max(work.expected - (self._clock() - self._began), 0.0) if work.expected is not None else None

    def words(self, work: Work) -> str:
        """Where it stands in the queue: ``Queued, 2nd; starts in about 3 min``; empty for one that does not wait."""
        place = self.place(work)
        if place < 1:
            return ""
        seconds = self.starts_in(work)
        when = "its start cannot be told yet" if seconds is None else f"starts in {about(seconds)}"
        return f"Queued, {ordinal(place + 1)}; {when}"

    def first(self, id: str) -> None:
        """Let it be the next; nothing where it does not wait."""
        for turn in [turn for turn in self._waiting if turn.work.id == id]:
            self._waiting.remove(turn)
            self._waiting.insert(0, turn)
            self.version += 1

    def cancel(self, id: str) -> None:
        """Stop it where it runs, take it out where it waits; nothing where it ended."""
        if self._running is not None and self._running.work.id == id:
            self.stop()
        for turn in [turn for turn in self._waiting if turn.work.id == id]:
            self._waiting.remove(turn)
            self._close(turn.work, "cancelled", "Taken out of the queue", "")
            turn.dropped()
            self.version += 1

    def stop(self) -> None:
        """Stop what runs, where it can be stopped; what waits goes on."""
        turn = self._running
        if turn is not None and turn.stop is not None and not turn.work.cancelling:
            turn.work.cancelling = True
            turn.stop()
            self.version += 1

    def report(self, work: Work, report: Report) -> None:
        """Take over how far it is; from any thread."""
        if work.state == "running":
            work.done, work.message, work.left, work.elapsed = report.done, report.message or work.message, report.left, report.elapsed
            for call in self._listeners:
                call()

    def has(self, work: Work) -> None:
        """One more of its steps has a result."""
        work.found += 1
        self.version += 1

    def end(self, work: Work, ending: str = "", error: str = "", cancelled: bool = False) -> None:
        """It has ended; the next begins."""
        if self._running is None or self._running.work is not work:
            return
        self._running = None
        self._close(work, "failed" if error else "cancelled" if cancelled else "ended", ending, error)
        self._next()
        self.version += 1

    def _close(self, work: Work, state: State, ending: str, error: str) -> None:
        work.state, work.ending, work.error, work.left = state, ending, error, None
        self._past = [*self._past, work][-PAST:]

    def _begin(self, turn: _Turn) -> None:
        self._running, self._began = turn, self._clock()
        turn.work.state = "running"
        try:
            turn.stop = turn.begin()
        except Exception:
            self._running = None
            raise

    def _next(self) -> None:
        while self._waiting and self._running is None:
            turn = self._waiting.pop(0)
            try:
                self._begin(turn)
            except Exception as problem:
                line = str(problem) if isinstance(problem, Problem) else f"{type(problem).__name__}: {problem}"
                self._close(turn.work, "failed", "Could not start", line)
                turn.dropped()
