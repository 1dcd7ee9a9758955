"""Jobs of the same person in other windows and processes: seen through the store, and cancelled through it."""

import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiltyard.errors import Problem

from ..views.drawer import Line
from .session import Session

if TYPE_CHECKING:
    from tiltyard.store.lines import Run, Underway

LOOK = 1.0  # s between two looks at whether the store changed
SELDOM = 3.0  # s for which what is known of a run is not read again


@dataclass(frozen=True)
class Job:
    """A job elsewhere, and its run."""

    run: "Run"
    stands: "Underway"

    @property
    def line(self) -> Line:
        """It as the drawer shows it."""
        done = sum(n for state, n in self.run.counts.items() if state != "running")
        return Line(
            id=self.run.id,
            title=self.stands.message.partition(" · ")[0] or "A run",
            about=f"{self.run.target.name}, {self.run.data.name}",
            place="elsewhere",
            done=self.stands.done if self.stands.done > 0 else -1.0,
            left=self.stands.left,
            words=self.stands.message.partition(" · ")[2],
            results=f"{done} result{'s' * (done != 1)} in its run" if done else "",
            cancelling=self.stands.cancelling,
        )


class Elsewhere:
    """What goes on beside this window; what it finds `watching` brings. `begin` looks by itself, in a thread; `look` looks once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.jobs: list[Job] = []
        self._runs: dict[str, Run] = {}
        self._read: dict[str, float] = {}
        self._mark = ""
        self._was: set[str] = set()

    def begin(self) -> None:
        """Look from now on, for as long as the session is there."""
        threading.Thread(target=_watch, args=(weakref.ref(self),), daemon=True, name="tiltyard elsewhere").start()

    def look(self) -> None:
        """Look once; on the kernel's own thread the session hears of what is new. From any thread."""
        store = self.session.store
        if store is None:
            return
        with suppress(Problem):
            mark = store.mark()
            if mark == self._mark and not self.jobs:
                return
            self._mark = mark
            self._found(self._seen())

    def cancel(self, run_id: str) -> None:
        """Ask it to stop; what it has stays."""
        store, session = self.session.store, self.session
        if store is not None:
            session.aside(lambda: store.cancel(run_id), lambda _: self.look(), lambda problem: setattr(session, "warning", str(problem)))

    def _seen(self) -> list[Job]:
        store, running = self.session.store, self.session.queue.running
        assert store is not None
        own = running.runs if running is not None else set()
        under = {id: stands for id, stands in store.jobs.underway().items() if id not in own}
        return [Job(self._run(id), stands) for id, stands in under.items()]

    def _run(self, id: str) -> "Run":
        now, store = time.monotonic(), self.session.store
        assert store is not None
        if id not in self._runs or now - self._read[id] > SELDOM:
            self._runs[id], self._read[id] = store.run(id), now
        return self._runs[id]

    def _found(self, jobs: list[Job]) -> None:
        ids = {job.run.id for job in jobs}
        over, self._was = self._was - ids, ids
        moved = [job.line for job in jobs] != [job.line for job in self.jobs]
        self.jobs = jobs
        if moved or over:
            self.session.on_main(self.changed)

    def changed(self) -> None:
        """Something changed; the window replaces this by what shows it."""


def _watch(found: "weakref.ref[Elsewhere]") -> None:
    while True:
        time.sleep(LOOK)
        elsewhere = found()
        if elsewhere is None:
            return
        with suppress(Exception):  # a store that breaks must not end it for good
            elsewhere.look()
        del elsewhere
