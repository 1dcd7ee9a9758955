"""Intervals: the error bar behind every rate. ``level`` is the confidence, 0 to 1."""

import base64
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..result import Metric, Outcomes

LEVEL = 0.95
Floats = NDArray[np.float64]
MOST_OUTCOMES = 100_000


def clopper_pearson(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact binomial interval of ``hits`` in ``n`` (Clopper and Pearson 1934); (0, 1) for n = 0."""
    from scipy.stats import beta

    if not 0 <= hits <= n:
        raise ValueError(f"expected 0 <= hits <= n, found hits={hits}, n={n}")
    if n == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def wilson(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Score interval of a share of ``n`` rows (Wilson 1927), which need not be whole; (0, 1) for n = 0."""
    from scipy.stats import norm

    if n <= 0:
        return 0.0, 1.0
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    middle = share + z2 / (2 * n)
    half = float(np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))))
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    return min(max(low, 0.0), share), max(min(high, 1.0), share)


def mean_of_shares(shares: Floats, n: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the mean of independent shares (k,), each of its own ``n`` rows (k,), from their Wilson intervals.

    Squares of the distances to their ends are added (Zou and Donner 2008, Statistics in Medicine 27, 1693), so that a share of 1 of
    three rows is not taken for certain, as a bootstrap takes it.
    """
    ends = np.array([wilson(float(p), float(m), level) for p, m in zip(shares, n, strict=True)])
    mean, k = float(shares.mean()), len(shares)
    low = mean - float(np.sqrt(((shares - ends[:, 0]) ** 2).sum())) / k
    high = mean + float(np.sqrt(((ends[:, 1] - shares) ** 2).sum())) / k
    return max(low, 0.0), min(high, 1.0)


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], n: int, rng: np.random.Generator, draws: int = 500, level: float = LEVEL
) -> tuple[float, float]:
    """Percentile bootstrap of ``statistic(indices)`` over ``n`` rows; draws where it is NaN are left out.

    Returns (nan, nan) when fewer than half of the draws gave a number.
    """
    values = np.array([statistic(rng.integers(0, n, n)) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if len(values) < draws / 2:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def rate(
    name: str,
    label: str,
    hits: int,
    n: int,
    safer: Literal["higher", "lower", "zero", "none"] = "none",
    level: float = LEVEL,
    unit: str = "",
) -> Metric:
    """The share ``hits / n`` as a metric with its exact interval; no value where n is 0."""
    if n == 0:
        return Metric(name=name, label=label, value=None, unit=unit, n=0, safer=safer, note="no rows to measure it on")
    low, high = clopper_pearson(hits, n, level)
    return Metric(
        name=name, label=label, value=hits / n, unit=unit, low=low, high=high, level=level, n=n, safer=safer, interval="Clopper-Pearson"
    )


def rate_by_row(
    name: str, label: str, hits: NDArray[np.bool_], rows: str, safer: Literal["higher", "lower", "zero", "none"] = "none"
) -> Metric:
    """`rate` of ``hits``, one for each row, which are kept with it up to 100,000 rows; ``rows`` is the fingerprint of the rows."""
    made = rate(name, label, int(hits.sum()), len(hits), safer)
    packed = base64.b64encode(np.packbits(hits).tobytes()).decode()
    return made.model_copy(update={"outcomes": Outcomes(rows=rows, hits=packed)}) if 0 < len(hits) <= MOST_OUTCOMES else made


def correlation(before: Metric, after: Metric) -> float | None:
    """Correlation of two rates over the same rows, -1 to 1, drawn towards 0 where positive; None where they are not of the same rows.

    The phi of Newcombe (1998, Statistics in Medicine 17, 2635, method 10): its continuity correction keeps the interval of a difference
    from closing where few rows changed.
    """
    if (
        before.outcomes is None
        or after.outcomes is None
        or before.outcomes.rows != after.outcomes.rows
        or not before.n
        or before.n != after.n
    ):
        return None
    n = before.n
    x, y = (np.unpackbits(np.frombuffer(base64.b64decode(o.hits), np.uint8), count=n) for o in (before.outcomes, after.outcomes))
    both, one, other = int((x & y).sum()), int(x.sum()), int(y.sum())
    spread = one * (n - one) * other * (n - other)
    product = both * n - one * other
    return (product if product < 0 else max(product - n / 2, 0.0)) / spread**0.5 if spread else 0.0
