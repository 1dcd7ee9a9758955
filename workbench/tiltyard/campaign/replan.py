"""The plan of a campaign under way: what was not spent goes back, and attacks that did not fit come in again."""

from collections import Counter
from collections.abc import Sequence

from ..catalogue import checks
from ..check import Check, named
from ..datasets.dataset import Dataset
from ..result import Record
from ..targets.target import Target
from .campaign import Plan, Planned, Ready, valued, within
from .cost import Cost, Costs


def replanned(plan: Plan, target: Target, data: Dataset, done: Sequence[str], records: Sequence[Record], costs: Costs = Cost.of) -> Plan:
    """``plan`` with its steps that ran first, then what fits into the budgets that ``records`` left, in the order of worth.

    Parameters
    ----------
    done
        Ids of the steps that ran, or are running; they keep their place and parameters.
    records
        All that was spent by this campaign.
    """
    threat = plan.threat
    ran = [step for step in plan.steps if step.id in done]
    rows = max(threat.query_budget - sum(r.queries for r in records), 0)
    seconds = max(threat.seconds - sum(r.seconds for r in records), 0.0)
    begun = Counter(step.goal for step in ran)
    order = valued(threat, _ready(plan, target, data, done, costs), begun)
    steps, over = within(threat, rows, seconds, order, target, data, costs)
    kept = {step.id: step for step in plan.steps}
    steps = [_as_before(kept.get(step.id), step) for step in steps]
    forbidden = [one for one in plan.left_out if one.parameters is None]
    return plan.model_copy(update={"steps": (*ran, *steps), "left_out": (*forbidden, *over)})


def _ready(plan: Plan, target: Target, data: Dataset, done: Sequence[str], costs: Costs) -> list[Ready]:
    """Every attack that may still run, whole, with its cost."""
    wanted: list[tuple[str, Check]] = [(step.goal, step.asked) for step in plan.steps if step.id not in done]
    wanted += [
        (one.goal, named(checks()[one.id], one.parameters))  # type: ignore[misc]
        for one in plan.left_out
        if one.parameters is not None and one.id not in done
    ]
    return [(goal, step, costs(step, target, data)) for goal, step in wanted]


def _as_before(was: Planned | None, now: Planned) -> Planned:
    """Equal parameters keep what was told of them; a note says where rows came back."""
    if was is None:
        return now.model_copy(update={"note": "; ".join(filter(None, (now.note, "fits by what others left")))})
    if was.whole and not now.whole:
        return now.model_copy(update={"note": "; ".join(filter(None, (now.note, "whole again by what others left")))})
    return now
