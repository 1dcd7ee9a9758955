"""The steps of a job begun in their order, one or several at a time, with the progress of all as one."""

import threading
from collections.abc import Callable, Sequence

from ..progress import Progress, Report
from .job import Job


class SideBySide:
    """Gives a job's steps out by their place, each once.

    Parameters
    ----------
    job
        Shows the title and message of the step that reported last, and how far all are.
    titles, shares
        Of each step: what it is called, and how much of the whole it is.

    Attributes
    ----------
    alone
        Held by who takes the next step, or writes what one found.
    """

    def __init__(self, job: Job, titles: Sequence[str], shares: Sequence[float]) -> None:
        self.job, self.titles, self.shares = job, list(titles), list(shares)
        self.alone = threading.RLock()
        self._next = 0
        self._done = [0.0] * len(titles)

    def next_index(self) -> int | None:
        """The place of the next step; None where none is left, or the job was cancelled after its first began."""
        with self.alone:
            if self._next >= len(self.titles) or (self._next and self.job.cancelled):
                return None
            self._next += 1
            return self._next - 1

    def follow(self, titles: Sequence[str], shares: Sequence[float]) -> None:
        """Put other steps in the place of those that were not begun; ``shares`` are of what is left of the whole."""
        with self.alone:
            left = max(1.0 - sum(self.shares[: self._next]), 0.0)
            self.titles[self._next :] = titles
            self.shares[self._next :] = [left * share for share in shares]
            self._done[self._next :] = [0.0] * len(titles)

    def progress(self, index: int) -> Progress:
        """The step's own progress; a cancel of the job is one of it."""
        return Progress(lambda report: self._reported(index, report), _cancel=self.job.asked._cancel)

    def _reported(self, index: int, report: Report) -> None:
        with self.alone:
            self._done[index] = report.done
            self.job.step = self.titles[index]
            total = sum(share * done for share, done in zip(self.shares, self._done, strict=True))
            self.job.asked.step(total, report.message)


def together(work: Callable[[], None], n: int) -> None:
    """``work`` here and in ``n - 1`` threads beside, until all have ended; the first error is raised."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    beside = [threading.Thread(target=guarded, daemon=True, name="tiltyard step") for _ in range(n - 1)]
    for thread in beside:
        thread.start()
    guarded()
    for thread in beside:
        thread.join()
    if errors:
        raise errors[0]
