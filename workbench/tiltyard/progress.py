"""Progress of a long step: where it is, how long it will take, whether it was cancelled."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from .errors import Cancelled

Item = TypeVar("Item")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Report:
    """One progress message: ``done`` from 0 to 1, ``left`` in seconds (None until it can be told)."""

    done: float
    message: str
    left: float | None
    elapsed: float


class Follower:
    """Hears the reports of work in whichever thread does it, and shows the last of them in the thread that waits, by ``draw``."""

    def __init__(self) -> None:
        self.last: Report | None = None

    def __call__(self, report: Report) -> None:
        self.last = report
        if threading.current_thread() is threading.main_thread():
            self.draw()

    def draw(self) -> None:
        """Show ``last``, where it is new and time enough has passed."""


@dataclass
class Progress:
    """Told by the worker, read by a person.

    ``step(done, message)`` sets the share done (0 to 1) of this part and raises `Cancelled` once
    ``cancel()`` was called, so calling it often is what makes a check stop within a second.
    ``part(share)`` gives a nested progress that covers the next ``share`` of this one. ``map`` is
    the seam by which a check spreads independent work; a subclass may run it elsewhere.
    """

    listener: Callable[[Report], None] | None = None
    _cancel: threading.Event = field(default_factory=threading.Event)
    _start: float = field(default_factory=time.monotonic)
    _base: float = 0.0
    _share: float = 1.0
    _done: float = 0.0
    _root: "Progress | None" = None
    _files: dict[str, bytes] = field(default_factory=dict)

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()

    def step(self, done: float, message: str = "") -> None:
        """Say that ``done`` (0 to 1) of this part is finished; raises `Cancelled`."""
        self.check()
        self._done = min(max(done, 0.0), 1.0)
        root = self._root or self
        total = self._base + self._share * self._done
        elapsed = time.monotonic() - root._start
        left = elapsed * (1 - total) / total if total > 0.01 and elapsed > 0.2 else None
        if root.listener is not None:
            root.listener(Report(total, message, left, elapsed))

    def waited(self, seconds: float) -> None:
        """Leave so many seconds, in which nothing was worked on, out of the time that counts."""
        (self._root or self)._start += seconds

    def check(self) -> None:
        """Raise `Cancelled` if it was asked for; costs a microsecond."""
        if self._cancel.is_set():
            raise Cancelled

    def keep(self, name: str, content: bytes) -> str:
        """Hand over a file that the step made, for the store to keep beside its record; its SHA-256, for ``CheckResult.artifacts``."""
        (self._root or self)._files[name] = content
        return sha256(content).hexdigest()

    def handed(self) -> dict[str, bytes]:
        """Take the files handed over so far."""
        root = self._root or self
        files, root._files = root._files, {}
        return files

    def part(self, share: float) -> "Progress":
        """A nested progress over the next ``share`` (0 to 1) of this one."""
        base = self._base + self._share * self._done
        self._done = min(self._done + share, 1.0)
        return Progress(_cancel=self._cancel, _base=base, _share=self._share * share, _root=self._root or self)

    def over(self, items: Sequence[Item], message: str = "") -> Iterator[Item]:
        """Iterate with a step before each item; ``message`` may hold {i} and {n}."""
        n = len(items)
        for i, item in enumerate(items):
            self.step(i / n, message.format(i=i + 1, n=n))
            yield item
        self.step(1.0, message.format(i=n, n=n))

    def map(self, function: Callable[[Item], Out], items: Iterable[Item]) -> list[Out]:
        """``[function(item) for item in items]`` with progress, in order."""
        return [function(item) for item in self.over(list(items))]


_present: ContextVar[Progress | None] = ContextVar("tiltyard_progress", default=None)


@contextmanager
def attended(progress: Progress) -> Iterator[None]:
    """While a step runs: who waits in it without a progress of its own (a target that asks an endpoint) hears of its cancel."""
    token = _present.set(progress)
    try:
        yield
    finally:
        _present.reset(token)


def check_present() -> None:
    """Raise `Cancelled` if the step that runs here was cancelled; nothing where none runs."""
    progress = _present.get()
    if progress is not None:
        progress.check()
