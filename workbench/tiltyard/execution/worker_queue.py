"""A step's turn on a machine that people share: it waits for a worker, by the broker's queue, and works at a lower priority than pages do."""

import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..access.line import Line, line
from ..errors import Cancelled, Problem
from ..formatting.numbers import about, ordinal
from ..progress import Progress

OFTEN = 0.5  # s between looks at whether it is its turn
LESS = 10  # how much lower the priority is, as `nice` counts


@contextmanager
def worker(seconds: float, progress: Progress, whole: Progress) -> Iterator[None]:
    """Hold one of the machine's workers for what is expected to take so many seconds; at once where nobody shares the machine.

    A broker that does not answer keeps nobody from working.

    Parameters
    ----------
    progress
        The step's: hears of its place in the queue; a cancel ends the wait, and the block finds it cancelled.
    whole
        The job's: the time of waiting is none of its own.
    """
    asked = line()
    if asked is None:
        yield
        return
    lowered()
    id = uuid.uuid4().hex
    try:
        _waited(asked, id, seconds, progress, whole)
        yield
    finally:
        with suppress(Problem):
            asked.ask("worker_leave", id=id)


def _waited(asked: Line, id: str, seconds: float, progress: Progress, whole: Progress) -> None:
    while not progress.cancelled:
        try:
            found = asked.ask("worker", id=id, seconds=seconds).says["value"]
        except Problem:
            return
        if not found["place"]:
            return
        with suppress(Cancelled):
            progress.step(0.0, in_words(found["place"], found["of"], found["seconds"]))
        begun = time.monotonic()
        time.sleep(OFTEN)
        whole.waited(time.monotonic() - begun)


def in_words(place: int, of: int, seconds: float | None) -> str:
    """A place in the queue in words: ``waits for a worker, 2nd of 5, about 3 min``."""
    return f"waits for a worker, {ordinal(place)} of {of}" + (f", {about(seconds)}" if seconds is not None else "")


def lowered() -> None:
    """Have the thread that asks, and what it starts, work at a lower priority for good; no thread may raise its own again."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, LESS)
