"""A job that others can follow and stop: a thread beside it writes its progress and reads whether it was asked to stop."""

import threading
import time
from contextlib import suppress

from ..errors import Problem
from .job import Job
from .jobs import Jobs

LOOK = 0.5
WRITE = 1.0
TRIES = 5


def follow(job: Job, jobs: Jobs, run_id: str) -> None:
    """Keep the job's progress in the store, at most once a second, and cancel it where someone elsewhere asked for that.

    A store that does not answer stops none of it: the job runs on, unseen from elsewhere.
    """
    threading.Thread(target=_beside, args=(job, jobs, run_id), name="tiltyard follow", daemon=True).start()


def _beside(job: Job, jobs: Jobs, run_id: str) -> None:
    id, told, written, pause = "", job.progress, 0.0, 0.0
    while not job.ended(pause):
        pause = LOOK
        with suppress(Problem):
            if not id and not (id := jobs.open(run_id)):
                return
            if jobs.asked(id):
                job.cancel()
            if job.progress is not told and time.monotonic() - written >= WRITE:
                told, written = job.progress, time.monotonic()
                jobs.tell(id, told)
    if id:
        _close(jobs, id)


def _close(jobs: Jobs, id: str) -> None:
    """Take the job off the list, in several tries, for a kernel that lives on would show it as under way."""
    for _ in range(TRIES):
        with suppress(Problem):
            jobs.close(id)
            return
        time.sleep(WRITE)
