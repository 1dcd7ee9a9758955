"""A step's turn on a machine that people share: it waits for a worker, by the broker's queue, and works at a lower priority than pages do."""

import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..access.line import Line, line
from ..errors import Cancelled, Problem
from ..formatting.numbers import about, ordinal
from ..progress import Progress

OFTEN = 0.5  # s between looks at whether it is its turn
AGAIN = 2.0  # s between words that it still holds its worker, for a broker that was started anew
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
        if _waited(asked, id, seconds, progress, whole):
            with _held(asked, id, seconds):
                yield
        else:
            yield
    finally:
        with suppress(Problem):
            asked.ask("worker_leave", id=id)


def _waited(asked: Line, id: str, seconds: float, progress: Progress, whole: Progress) -> bool:
    """Wait for its turn; False where it was cancelled before."""
    while not progress.cancelled:
        try:
            found = asked.ask("worker", id=id, seconds=seconds).says["value"]
        except Problem:
            return True
        if not found["place"]:
            return True
        with suppress(Cancelled):
            progress.step(0.0, in_words(found["place"], found["of"], found["seconds"]))
        begun = time.monotonic()
        time.sleep(OFTEN)
        whole.waited(time.monotonic() - begun)
    return False


@contextmanager
def _held(asked: Line, id: str, seconds: float) -> Iterator[None]:
    """Say now and then that the worker is still held: the next broker counts it, and lowers what this process has started meanwhile."""
    ended = threading.Event()

    def say() -> None:
        while not ended.wait(AGAIN):
            with suppress(Problem):
                asked.ask("worker", id=id, seconds=seconds, holds=True)

    thread = threading.Thread(target=say, daemon=True, name="tiltyard worker held")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()  # a word after the last would hold it for good


def in_words(place: int, of: int, seconds: float | None) -> str:
    """A place in the queue in words: ``waits for a worker, 2nd of 5, about 3 min``."""
    return f"waits for a worker, {ordinal(place)} of {of}" + (f", {about(seconds)}" if seconds is not None else "")


def lowered() -> None:
    """Have the thread that asks, and what it starts, work at a lower priority for good; no thread may raise its own again."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, LESS)
