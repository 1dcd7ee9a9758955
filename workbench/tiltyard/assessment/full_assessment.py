"""The full assessment of one target: its checks, every defense with what it does to the other risks, a campaign, and the ethics checklist."""

from collections.abc import Callable, Sequence
from typing import Any

from ..campaign.campaign import ThreatModel, plan
from ..campaign.matrix import campaign_record
from ..campaign.rules import ruled, start
from ..catalogue import checks as registered
from ..catalogue import defenses, effective, unmet
from ..check import Step, named
from ..comparison.remeasure import Remeasured, remeasure
from ..datasets.dataset import Dataset
from ..defense import Defense, Outcome
from ..execution.job import Job
from ..execution.profiles import overrides
from ..execution.runner import Runner
from ..guidelines.checklist import checklist_record, documents
from ..progress import Progress, Report
from ..result import Record, Status
from ..standards.ethics import fill
from ..targets.target import Target
from .assessment import finished


def remeasured() -> tuple[str, ...]:
    """Ids of the checks that are measured again after each defense, as their classes say."""
    return tuple(id for id, cls in registered().items() if cls.remeasured)


def answers(profile: str, seed: int, data: Dataset) -> list[Defense]:
    """Every registered defense with the profile's parameters and ``seed``."""
    return [named(cls, {"seed": seed, **overrides(cls, profile, data)}) for cls in defenses().values()]  # type: ignore[misc]


class FullAssessment:
    """Collects records of one target; once cancelled, what is left is not begun.

    Parameters
    ----------
    runner
        Its store keeps one run of the target, the campaign's records among it, and others of each defended target.

    Attributes
    ----------
    records
        What was found of the target itself, in order.
    of_defended
        What could be asked of the defended targets alone, as whether one carries a mark.
    unlogged
        Why something of it is not in the audit log, in one line, or empty.
    """

    def __init__(
        self,
        target: Target,
        data: Dataset,
        runner: Runner,
        name: str = "",
        config: dict[str, Any] | None = None,
        on_progress: Callable[[Report], None] | None = None,
    ) -> None:
        self.target, self.data, self.runner, self.name, self.config = target, data, runner, name, config or {}
        self.tell = on_progress
        self.records: list[Record] = []
        self.of_defended: list[Record] = []
        self.cancelled = False
        self.unlogged = ""
        store = runner.store
        facts = self.config | {"unmet": unmet(target, data)}
        self.run = store.begin(name, target.identity, data.identity, facts) if store is not None else None

    def check(self, steps: Sequence[Step]) -> None:
        """Run ``steps`` on the target."""
        if not self.cancelled:
            self._ran(self.runner.start(steps, self.target, self.data, run=self.run, on_progress=self.tell), keep=True)

    def defend(self, defense: Defense, checks: Sequence[str] | None = None) -> Remeasured | None:
        """Apply ``defense``, and run those of ``checks`` again that gave an answer before, with the same parameters.

        Without ``checks`` those that are `remeasured`. None where the assessment was cancelled before.
        """
        if self.cancelled:
            return None
        job = self._ran(self.runner.start([defense], self.target, self.data, run=self.run, on_progress=self.tell), keep=True)
        outcome = Outcome(job.records[0], job.targets.get(0))
        if outcome.target is not None:
            self._now_possible(outcome.target, f"{self.name} after {defense.title}: what can be asked now")
        again = remeasured() if checks is None else checks
        before = [r for r in self.records if r.check in again and r.result.status is not Status.NOT_APPLICABLE]
        if outcome.target is None or not before or self.cancelled:
            return Remeasured(outcome.record, outcome.target, tuple(before), cancelled=self.cancelled)
        return self._remeasured(outcome, before, f"{self.name} after {defense.title}")

    def _remeasured(self, outcome: Outcome, before: list[Record], name: str) -> Remeasured:
        progress = Progress(listener=self.tell)
        found = remeasure(outcome, self.target, self.data, before, self.runner, progress, run=self.run, name=name, config=self.config)
        self._heed(found)
        self.records += found.before[len(before) :]
        if found.crossed is not None:
            self._add(found.crossed)
        return found

    def _now_possible(self, made: Target, name: str) -> None:
        """Ask of ``made`` what could not be asked of the target, as whether it carries a mark; in a run of its own, ``name``."""
        open_ones = [r for r in self._checked() if r.result.status is Status.NOT_APPLICABLE and r.target == self.target.identity]
        steps = [s for s in (named(registered()[r.check], effective(r)) for r in open_ones) if not s.unmet(made, self.data)]
        if steps and not self.cancelled:
            job = self._ran(self.runner.start(steps, made, self.data, name=name, config=self.config, on_progress=self.tell))
            self.of_defended += job.records

    def _checked(self) -> list[Record]:
        """The records of checks: of a defense that does not apply there is one too, and it is asked of no other defended model."""
        return [r for r in self.records if r.check in registered()]

    def campaign(self, threat: ThreatModel, profile: str, seed: int) -> None:
        """Plan and run a campaign of ``threat``; its matrix and its own records are added."""
        if self.cancelled:
            return
        planned = plan(threat, self.target, self.data, "quick" if profile == "quick" else "full", seed)
        rules = ruled(planned, self.target, self.runner, self.run)
        job = self._ran(start(planned, self.target, self.data, self.runner, run=self.run, on_progress=self.tell, rules=rules))
        self.records += job.records
        self._add(campaign_record(rules.plan or planned, self.target, self.data, job.records))

    def checklist(self) -> None:
        """The ethics checklist, filled from what was found, with model card and datasheet."""
        target, data = self.target.identity, self.data.identity
        found = fill(self.records, target=target, data=data)
        self._add(checklist_record(found, target, data, documents(found, target, self.data, self.records)))

    def end(self) -> None:
        """Nothing more follows."""
        if self.run is not None and self.runner.store is not None:
            self.runner.store.end(self.run.id)

    def _ran(self, job: Job, keep: bool = False) -> Job:
        finished(job, self.tell)
        if job.error is not None:
            raise job.error
        self._heed(job)
        if keep:
            self.records += job.records
        return job

    def _heed(self, ended: Job | Remeasured) -> None:
        """Take over whether it was cancelled and what could not be logged; raise where it could not be kept."""
        self.cancelled = self.cancelled or ended.cancelled
        if ended.problem is not None:
            raise ended.problem
        self.unlogged = self.unlogged or ended.unlogged

    def _add(self, record: Record) -> None:
        self.records.append(record)
        if self.run is not None and self.runner.store is not None:
            self.runner.store.add(self.run.id, record)
