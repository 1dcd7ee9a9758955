"""Runs a list of steps off the thread of the person who asked, and keeps each from the moment it starts."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ..access.person import Person, me
from ..audit import notes as audit
from ..catalogue import unmet
from ..check import Step
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..errors import Cancelled, Problem
from ..progress import Report
from ..result import Record
from ..store.lines import Run, Timing
from ..store.store import Store
from ..targets.target import Target
from .executors import Executor, Replanning, Wide
from .following import Listing
from .interruptible import Interruptible
from .job import Job, Unkept
from .side_by_side import SideBySide, together
from .timing import Expected, TimeLeft, all_of, expected, measured
from .worker_queue import worker

Verdict = Callable[[list[Record]], str]
TRIES = 3
PAUSE = 0.5


class Runner:
    """Starts jobs.

    Parameters
    ----------
    store
        Where runs are kept; None keeps nothing.
    executor
        Where each step runs; by default here, and fits that cannot be interrupted in a process. One that is `executors.Wide`
        is given several at once.
    on_begun
        Called with the run of each job, before it starts.
    """

    def __init__(self, store: Store | None = None, executor: Executor | None = None, on_begun: Callable[[Run], None] | None = None) -> None:
        self.store = store
        self.on_begun = on_begun
        self.executor = executor or Interruptible()

    def start(
        self,
        steps: Sequence[Step],
        target: Target,
        data: Dataset,
        run: Run | None = None,
        name: str = "",
        config: dict[str, Any] | None = None,
        on_progress: Callable[[Report], None] | None = None,
        on_record: Callable[[Record, Target | None], None] | None = None,
        on_done: Callable[[Job], None] | None = None,
        verdict: Verdict | None = None,
    ) -> Job:
        """Start ``steps`` on ``target`` and ``data`` and return at once.

        Parameters
        ----------
        run
            A run that is open, to which this adds; None begins one, and ends it when the job ends.
        verdict
            The run's verdict from its records, kept when the run ends.

        Raises
        ------
        Problem
            In one line, where the run cannot be kept, or the person may not run. What goes wrong later is in ``Job.problem``.
        """
        person = self._allowed()
        steps = [step.settled(person) for step in steps]
        begun = run
        if begun is None and self.store is not None:
            begun = self.store.begin(
                name or f"{target.name} on {data.name}", target.identity, data.identity, (config or {}) | {"unmet": unmet(target, data)}
            )
        if begun is not None and self.on_begun is not None:
            self.on_begun(begun)
        job = Job(begun, on_progress, on_record, on_done)
        self._note(job, "run started", target.fingerprint, started(steps, target, data))
        listing = Listing(self.store.jobs, begun.id) if self.store is not None and begun is not None else None
        job.begin(lambda: self._all(job, listing, steps, target, data, run is None, verdict))
        if listing is not None:
            listing.follow(job)
        return job

    def _all(
        self,
        job: Job,
        listing: Listing | None,
        steps: Sequence[Step],
        target: Target,
        data: Dataset,
        own: bool,
        verdict: Verdict | None,
    ) -> None:
        try:
            at_once = max(1, min(self.executor.at_once if isinstance(self.executor, Wide) else 1, len(steps)))
            known = measured(self.store)
            each = [expected(step, target, data, known) for step in steps]
            job.time_left = TimeLeft(all_of(each, at_once))
            line = SideBySide(job, [step.title for step in steps], shares(each))
            together(lambda: self._work(job, line, list(steps), target, data, known), at_once)
        finally:
            self._settle(job, TRIES)
            self._note(job, "run ended", target.fingerprint, ended(job))
            if own:
                self._kept(job, lambda store, run: store.end(run.id, verdict(job.records) if verdict else ""))
            if listing is not None:
                listing.leave()

    def _work(self, job: Job, line: SideBySide, steps: list[Step], target: Target, data: Dataset, known: Sequence[Timing]) -> None:
        """Take step after step until none is left; what is written is written by one at a time."""
        while True:
            with line.alone:
                if (index := line.next_index()) is None:
                    return
                token = self._begun(job, steps[index])
            progress = line.progress(index)
            with suppress(Cancelled):
                progress.step(0.0, "")
            with worker(expected(steps[index], target, data, known).seconds, progress, job.asked):
                outcome = self.executor.call(steps[index], target, data, progress)
            with line.alone:
                self._ended(job, index, steps[index], token, outcome, target)
                with suppress(Cancelled):
                    progress.step(1.0, "")
                if isinstance(self.executor, Replanning):
                    self._replanned(self.executor, line, steps, index, outcome.record, target, data)

    def _replanned(
        self, executor: Replanning, line: SideBySide, steps: list[Step], index: int, found: Record, target: Target, data: Dataset
    ) -> None:
        """Put what the executor says follows in the place of the steps that were not begun; these run one by one."""
        person = self.store.person if self.store is not None else me()
        after = [step.settled(person) for step in executor.following(found, steps[index + 1 :], target, data)]
        steps[index + 1 :] = after
        line.follow([step.title for step in after], shares([Expected(step.seconds) for step in after]))

    def _begun(self, job: Job, step: Step) -> str:
        job.step = step.title
        self._settle(job)
        tokens: list[str] = []
        self._kept(job, lambda store, run: tokens.append(store.start(run.id, step)))
        return tokens[0] if tokens else ""

    def _ended(self, job: Job, index: int, step: Step, token: str, outcome: Outcome, target: Target) -> None:
        job.unkept.append(Unkept(step, outcome.record, token, outcome.files))
        self._settle(job)
        if outcome.target is not None:
            made = {"defense": step.id, "given": outcome.record.given, "from": target.fingerprint}
            self._note(job, "defense applied", outcome.target.fingerprint, made)
        job.found(outcome.record, outcome.target, index)

    def _allowed(self) -> Person:
        """Who asks; raises where they may not run, or where all must be logged and cannot be."""
        person = self.store.person if self.store is not None else me()
        person.must("run")
        if self.store is not None:
            audit.ready(self.store.url)
        return person

    def _note(self, job: Job, what: str, fingerprint: str, parameters: dict[str, Any]) -> None:
        """Write to the audit log of the store; where that fails, the job keeps why and the run goes on."""
        if self.store is not None:
            run = {"run": job.run.id} if job.run else {}
            unlogged = audit.note(what, fingerprint, run | parameters, self.store.person.name, self.store.url)
            job.unlogged = job.unlogged or unlogged

    def _settle(self, job: Job, tries: int = 1) -> None:
        """Write what is not kept yet; what still fails stays for the next time."""
        for attempt in range(tries):
            while job.unkept and self._kept(job, partial(_write, job.unkept[0])):
                job.unkept.pop(0)
            if not job.unkept:
                job.problem = None
                return
            if attempt + 1 < tries:
                time.sleep(PAUSE)

    def _kept(self, job: Job, write: Callable[[Store, Run], None]) -> bool:
        """Write to the store; where that fails, the job keeps why and the run goes on."""
        if self.store is None or job.run is None:
            return True
        try:
            write(self.store, job.run)
        except Problem as problem:
            job.problem = problem
            return False
        return True


def started(steps: Sequence[Step], target: Target, data: Dataset) -> dict[str, Any]:
    """What the audit log says of a run that begins."""
    asked = [{"id": step.id, "given": step.model_dump(mode="json", include=set(step.model_fields_set))} for step in steps]
    return {"target": target.name, "data": data.name, "data_fingerprint": data.fingerprint, "steps": asked}


def ended(job: Job) -> dict[str, Any]:
    """What the audit log says of a run that ended."""
    found = [_facts_of(record) for record in job.records]
    return {"cancelled": job.cancelled, "records": found}


def _facts_of(record: Record) -> dict[str, Any]:
    facts = {"id": record.check, "status": str(record.result.status), "findings": len(record.result.findings)}
    return facts | ({"artifacts": record.result.artifacts} if record.result.artifacts else {})


def _write(unkept: Unkept, store: Store, run: Run) -> None:
    if not unkept.token:
        unkept.token = store.start(run.id, unkept.step)
    store.finish(unkept.token, unkept.record, unkept.files)


def shares(each: Sequence[Expected]) -> list[float]:
    """How much of the whole each step is, by what it is expected to take."""
    whole = sum(one.seconds for one in each)
    return [one.seconds / whole if whole else 1 / len(each) for one in each]
