"""What an attack costs, measured: it is run on a few rows, and the line through what that cost is read at the whole size.

A step's own estimate is an upper bound (rows that are fooled early cost less) or a typical time of its class; both were wrong by several times.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from ..check import Check
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import Record, Status
from ..targets.restricted import RestrictedTarget
from ..targets.target import Target
from .cost import Cost, Span, least_counts, looked_at, with_values

SIZES = (10, 10, 30, 30)
MOST_SECONDS = 8.0
LEVEL = 0.95
LOAD = 2.0  # by how much a machine may be busier, or less so, when the step runs
ENDED = (Status.PASSED, Status.FINDING, Status.INCOMPLETE)
View = Callable[[Check, Target], Target]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """Least squares through points (x, y), of which neither slope nor cost at nothing is below 0; what a cost beyond them is read from."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def at(self, x: float) -> Span:
        """The line there, with the interval of one more point (Student's t, n - 2 degrees of freedom), never below 0.

        Far beyond the points the line itself may be wrong: so the interval also holds the cost of the largest probes, below which a cost that
        grows cannot fall, that cost in proportion, and a power of the size through the points with the interval of one more (`_grown`). A step
        that cost just what it told is taken at its word.
        """
        if self.x == self.y:
            return Span(x, x, x)
        one, other = np.array(self.x), np.array(self.y)
        n, mean = len(one), one.mean()
        spread = float(((one - mean) ** 2).sum())
        slope = float(((one - mean) * other).sum() / spread) if spread else 0.0
        if spread and other.mean() - slope * mean < 0:  # through the origin
            slope, spread, mean = float((one * other).sum() / (one**2).sum()), float((one**2).sum()), 0.0
            start = 0.0
        else:
            slope = max(slope, 0.0)
            start = float(other.mean()) - slope * mean
        left = float(((other - start - slope * one) ** 2).sum() / max(n - 2, 1))
        far = (x - mean) ** 2 / spread if spread else 0.0
        half = float(t.ppf((1 + LEVEL) / 2, max(n - 2, 1))) * np.sqrt(left * (1 + 1 / n + far))
        value = start + slope * x
        last = float(other[one == one.max()].mean())
        ends = [last, last * x / float(one.max())] if one.max() > 0 else [last]
        if other.min() > 0 and one.min() < one.max() < x:
            ends += _grown(one, other, x)
        return Span(value, max(min(value - half, *ends), 0.0), max(value + half, *ends))


def _grown(sizes: Floats, costs: Floats, x: float) -> tuple[float, float]:
    """The least that the largest probes may cost when run again, and the most at ``x`` of a power of the size: lines in logarithms, whose noise
    is that of probes of one size (Student's t). A cost that grows faster than in proportion is held so."""
    small, large = sizes.min(), sizes.max()
    few, many = np.log(costs[sizes == small]), np.log(costs[sizes == large])
    free = max(len(few) + len(many) - 2, 1)
    noise = float((((few - few.mean()) ** 2).sum() + ((many - many.mean()) ** 2).sum()) / free)
    beyond = float(np.log(x / large) / np.log(large / small))
    top = many.mean() + beyond * (many.mean() - few.mean())
    apart = np.sqrt(noise * (1 + (1 + beyond) ** 2 / len(many) + beyond**2 / len(few)))
    again = np.sqrt(noise * (1 + 1 / len(many)))
    far = float(t.ppf((1 + LEVEL) / 2, free))
    return float(np.exp(many.mean() - far * again)), float(np.exp(top + far * apart))


@dataclass(frozen=True)
class Measured:
    """What the probes of one step cost: rows and seconds by the size of each."""

    rows: Line
    seconds: Line


class Probe:
    """Costs by running each attack four times on 10 and on 30 rows, once before to load what it needs; what was measured is kept.

    Of an attack without a count that can be lowered, one that ends without an answer on so few rows, or that takes longer than ``most``
    seconds for them, the cost is its own estimate. The rows that probes ask are the planner's, not the attacker's: they are counted here.

    Parameters
    ----------
    view
        What the attacker sees of the target in a step; by default all of it.
    most
        Seconds for the probes of one attack.
    run
        Runs a step; another one for tests.

    Attributes
    ----------
    queries, seconds
        What all probes cost.
    """

    def __init__(self, view: View | None = None, most: float = MOST_SECONDS, run: Callable[..., Record] | None = None) -> None:
        self.view = view
        self.most = most
        self.queries, self.seconds = 0, 0.0
        self._run = run or (lambda step, target, data, progress: step(target, data, progress))
        self._known: dict[str, Measured | None] = {}

    def __call__(self, step: Check, target: Target, data: Dataset) -> Cost:
        """The cost of ``step`` with the intervals of what was measured; its own estimate where it could not be."""
        estimated = Cost.of(step, target, data)
        key = self._key(step, target, data)
        if key not in self._known:
            self._known[key] = self._measured(step, target, data)
        if (known := self._known[key]) is None:
            return Cost(estimated.queries, estimated.seconds, True, "could not be measured on a few rows")
        size = _size(step, estimated, data)
        rows, seconds = known.rows.at(size), known.seconds.at(size).widened(LOAD)
        return Cost(round(rows.value), seconds.value, False, "", rows, seconds)

    def _key(self, step: Check, target: Target, data: Dataset) -> str:
        fixed = step.model_dump_json(exclude={*step.shrinks, "seed"})
        return f"{step.id} {fixed} {target.fingerprint} {data.fingerprint}"

    def _measured(self, step: Check, target: Target, data: Dataset) -> Measured | None:
        points: list[tuple[float, int, float]] = []
        spent = 0.0
        for i, size in enumerate((min(SIZES), *SIZES)):
            small = _small(step, size, i)
            if small is None:
                return None
            record = self._ran(small, target, data, self.most - spent)
            spent += record.seconds
            self.queries, self.seconds = self.queries + record.queries, self.seconds + record.seconds
            if record.result.status not in ENDED:
                return None
            if i:
                points.append((_size(small, Cost.of(small, target, data), data), record.queries, record.seconds))
        return _lines(points)

    def _ran(self, step: Check, target: Target, data: Dataset, left: float) -> Record:
        progress = Progress()
        alarm = threading.Timer(max(left, 0.0), progress.cancel)
        alarm.daemon = True
        alarm.start()
        try:
            return self._run(step, self.view(step, target) if self.view else RestrictedTarget(target, target.offers), data, progress)
        finally:
            alarm.cancel()


def _lines(points: Sequence[tuple[float, int, float]]) -> Measured:
    sizes = tuple(size for size, _, _ in points)
    return Measured(Line(sizes, tuple(float(rows) for _, rows, _ in points)), Line(sizes, tuple(seconds for *_, seconds in points)))


def _size(step: Check, estimated: Cost, data: Dataset) -> float:
    """How large a step is: the rows that it says it asks at most; where it asks none, or cannot tell, those it looks at."""
    return float(estimated.queries or looked_at(step, data))


def _small(step: Check, size: int, seed: int) -> Check | None:
    """``step`` on ``size`` rows; or its least; None where it has no count that is larger."""
    counts = {name: n for name, n in least_counts(step, size).items() if int(getattr(step, name)) > n}
    return with_values(step, {**counts, "seed": seed}) if counts else None
