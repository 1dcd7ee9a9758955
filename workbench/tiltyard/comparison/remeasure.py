"""After a defense: run the checks of every risk on the model it made, and lay them beside what was measured before."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..check import Step
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..errors import Cancelled, Problem
from ..execution.job import Job
from ..execution.runner import Runner
from ..progress import Progress, Report
from ..result import Record
from ..showing import Tabled
from ..store.lines import Run
from ..targets.target import Target
from .cross_risk import again, cross

LOOK = 0.1  # s between two looks at whether it was cancelled


@dataclass(frozen=True, repr=False)
class Remeasured(Tabled):
    """A defense, and every risk before and after it.

    Attributes
    ----------
    made
        The defended model; None where the defense made none.
    before, after
        Records of the same checks on the model as it was and on the defended one; ``after`` is short where it was cancelled.
    crossed
        The cross-risk record; None where nothing could be compared.
    problem
        Why the store could not keep all of it, or None.
    unlogged
        Why something of it is not in the audit log, in one line, or empty.
    """

    defense: Record
    made: Target | None
    before: tuple[Record, ...] = ()
    after: tuple[Record, ...] = ()
    crossed: Record | None = None
    cancelled: bool = False
    problem: Problem | None = None
    unlogged: str = ""


def remeasure(
    outcome: Outcome,
    target: Target,
    data: Dataset,
    before: Sequence[Record],
    runner: Runner,
    progress: Progress | None = None,
    *,
    run: Run | None = None,
    name: str = "",
    config: dict[str, Any] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> Remeasured:
    """Run the checks of ``before`` with the same parameters on the model of ``outcome``, and wait for the end.

    The panel's *Measure everything again*, `FullAssessment.defend` and with it ``tiltyard defend`` and ``ty.defend`` call this.
    All that it measures comes with the call, so that a model loaded elsewhere meanwhile has no effect on it.

    Parameters
    ----------
    outcome
        The defense as it was applied to ``target``.
    before
        What was measured of ``target``. Accuracy and calibration are measured of it now where they are not among these.
    progress
        Its ``cancel`` ends the whole; so does Ctrl-C.
    run
        The open run of ``target``, which keeps what is still measured of it. The defended model gets a run of its own, ``name``.
    on_record
        Called from the job's thread with each record.

    Raises
    ------
    Problem
        The defense made no model, or the person may not run.
    """
    if outcome.target is None:
        raise Problem("a defended model", "none", "Apply the defense first")
    jobs = _Jobs(data, runner, progress or Progress(), on_record)
    known = [record for record in before if record.kind == "check"]
    steps = again(known)
    lacking = [step for step in steps if step.id not in {record.check for record in known}]
    whole = len(lacking) + len(steps)
    known += jobs.measured(lacking, target, len(lacking) / whole, run=run)
    after = jobs.measured(steps, outcome.target, len(steps) / whole, name=name, config=config)
    return Remeasured(
        outcome.record,
        outcome.target,
        tuple(known),
        tuple(after),
        None if jobs.progress.cancelled else cross(outcome.record, target, outcome.target, data, known, after),
        jobs.progress.cancelled,
        jobs.problem,
        jobs.unlogged,
    )


class _Jobs:
    """Jobs one after the other, under one progress and one cancel."""

    def __init__(self, data: Dataset, runner: Runner, progress: Progress, on_record: Callable[[Record], None] | None) -> None:
        self.data, self.runner, self.progress, self.on_record = data, runner, progress, on_record
        self.problem: Problem | None = None
        self.unlogged = ""

    def measured(
        self,
        steps: Sequence[Step],
        target: Target,
        share: float,
        run: Run | None = None,
        name: str = "",
        config: dict[str, Any] | None = None,
    ) -> list[Record]:
        """The records of ``steps`` on ``target``, which are ``share`` of the whole; none once it is cancelled."""
        if not steps or self.progress.cancelled:
            return []
        part = self.progress.part(share)

        def forward(report: Report) -> None:
            with suppress(Cancelled):
                part.step(report.done, report.message)

        tell = self.on_record
        found = (lambda record, _: tell(record)) if tell else None
        job = self.runner.start(steps, target, self.data, run=run, name=name, config=config, on_progress=forward, on_record=found)
        self._wait(job)
        if job.error is not None:
            raise job.error
        self.problem, self.unlogged = self.problem or job.problem, self.unlogged or job.unlogged
        return job.records

    def _wait(self, job: Job) -> None:
        while not job.done:
            try:
                job.ended(LOOK)
            except KeyboardInterrupt:
                self.progress.cancel()
            if self.progress.cancelled:
                job.cancel()
