"""A campaign under way: each step sees only what the threat model allows, within its rows and its time; what was stolen is used; the rest is planned anew."""

import threading
from collections.abc import Callable, Sequence

from ..attempt import Clock, unhappy
from ..catalogue import checks, effective
from ..check import Step, record
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..execution.executors import Executor, Local
from ..execution.job import Job
from ..execution.runner import Runner
from ..progress import Progress, Report
from ..result import Record, Status
from ..store.lines import Run
from ..targets.answers import Answers
from ..targets.query_budget import Meter
from ..targets.restricted import RestrictedTarget
from ..targets.target import Target
from .campaign import Plan, Planned, ThreatModel
from .cost import Cost, Costs, remembered
from .replan import replanned


class Rules:
    """An executor that hides the target behind the threat model and ends the campaign when its time is spent.

    A campaign stays in the thread that asks, where `Interruptible` decides: a `RestrictedTarget` does not say ``fits_in_one_go``
    of the target it hides, and its `Meter`, which counts across all steps, holds a lock and so could not travel.

    Parameters
    ----------
    threat
        What is allowed.
    before
        Records of the same campaign from before; what they spent is spent.
    executor
        Where the steps run; here by default.
    plan
        What is run; after each step it is planned anew within what is left. None runs the steps as they were given.
    costs
        What an attack costs, when the rest is planned anew.

    Attributes
    ----------
    plan
        As it is now.
    answers
        What a step was answered that another `feeds_on`, by the id of the first.
    """

    def __init__(
        self,
        threat: ThreatModel,
        before: Sequence[Record] = (),
        executor: Executor | None = None,
        plan: Plan | None = None,
        costs: Costs = Cost.of,
    ) -> None:
        self.threat = threat
        self.plan, self.costs = plan, remembered(costs)
        self.before, self.found = list(before), list[Record]()
        self.answers: dict[str, Answers] = {}
        self.meter = Meter(threat.query_budget, sum(r.queries for r in before))
        self.seconds = max(threat.seconds - sum(r.seconds for r in before), 0.0)
        self.out_of_time = False
        self.executor = executor or Local()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """Run ``step`` on the restricted target; a step that time ran out on is *incomplete*."""
        seen = self.threat.view(step, target, self.meter, listening=_heard_by_others(step))
        if isinstance(seen, RestrictedTarget):
            seen.answers = next((self.answers[id] for id in step.feeds_on if id in self.answers), None)
        clock = Clock(seen)
        if self.seconds <= 0:
            self.out_of_time = True
            return Outcome(record(step, "check", clock.stop(unhappy(Status.INCOMPLETE, self._late())), seen, data), None)
        alarm = threading.Timer(self.seconds, lambda: self._ring(progress))
        alarm.daemon = True
        alarm.start()
        outcome = self.executor.call(step, seen, data, progress)
        alarm.cancel()
        self.seconds -= outcome.record.seconds
        if not isinstance(seen, RestrictedTarget):
            self.meter.spent += outcome.record.queries
        elif (heard := seen.heard(step.id)) is not None:
            self.answers[step.id] = heard
        if self.out_of_time and outcome.record.result.status is Status.CANCELLED:
            late = outcome.record.model_copy(update={"result": unhappy(Status.INCOMPLETE, self._late())})
            return Outcome(late, outcome.target)
        return outcome

    def following(self, found: Record, waiting: Sequence[Step], target: Target, data: Dataset) -> Sequence[Step]:
        """What follows: the steps that fit into what is left; those given where there is no plan."""
        self.found.append(found)
        if self.plan is None or found.result.status is Status.CANCELLED:
            return waiting
        done = {r.check for r in self.found}
        over = {planned.id for planned in self.plan.steps} - {step.id for step in waiting} - done  # ran before, in the same run
        self.plan = replanned(self.plan, target, data, sorted(done | over), [*self.before, *self.found], self.costs)
        return [planned.step for planned in self.plan.steps if planned.id not in done | over]

    def _ring(self, progress: Progress) -> None:
        self.out_of_time = True
        progress.cancel()

    def _late(self) -> str:
        return f"The campaign's {self.threat.seconds:g} s were spent before this attack ended."


def own(plan: Plan, target: Target, records: Sequence[Record]) -> list[Record]:
    """The records that belong to this campaign: the same steps with the same parameters, on the target seen in the same way."""
    return [r for r in records if any(_same(planned, plan, target, r) for planned in plan.steps)]


def _same(planned: Planned, plan: Plan, target: Target, found: Record) -> bool:
    step = planned.step
    return (
        found.check == planned.id
        and effective(found) == step.model_dump(mode="json")
        and found.data.fingerprint == plan.data.fingerprint
        and found.target.fingerprint == plan.threat.view(step, target).fingerprint
    )


def _heard_by_others(step: Step) -> bool:
    return any(step.id in other.feeds_on for other in checks().values())


def remaining(plan: Plan, target: Target, records: Sequence[Record]) -> list[Planned]:
    """The steps without a record; one that was cancelled or ran out of time is run again."""
    over = (Status.CANCELLED, Status.INCOMPLETE)
    done = [r for r in records if r.result.status not in over or r.result.metrics]
    return [planned for planned in plan.steps if not any(_same(planned, plan, target, r) for r in done)]


def ruled(plan: Plan, target: Target, runner: Runner, run: Run | None = None, costs: Costs = Cost.of) -> Rules:
    """The rules of ``plan``; with ``run`` what its records spent is spent. ``Rules.plan`` becomes the plan as it was run."""
    before = own(plan, target, runner.store.records(run.id)) if run is not None and runner.store is not None else []
    return Rules(plan.threat, before, runner.executor, plan, costs)


def start(
    plan: Plan,
    target: Target,
    data: Dataset,
    runner: Runner | None = None,
    run: Run | None = None,
    on_progress: Callable[[Report], None] | None = None,
    on_record: Callable[[Record, Target | None], None] | None = None,
    on_done: Callable[[Job], None] | None = None,
    rules: Rules | None = None,
) -> Job:
    """Run ``plan`` within its rules and return at once; with ``run``, a stored run of it, only what has no record there.

    ``Job.records`` holds what was found now; ``store.records(run.id)`` all of it. After each step the rest is planned anew: ``rules.plan`` is
    what was run in the end, where ``rules``, as `ruled` makes them, are given.
    """
    runner = runner or Runner()
    rules = rules or ruled(plan, target, runner, run)
    steps = [planned.step for planned in remaining(plan, target, rules.before)]
    return Runner(runner.store, rules).start(
        steps,
        target,
        data,
        run=run,
        name=f"campaign, {plan.threat.words}: {target.name}",
        config={"campaign": plan.model_dump(mode="json")},
        on_progress=on_progress,
        on_record=on_record,
        on_done=on_done,
    )
