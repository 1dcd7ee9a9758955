"""Counts of group, truth and prediction; the rates in them; how far groups lie apart and how far chance alone would put them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..statistics.spread import spread_of

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
RATES = ("selection_rate", "accuracy", "false_positive_rate", "false_negative_rate")


@dataclass(frozen=True)
class Grouped:
    """Rows by group. ``counts`` is int64 (groups, 2, 2): group, truth, prediction (1 is the positive class)."""

    names: tuple[str, ...]
    counts: Counts

    @property
    def n(self) -> Counts:
        """Rows of each group, int64 (groups,)."""
        total: Counts = self.counts.sum((1, 2))
        return total

    def of_size(self, smallest: int) -> "Grouped":
        """The groups with at least ``smallest`` rows."""
        kept = self.n >= smallest
        return Grouped(tuple(name for name, keep in zip(self.names, kept, strict=True) if keep), self.counts[kept])


@dataclass(frozen=True)
class Gap:
    """Difference (largest less smallest) and ratio (smallest over largest) between groups, each NaN where undefined.

    ``chance`` is the difference that groups of these sizes reach in 95 of 100 draws when the prediction ignores the group.
    """

    difference: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    chance: float


@dataclass(frozen=True)
class Ends:
    """The two ends of an interval."""

    low: float
    high: float


UNKNOWN = Ends(float("nan"), float("nan"))


def grouped(groups: NDArray[np.str_], truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Grouped:
    """Count rows by group, truth and prediction; each (n,)."""
    names, index = np.unique(groups, return_inverse=True)
    cells = index * 4 + truth.astype(np.intp) * 2 + predicted.astype(np.intp)
    counts = np.bincount(cells, minlength=4 * len(names)).reshape(-1, 2, 2)
    return Grouped(tuple(str(name) for name in names), counts.astype(np.int64))


def parts(counts: Counts, rate: str) -> tuple[Counts, Counts]:
    """Hits and rows behind ``rate`` for counts (..., 2, 2); each int64 (...)."""
    if rate == "selection_rate":
        return counts[..., 1].sum(-1), counts.sum((-2, -1))
    if rate == "accuracy":
        return counts[..., 0, 0] + counts[..., 1, 1], counts.sum((-2, -1))
    if rate == "false_positive_rate":
        return counts[..., 0, 1], counts[..., 0, :].sum(-1)
    return counts[..., 1, int(rate == "true_positive_rate")], counts[..., 1, :].sum(-1)


def rates(counts: Counts, rate: str, known: NDArray[np.bool_] | None = None) -> Floats:
    """``rate`` for counts (..., groups, 2, 2); NaN where no row is behind it or the group (groups,) is not ``known``."""
    hits, n = parts(counts, rate)
    where = n > 0 if known is None else (n > 0) & known
    found: Floats = np.divide(hits, n, out=np.full(hits.shape, np.nan), where=where)
    return found


def speaking(counts: Counts, rate: str, smallest: int) -> NDArray[np.bool_]:
    """Groups with at least ``smallest`` rows behind ``rate``, bool (groups,)."""
    enough: NDArray[np.bool_] = parts(counts, rate)[1] >= smallest
    return enough


def _spread(values: Floats) -> tuple[Floats, Floats]:
    """Difference and ratio over the last axis; NaN where fewer than two groups have a rate, or none is above 0."""
    known = np.isfinite(values)
    top = np.where(known, values, -np.inf).max(-1)
    bottom = np.where(known, values, np.inf).min(-1)
    enough = known.sum(-1) >= 2
    difference = np.where(enough, top - bottom, np.nan)
    ratio = np.divide(bottom, top, out=np.full(top.shape, np.nan), where=enough & (top > 0))
    return difference, ratio


def parity(counts: Counts, like: Counts, smallest: int) -> tuple[Floats, Floats]:
    """Demographic-parity difference and ratio for counts (..., groups, 2, 2), over groups that are large enough in ``like``."""
    return _spread(rates(counts, "selection_rate", speaking(like, "selection_rate", smallest)))


def odds(counts: Counts, like: Counts, smallest: int) -> tuple[Floats, Floats]:
    """Equalized-odds difference and ratio, the worse of true and false positive rate, for counts (..., groups, 2, 2).

    A group's rate is compared where at least ``smallest`` rows of ``like`` (groups, 2, 2) are behind it. Where fewer than two groups can be
    compared in either rate both are NaN: one rate alone is another measure.
    """
    false = rates(counts, "false_positive_rate", speaking(like, "false_positive_rate", smallest))
    missed = rates(counts, "false_negative_rate", speaking(like, "false_negative_rate", smallest))
    found = [_spread(false), _spread(1 - missed)]
    difference = np.maximum(*(d for d, _ in found))  # NaN where either is
    ratio = np.minimum(*(np.where(np.isfinite(r), r, np.inf) for _, r in found))
    return difference, np.where(np.isfinite(ratio) & np.isfinite(difference), ratio, np.nan)


def shuffled(counts: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """Predictions dealt anew among rows of equal truth, whatever their group: int64 (draws, groups, 2, 2)."""
    out = np.empty((draws, len(counts), 2, 2), np.int64)
    for truth in (0, 1):
        sizes = counts[:, truth].sum(1)
        positive = rng.multivariate_hypergeometric(sizes, int(counts[:, truth, 1].sum()), draws, method="marginals")
        out[:, :, truth, 1] = positive
        out[:, :, truth, 0] = sizes - positive
    return out


def dealt(counts: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """Predictions dealt anew among all rows; truth is ignored (all under truth 0)."""
    flat = np.zeros_like(counts)
    flat[:, 0] = counts.sum(1)
    return shuffled(flat, draws, rng)


def families(counts: Counts, criterion: str, smallest: int) -> list[tuple[Counts, Counts]]:
    """Hits and rows of the groups that are compared: of selection rates, or of false and true positive rates; none unless each compares two."""
    found = []
    for rate in ("selection_rate",) if criterion == "demographic_parity" else ("false_positive_rate", "true_positive_rate"):
        hits, n = parts(counts, rate)
        spoken = n >= smallest
        found.append((hits[spoken], n[spoken]))
    return found if all(len(n) >= 2 for _, n in found) else []


def _ends(counts: Counts, criterion: str, smallest: int, draws: int, rng: np.random.Generator, level: float) -> tuple[Ends, Ends]:
    """The intervals of difference and ratio; NaN where fewer than two groups are compared, or none has a rate above 0."""
    compared = families(counts, criterion, smallest)
    if not compared:
        return UNKNOWN, UNKNOWN
    difference = Ends(*spread_of(compared, "difference").interval(rng, draws, level))
    some = [(hits, n) for hits, n in compared if hits.any()]
    if not some:
        return difference, UNKNOWN
    low, high = spread_of(some, "ratio").interval(rng, draws, level)
    return difference, Ends(1 - high, 1 - low)


def gaps(counts: Counts, draws: int, rng: np.random.Generator, smallest: int = 1, level: float = 0.95) -> dict[str, Gap]:
    """``demographic_parity`` and ``equalized_odds`` of counts (groups, 2, 2) with intervals and what chance does."""
    return {name: gap(counts, name, draws, rng, smallest, level) for name in MEASURES}


def gap(counts: Counts, criterion: str, draws: int, rng: np.random.Generator, smallest: int = 1, level: float = 0.95) -> Gap:
    """One criterion of counts (groups, 2, 2): Fairlearn's difference and ratio, their intervals by `statistics.spread`, and what chance does."""
    measure, null = MEASURES[criterion]
    difference, ratio = (float(v) for v in measure(counts, counts, smallest))
    chance = measure(null(counts, draws, rng), counts, smallest)[0]
    chance = chance[np.isfinite(chance)]
    reached = float(np.quantile(chance, 0.95)) if len(chance) else float("nan")
    apart, alike = _ends(counts, criterion, max(smallest, 1), draws, rng, level)
    return Gap(difference, apart.low, apart.high, ratio, alike.low, alike.high, reached)


MEASURES = {"demographic_parity": (parity, dealt), "equalized_odds": (odds, shuffled)}
