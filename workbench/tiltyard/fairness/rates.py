"""Counts of group, truth and prediction; the rates in them; how far groups lie apart and how far chance alone would put them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    return counts[..., 1, 0], counts[..., 1, :].sum(-1)


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

    A group's rate is compared where at least ``smallest`` rows of ``like`` (groups, 2, 2) are behind it.
    """
    false = rates(counts, "false_positive_rate", speaking(like, "false_positive_rate", smallest))
    missed = rates(counts, "false_negative_rate", speaking(like, "false_negative_rate", smallest))
    found = [_spread(false), _spread(1 - missed)]
    known = [np.isfinite(difference) for difference, _ in found]
    difference = np.maximum(*(np.where(k, d, -np.inf) for k, (d, _) in zip(known, found, strict=True)))
    ratio = np.minimum(*(np.where(np.isfinite(r), r, np.inf) for _, r in found))
    return np.where(known[0] | known[1], difference, np.nan), np.where(np.isfinite(ratio), ratio, np.nan)


def resampled(counts: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """Bootstrap of the rows within each group: int64 (draws, groups, 2, 2)."""
    n = counts.sum((1, 2))
    flat = counts.reshape(len(counts), 4)
    drawn = [rng.multinomial(int(size), cells / size, draws) for size, cells in zip(n, flat, strict=True)]
    return np.stack(drawn, 1).reshape(draws, len(counts), 2, 2)


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


def _quantiles(values: Floats, level: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _of_nobody(counts: Counts, smallest: int, level: float) -> tuple[float, float]:
    """Interval of a selection ratio of 0, which no bootstrap leaves: the exact upper end of the group of which nobody is selected."""
    large = counts[speaking(counts, "selection_rate", smallest)]
    shares = rates(large, "selection_rate")
    upper = 1 - ((1 - level) / 2) ** (1 / large.sum((1, 2))[shares == 0].max())
    return 0.0, min(1.0, float(upper / shares.max()))


def gaps(counts: Counts, draws: int, rng: np.random.Generator, smallest: int = 1, level: float = 0.95) -> dict[str, Gap]:
    """``demographic_parity`` and ``equalized_odds`` of counts (groups, 2, 2) with intervals and what chance does."""
    again = resampled(counts, draws, rng)
    found = {}
    for name, measure, null in (("demographic_parity", parity, dealt), ("equalized_odds", odds, shuffled)):
        difference, ratio = (float(v) for v in measure(counts, counts, smallest))
        spread, ratios = measure(again, counts, smallest)
        chance = measure(null(counts, draws, rng), counts, smallest)[0]
        chance = chance[np.isfinite(chance)]
        low, high = _quantiles(spread, level)
        ratio_low, ratio_high = _quantiles(ratios, level)
        if ratio == ratio_high == 0:
            ratio_low, ratio_high = _of_nobody(counts, smallest, level) if name == "demographic_parity" else (float("nan"),) * 2
        found[name] = Gap(
            difference, low, high, ratio, ratio_low, ratio_high, float(np.quantile(chance, 0.95)) if len(chance) else float("nan")
        )
    return found
