"""Progress where one works: a bar in the cell that waits, or a line in the terminal, with the time left; gone when it is over."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from ..formatting.numbers import about
from ..formatting.obeyed import shown
from ..progress import Follower, Report

PATIENCE = 0.7  # s before a run is worth a bar
OFTEN = 0.25  # s between two drawings
WIDTH = 24


@contextmanager
def following(given: Callable[[Report], None] | None = None) -> Iterator[Callable[[Report], None] | None]:
    """Who hears of the progress of a run: ``given``, else a bar in the notebook's cell or a line in the terminal, else nobody."""
    follower = None if given is not None else _here()
    if follower is None:
        yield given
        return
    try:
        yield follower
    finally:
        follower.clear()


def words(report: Report) -> str:
    """How far it is and what is left: ``42 % · PGD · row 3 of 7 · about 12 s left``."""
    left = "" if report.left is None else f"{about(report.left)} left"
    return " · ".join(filter(None, (f"{100 * report.done:.0f} %", shown(report.message), left)))


class _Drawing(Follower):
    """Draws the last report, not too often and not at all for what is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()
        self._drawn = 0.0
        self._seen: Report | None = None

    def draw(self) -> None:
        now = time.monotonic()
        if self.last is None or self.last is self._seen or now - self._begun < PATIENCE or now - self._drawn < OFTEN:
            return
        self._seen, self._drawn = self.last, now
        self.put(self.last)

    def put(self, report: Report) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        raise NotImplementedError


class _Cell(_Drawing):
    """A bar under a notebook's cell, redrawn in its place."""

    def __init__(self, shell: Any) -> None:
        super().__init__()
        self._publish = shell.display_pub.publish
        self._id = f"tiltyard-{id(self)}-{time.monotonic_ns()}"
        self._there = False

    def put(self, report: Report) -> None:
        self._show(
            f'<progress max="1" value="{report.done:.3f}"></progress> {escape(words(report))} · interrupt the kernel to stop', words(report)
        )

    def clear(self) -> None:
        if self._there:
            self._show("<span></span>", "")

    def _show(self, html: str, text: str) -> None:
        self._publish({"text/html": html, "text/plain": text}, {}, transient={"display_id": self._id}, update=self._there)
        self._there = True


class _Line(_Drawing):
    """A line on the terminal's stderr, written over."""

    def __init__(self) -> None:
        super().__init__()
        self._length = 0

    def put(self, report: Report) -> None:
        full = round(WIDTH * report.done)
        self._write(f"{'█' * full}{'░' * (WIDTH - full)} {words(report)} · Ctrl-C stops")

    def clear(self) -> None:
        if self._length:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()

    def _write(self, text: str) -> None:
        import shutil

        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text.ljust(self._length))
        sys.stderr.flush()
        self._length = len(text)


def _here() -> _Drawing | None:
    """Where this runs: a notebook's kernel, a terminal, or neither."""
    # IPython is asked only where it runs already: the engine does without it.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and getattr(shell, "kernel", None) is not None:
        return _Cell(shell)
    return _Line() if sys.stderr is not None and sys.stderr.isatty() else None
