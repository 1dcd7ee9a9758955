"""The whole main job without a window: run the checks, hold them against the policy, say what was not run."""

from collections.abc import Callable, Sequence
from typing import Any

from ..catalogue import checks
from ..check import Step
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Report
from ..result import Frozen, Record
from ..targets.target import Target
from .job import Job
from .lines import Run
from .policy import Judge, Judgment
from .runner import Runner


class Assessment(Frozen):
    """What an assessment found.

    Attributes
    ----------
    run
        Where it is kept; None with a runner that keeps nothing.
    not_run
        Registered checks without a record.
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
    problem: str = ""
    unlogged: str = ""


def not_run(records: Sequence[Record]) -> tuple[str, ...]:
    """Ids of the registered checks of which there is no record."""
    done = {record.check for record in records}
    return tuple(id for id in checks() if id not in done)


def finished(job: Job) -> None:
    """Wait; on Ctrl-C cancel it and wait until the step under way has ended."""
    while not job.done:
        try:
            job.wait(0.2)
        except KeyboardInterrupt:
            job.cancel()


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
) -> Assessment:
    """Run ``steps`` on ``target`` and ``data`` and wait for the end; Ctrl-C cancels and keeps what was found.

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
    job = runner.start(steps, target, data, name=name, config=config, on_progress=on_progress, on_record=tell, verdict=judge)
    finished(job)
    if job.error is not None:
        raise job.error
    records = tuple(job.records)
    return Assessment(
        run=runner.store.run(job.run.id) if runner.store is not None and job.run is not None and job.problem is None else job.run,
        records=records,
        not_run=not_run(records),
        judgment=policy.judge(records) if policy else None,
        cancelled=job.cancelled,
        problem=str(job.problem or ""),
        unlogged=job.unlogged,
    )
