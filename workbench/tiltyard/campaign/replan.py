"""The plan of a campaign under way: what was not spent goes back, and attacks that did not fit come in again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..catalogue import checks
from ..check import Check, named
from ..datasets.dataset import Dataset
from ..result import Record, Status
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
        All that was spent by this campaign. Where a step cost more or less than its interval held, those of the others widen by as much.
    """
    threat = plan.threat
    ran = [step for step in plan.steps if step.id in done]
    rows = max(threat.query_budget - sum(r.queries for r in records), 0)
    seconds = max(threat.seconds - sum(r.seconds for r in records), 0.0)
    begun = Counter(step.goal for step in ran)
    costs = _learned(costs, ran, records)
    order = valued(threat, _ready(plan, target, data, done, costs), begun)
    steps, over = within(threat, rows, seconds, order, target, data, costs)
    kept = {step.id: step for step in plan.steps}
    steps = [_as_before(kept.get(step.id), step) for step in steps]
    forbidden = [one for one in plan.left_out if one.parameters is None]
    return plan.model_copy(update={"steps": (*ran, *steps), "left_out": (*forbidden, *over)})


def _learned(costs: Costs, ran: Sequence[Planned], records: Sequence[Record]) -> Costs:
    """``costs`` whose intervals are wider by the most that a measured step missed its own by."""
    real = {r.check: r for r in records if r.result.status is not Status.CANCELLED}
    spent = [(one, real[one.id]) for one in ran if one.measured and one.id in real]
    rows = max((_missed(r.queries, one.queries_low, one.queries_high) for one, r in spent), default=1.0)
    seconds = max((_missed(r.seconds, one.seconds_low, one.seconds_high) for one, r in spent), default=1.0)

    def found(step: Check, target: Target, data: Dataset) -> Cost:
        cost = costs(step, target, data)
        if cost.rows_span is None or cost.seconds_span is None:
            return cost
        return replace(cost, rows_span=cost.rows_span.widened(rows), seconds_span=cost.seconds_span.widened(seconds))

    return found


def _missed(real: float, low: float | None, high: float | None) -> float:
    """The factor by which ``real`` lies outside; 1 inside, or where either is nothing."""
    return max(1.0, real / high if high else 1.0, low / real if real and low else 1.0)


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
