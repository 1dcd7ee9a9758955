"""What an attack of a campaign costs, and the same attack with fewer rows where that is too much."""

from dataclasses import dataclass, replace
from typing import Any

from ..check import Check, named
from ..datasets.dataset import Dataset
from ..targets.target import Target

LEAST = 20
LEAST_SHARE = 0.1  # an attack with fewer rows than this share says nothing worth its budget


@dataclass(frozen=True)
class Cost:
    """Rows and seconds; ``guessed`` where the step itself cannot tell them, ``note`` for a person."""

    queries: int
    seconds: float
    guessed: bool
    note: str = ""

    @staticmethod
    def of(step: Check, target: Target, data: Dataset) -> "Cost":
        """What ``step`` itself expects of the attacker; else one query a row, and the typical ``seconds`` of its class."""
        try:
            expected = step.estimate(target, data)
        except Exception:  # an estimate that breaks must not stop the plan
            return Cost(_rows(step, data), step.seconds, True)
        rows = _rows(step, data) if expected.queries is None else expected.queries - expected.judge
        guessed = expected.queries is None or expected.seconds is None
        seconds = expected.seconds if expected.seconds is not None else step.seconds
        return Cost(rows, seconds, guessed)


def _rows(step: Check, data: Dataset) -> int:
    """One query for each row the step looks at, of members and of others."""
    return min(2 * int(getattr(step, "rows", len(data))), len(data))


def fitted(step: Check, cost: Cost, rows: int, target: Target, data: Dataset) -> tuple[Check | None, Cost]:
    """``step`` with its whole-number counts halved until it costs at most ``rows``; None where a tenth is too much still."""
    asked = cost
    while cost.queries > rows:
        smaller = _halved(step)
        if smaller is None or LEAST_SHARE * asked.queries > rows:
            return None, asked
        step, cost = smaller, Cost.of(smaller, target, data)
    return step, replace(cost, note=f"fewer rows than usual ({asked.queries:,}), to keep the budget") if cost is not asked else cost


def _halved(step: Check) -> Check | None:
    if getattr(step, "curve", False) is True:
        return _with(step, {"curve": False})
    counts = {name: getattr(step, name, None) for name in step.shrinks}
    halves: dict[str, Any] = {
        n: max(v // 2, LEAST) for n, v in counts.items() if isinstance(v, int) and not isinstance(v, bool) and v > LEAST
    }
    return _with(step, halves) if halves else None


def _with(step: Check, values: dict[str, Any]) -> Check:
    given = step.model_dump(include=set(step.model_fields_set))
    return named(type(step), {**given, **values})  # type: ignore[return-value]
