"""What an attack of a campaign costs, and the same attack with fewer rows where that is too much."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..check import Check, named
from ..datasets.dataset import Dataset
from ..parameters import facts_of
from ..targets.target import Target

LEAST = 20
LEAST_SHARE = 0.1  # an attack with fewer rows than this share says nothing worth its budget


@dataclass(frozen=True)
class Span:
    """A number with the ends of its interval (95 %)."""

    value: float
    low: float
    high: float

    def widened(self, factor: float) -> "Span":
        """Both ends further off by ``factor``."""
        return Span(self.value, self.low / factor, self.high * factor)


@dataclass(frozen=True)
class Cost:
    """Rows and seconds; ``guessed`` where the step itself cannot tell them, ``note`` for a person.

    Attributes
    ----------
    rows_span, seconds_span
        Where it was measured on a probe, what was measured with its interval; else None.
    """

    queries: int
    seconds: float
    guessed: bool
    note: str = ""
    rows_span: Span | None = None
    seconds_span: Span | None = None

    @property
    def measured(self) -> bool:
        """Was it measured on a probe?"""
        return self.rows_span is not None

    @staticmethod
    def of(step: Check, target: Target, data: Dataset) -> "Cost":
        """What ``step`` itself expects of the attacker; else one query a row, and the typical ``seconds`` of its class."""
        try:
            expected = step.estimate(target, data)
        except Exception:  # an estimate that breaks must not stop the plan
            return Cost(looked_at(step, data), step.seconds, True)
        rows = looked_at(step, data) if expected.queries is None else expected.queries - expected.judge
        guessed = expected.queries is None or expected.seconds is None
        seconds = expected.seconds if expected.seconds is not None else step.seconds
        return Cost(rows, seconds, guessed)


Costs = Callable[[Check, Target, Dataset], Cost]


def remembered(costs: Costs) -> Costs:
    """``costs`` that asks of each step with its parameters once; for one target and data set."""
    known: dict[str, Cost] = {}

    def found(step: Check, target: Target, data: Dataset) -> Cost:
        key = f"{step.id} {step.model_dump_json()}"
        if key not in known:
            known[key] = costs(step, target, data)
        return known[key]

    return found


def looked_at(step: Check, data: Dataset) -> int:
    """One query for each row the step looks at, of members and of others."""
    return min(2 * int(getattr(step, "rows", len(data))), len(data))


def fitted(
    step: Check, cost: Cost, rows: int, target: Target, data: Dataset, costs: Costs = Cost.of, seconds: float = float("inf")
) -> tuple[Check | None, Cost]:
    """``step`` with its whole-number counts halved until it costs at most ``rows`` and, where its cost was measured, ``seconds``.

    None where a tenth is too much still.
    """
    asked = cost
    while cost.queries > rows or (cost.measured and cost.seconds > seconds):
        smaller = _halved(step)
        if smaller is None or LEAST_SHARE * asked.queries > rows or (asked.measured and LEAST_SHARE * asked.seconds > seconds):
            return None, asked
        step, cost = smaller, costs(smaller, target, data)
    return step, replace(cost, note=f"fewer rows than usual ({asked.queries:,}), to keep the budget") if cost is not asked else cost


def _halved(step: Check) -> Check | None:
    if getattr(step, "curve", False) is True:
        return with_values(step, {"curve": False})
    counts = {name: (int(getattr(step, name)), least) for name, least in least_counts(step, LEAST).items()}
    halves = {name: max(count // 2, least) for name, (count, least) in counts.items() if count > least}
    return with_values(step, halves) if halves else None


def least_counts(step: Check, size: int) -> dict[str, int]:
    """The whole-number counts of ``step`` that may shrink, each with the least it may be: ``size``, or what its own bounds allow."""
    bounds = {name: facts_of(name, type(step).model_fields[name]).bounds for name in step.shrinks if name in type(step).model_fields}
    floors = {name: found.above + 1 if found.least is None and found.above is not None else found.least for name, found in bounds.items()}
    return {name: max(size, math.ceil(floor or 0)) for name, floor in floors.items()}


def with_values(step: Check, values: dict[str, Any]) -> Check:
    """``step`` with other values of some parameters."""
    given = step.model_dump(include=set(step.model_fields_set))
    return named(type(step), {**given, **values})  # type: ignore[return-value]
