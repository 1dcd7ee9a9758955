"""The whole main job without a window: run the checks, hold them against the policy, say what was not run."""

from collections.abc import Callable, Sequence
from typing import Any

from ..catalogue import checks, effective, unmet
from ..check import Step
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..execution.job import Job
from ..execution.runner import Runner
from ..progress import Follower, Report
from ..result import Frozen, Record, Status
from ..showing import Tabled
from ..store.lines import Run
from ..store.store import Store
from ..targets.target import Target
from .policy import Judge, Judgment


class Assessment(Tabled, Frozen):
    """What an assessment found.

    Attributes
    ----------
    run
        Where it is kept; None with a runner that keeps nothing.
    not_run
        Registered checks without a record.
    unmet
        Why each check or defense that model and data cannot take cannot be run, by id.
    assumed
        What was guessed of model and data, in sentences.
    problem
        Why the store could not keep all of it, in one line, or empty.
    unlogged
        Why something of it is not in the audit log, in one line, or empty.
    """

    run: Run | None
    records: tuple[Record, ...]
    not_run: tuple[str, ...]
    judgment: Judgment | None
    cancelled: bool = False
    unmet: dict[str, str] = {}
    assumed: tuple[str, ...] = ()
    problem: str = ""
    unlogged: str = ""

    @property
    def unasked(self) -> tuple[str, ...]:
        """Ids of the checks without a record that could have been asked."""
        return tuple(id for id in self.not_run if id not in self.unmet)

    def __getitem__(self, id: str) -> Record:
        """The record of the check called ``id``, the last where it ran several times.

        Raises
        ------
        Problem
            There is none.
        """
        for record in reversed(self.records):
            if record.check == id:
                return record
        raise Problem("a check of this assessment", repr(id), f"There are {', '.join(r.check for r in self.records) or 'none'}")

    def _ipython_key_completions_(self) -> list[str]:
        return [record.check for record in self.records]


def not_run(records: Sequence[Record]) -> tuple[str, ...]:
    """Ids of the registered checks of which there is no record."""
    done = {record.check for record in records}
    return tuple(id for id in checks() if id not in done)


def finished(job: Job, on_progress: Callable[[Report], None] | None = None) -> None:
    """Wait; on Ctrl-C cancel it and wait until the step under way has ended. A `Follower` draws here, in the thread that waits."""
    while not job.done:
        try:
            job.wait(0.2)
            if isinstance(on_progress, Follower):
                on_progress.draw()
        except KeyboardInterrupt:
            job.cancel()


def of_run(store: Store | None, run: Run, target: Target, data: Dataset) -> list[Record]:
    """What ``run`` concluded of this very target and data.

    Raises
    ------
    Problem
        It is of others.
    """
    if (run.target.fingerprint, run.data.fingerprint) != (target.fingerprint, data.fingerprint):
        found = f"a run of {run.target.name} on {run.data.name} that differ from them"
        raise Problem(f"a run of {target.name} on {data.name} to go on with", found, "Name another run, or begin anew")
    kept = store.records(run.id) if store is not None else []
    return [r for r in kept if r.result.status is not Status.CANCELLED]


def remaining(steps: Sequence[Step], records: Sequence[Record]) -> list[Step]:
    """The steps of which there is no record with the same parameters; a step that stands twice needs two."""
    return [step for step, record in zip(steps, _placed(steps, records), strict=True) if record is None]


def ordered(steps: Sequence[Step], records: Sequence[Record]) -> tuple[Record, ...]:
    """The last record of each step, in the steps' order."""
    return tuple(record for record in _placed(steps, records) if record is not None)


def _placed(steps: Sequence[Step], records: Sequence[Record]) -> list[Record | None]:
    """The record of each step, None where there is none: taken from the end, and none for two steps."""
    left, found = list(records), list[Record | None]()
    for step in reversed(steps):
        place = next((i for i in reversed(range(len(left))) if _same(step, left[i])), None)
        found.append(None if place is None else left.pop(place))
    return found[::-1]


def _same(step: Step, record: Record) -> bool:
    return record.check == step.id and effective(record) == step.model_dump(mode="json")


def assess(
    target: Target,
    data: Dataset,
    steps: Sequence[Step],
    runner: Runner | None = None,
    name: str = "",
    config: dict[str, Any] | None = None,
    policy: Judge | None = None,
    on_progress: Callable[[Report], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
    run: Run | None = None,
) -> Assessment:
    """Run ``steps`` on ``target`` and ``data`` and wait for the end; Ctrl-C cancels and keeps what was found.

    Parameters
    ----------
    run
        A stored run that was cut off or cancelled, to go on with: only steps without a result there are run.

    Raises
    ------
    Problem
        Where there is nothing to run, or the run cannot be kept from its start.
    """
    if not steps:
        raise Problem("at least one check to run", "none", "List checks, or leave them out to run all")
    runner = runner or Runner()
    tell = (lambda record, _: on_record(record)) if on_record else None
    judge = (lambda records: policy.judge(records).verdict) if policy else None
    before = of_run(runner.store, run, target, data) if run is not None else []
    left = remaining(steps, before)
    job = runner.start(left, target, data, run=run, name=name, config=config, on_progress=on_progress, on_record=tell, verdict=judge)
    finished(job, on_progress)
    if job.error is not None:
        raise job.error
    records = ordered(steps, [*before, *job.records])
    if run is not None and runner.store is not None and not job.cancelled and job.problem is None:
        runner.store.end(run.id, judge(list(records)) if judge else "")
    return Assessment(
        run=runner.store.run(job.run.id) if runner.store is not None and job.run is not None and job.problem is None else job.run,
        records=records,
        not_run=not_run(records),
        judgment=policy.judge(records) if policy else None,
        cancelled=job.cancelled,
        unmet=unmet(target, data),
        assumed=(*data.assumed, *target.assumptions),
        problem=str(job.problem or ""),
        unlogged=job.unlogged,
    )
