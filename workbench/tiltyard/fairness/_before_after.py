"""The fairness numbers of the same rows before and after a mitigation, and how each changed, with paired intervals."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import POINTS, points
from ..result import Metric
from ..statistics.intervals import LEVEL
from ..statistics.paired import Bounded, change
from .rates import MEASURES, Counts, Gap, gap

Bools = NDArray[np.bool_]
Part = Literal["difference", "ratio"]
DRAWS = 500
CRITERIA = {"demographic_parity": "Demographic parity", "equalized_odds": "Equalized odds"}
HOW = "test inversion over all groups at once"


@dataclass(frozen=True)
class Pair:
    """Rows by group, truth, answer before and answer after: int64 (groups, 2, 2, 2), and the least rows behind a rate."""

    counts: Counts
    smallest: int

    @classmethod
    def of(cls, groups: NDArray[np.str_], truth: Bools, before: Bools, after: Bools, smallest: int) -> "Pair":
        """The groups with at least ``smallest`` rows; each (n,)."""
        names, index = np.unique(groups, return_inverse=True)
        cells = ((index * 2 + truth) * 2 + before) * 2 + after
        counts = np.bincount(cells, minlength=8 * len(names)).reshape(-1, 2, 2, 2).astype(np.int64)
        return cls(counts[counts.sum((1, 2, 3)) >= smallest], smallest)

    @property
    def before(self) -> Counts:
        """By group, truth and answer, int64 (groups, 2, 2)."""
        summed: Counts = self.counts.sum(3)
        return summed

    @property
    def after(self) -> Counts:
        """By group, truth and answer, int64 (groups, 2, 2)."""
        summed: Counts = self.counts.sum(2)
        return summed

    @property
    def n(self) -> int:
        """Rows of all groups."""
        return int(self.counts.sum())

    def correlations(self, criterion: str, rng: np.random.Generator) -> dict[Part, float]:
        """Of the two gaps, over draws of rows within each group; 0 where one of them does not move."""
        flat = self.counts.reshape(len(self.counts), 8)
        drawn = [rng.multinomial(int(cells.sum()), cells / cells.sum(), DRAWS) for cells in flat]
        again = np.stack(drawn, 1).reshape(DRAWS, len(flat), 2, 2, 2)
        measure = MEASURES[criterion][0]
        sides = [measure(again.sum(axis), like, self.smallest) for axis, like in ((4, self.before), (3, self.after))]
        return {"difference": _correlation(sides[0][0], sides[1][0]), "ratio": _correlation(sides[0][1], sides[1][1])}


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 10 or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return 0.0
    return float(np.corrcoef(one[known], other[known])[0, 1])


@dataclass(frozen=True)
class Moved:
    """One fairness number before and after, and its change."""

    criterion: str
    part: Part
    before: Metric
    after: Metric
    change: Metric

    @property
    def label(self) -> str:
        """``Equalized odds difference``."""
        return f"{CRITERIA[self.criterion]} {self.part}"

    @property
    def by(self) -> float:
        """How much worse it is, 0 where it is not or is not known."""
        moved = self.change.value
        return 0.0 if moved is None else max(moved if self.part == "difference" else -moved, 0.0)

    @property
    def worse(self) -> bool:
        """Is it surely worse, by the whole interval of the change?"""
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and (low > 0 if self.part == "difference" else high < 0)

    @property
    def sentence(self) -> str:
        """``equalized odds difference went from 5.1 to 14.2 points``, without a full stop."""
        before, after = (m.value or 0.0 for m in (self.before, self.after))
        if self.part == "ratio":
            return f"{self.label.lower()} went from {before:.2f} to {after:.2f}"
        return f"{self.label.lower()} went from {points(before)} to {points(after)} points"


def moves(pair: Pair, rng: np.random.Generator, beside: str) -> list[Moved]:
    """Difference and ratio of each criterion; ``beside`` is said of each."""
    found = []
    for criterion in CRITERIA:
        sides = [gap(counts, criterion, DRAWS, rng, pair.smallest) for counts in (pair.before, pair.after)]
        rho = pair.correlations(criterion, rng)
        parts: tuple[Part, ...] = ("difference", "ratio")
        found += [_moved(criterion, part, sides, rho[part], pair.n, beside) for part in parts]
    return found


def _moved(criterion: str, part: Part, sides: list[Gap], rho: float, n: int, beside: str) -> Moved:
    before, after = (_metric(criterion, part, when, side, n, beside) for when, side in zip(("before", "after"), sides, strict=True))
    return Moved(criterion, part, before, after, _change(criterion, part, before, after, rho))


def _metric(criterion: str, part: Part, when: str, side: Gap, n: int, beside: str) -> Metric:
    ratio = part == "ratio"
    name, label = f"{criterion}_ratio_{when}" if ratio else f"{criterion}_{when}", f"{CRITERIA[criterion]} {part} {when}"
    value, low, high = (side.ratio, side.ratio_low, side.ratio_high) if ratio else (side.difference, side.low, side.high)
    safer: Literal["higher", "zero"] = "higher" if ratio else "zero"
    if not np.isfinite([value, low]).all():
        few = "fewer than two groups have rows enough behind its rates"
        note = f"no group has a rate above 0, or {few}" if ratio else few
        return Metric(name=name, label=label, value=None, n=n, safer=safer, note=note)
    chance = "" if ratio else f"; groups of these sizes reach {points(side.chance)} points by chance"
    return Metric(
        name=name,
        label=label,
        value=value,
        unit="" if ratio else POINTS,
        low=low,
        high=high,
        level=LEVEL,
        n=n,
        safer=safer,
        interval=HOW,
        note=f"{beside}{chance}",
    )


def _change(criterion: str, part: Part, before: Metric, after: Metric, rho: float) -> Metric:
    name, label = f"{criterion}_{part}_change", f"{CRITERIA[criterion]} {part}, after less before"
    sides = [_bounded(m) for m in (before, after)]
    if sides[0] is None or sides[1] is None:
        return Metric(name=name, label=label, value=None, n=before.n, safer="none", note=before.note or after.note)
    moved = change(sides[0], sides[1], rho)
    return Metric(
        name=name,
        label=label,
        value=moved.value,
        unit=POINTS if part == "difference" else "",
        low=moved.low,
        high=moved.high,
        level=LEVEL,
        n=before.n,
        safer="higher" if part == "ratio" else "lower",
        interval="of both intervals, paired",
    )


def _bounded(metric: Metric) -> Bounded | None:
    if metric.value is None or metric.low is None or metric.high is None:
        return None
    return Bounded(metric.value, metric.low, metric.high)
