"""A job that others can follow and stop: a thread beside it writes its progress and reads whether it was asked to stop."""

import threading
import time
from contextlib import suppress

from ..errors import Problem
from ..store.jobs import Jobs
from .job import Job

LOOK = 0.5
WRITE = 1.0
TRIES = 5


class Listing:
    """A job's line on the store's list of what goes on: there from before it begins until its work is done, so that nobody sees it go on later.

    A store that does not answer stops none of it: the job runs on, unseen from elsewhere.
    """

    def __init__(self, jobs: Jobs, run_id: str) -> None:
        self._jobs, self._id = jobs, ""
        with suppress(Problem):
            self._id = jobs.open(run_id)

    def follow(self, job: Job) -> None:
        """Keep the job's progress, at most once a second, and cancel it where someone elsewhere asked for that."""
        if self._id:
            threading.Thread(target=self._beside, args=(job,), name="tiltyard follow", daemon=True).start()

    def leave(self) -> None:
        """Off the list; where the store does not answer now, the thread beside the job tries again once it has ended."""
        if self._id:
            with suppress(Problem):
                self._jobs.close(self._id)
                self._id = ""

    def _beside(self, job: Job) -> None:
        last, written = job.progress, 0.0
        while not job.ended(LOOK):
            with suppress(Problem):
                if self._id and self._jobs.asked(self._id):
                    job.cancel()
                if self._id and job.progress is not last and time.monotonic() - written >= WRITE:
                    last, written = job.progress, time.monotonic()
                    self._jobs.tell(self._id, last)
        for _ in range(TRIES):  # a kernel that lives on would show the job as under way
            self.leave()
            if not self._id:
                return
            time.sleep(WRITE)
