"""Do two explanations order the features alike? Rank correlation row by row, and its mean with an interval."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..result import Metric
from ..statistics.intervals import LEVEL

Floats = NDArray[np.float64]
DRAWS = 1000


def spearman(one: Floats, other: Floats) -> Floats:
    """Spearman's rank correlation of each row's values, float64 (n,) from (n, m) twice; NaN where a row is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(_rounded(v), axis=1) for v in (one, other)]
    a, b = (r - r.mean(1, keepdims=True) for r in ranks)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    found: Floats = np.divide((a * b).sum(1), scale, out=np.full(len(a), np.nan), where=scale > 0)
    return found


def _rounded(values: Floats) -> Floats:
    """To six digits of each row's largest: what is less is the arithmetic's, and would order features that have no value."""
    largest = np.abs(values).max(1, keepdims=True)
    shares: Floats = np.divide(values, largest, out=np.zeros_like(values), where=largest > 0).round(6)
    return shares


def overlap(one: Floats, other: Floats, top: int) -> Floats:
    """Share of each row's ``top`` largest values by size that both have, float64 (n,)."""
    first, second = (np.argsort(-np.abs(_rounded(v)), 1, kind="stable")[:, :top] for v in (one, other))
    shared: Floats = (first[:, :, None] == second[:, None, :]).any(2).mean(1)
    return shared


def averaged(
    name: str,
    label: str,
    values: Floats,
    rng: np.random.Generator,
    safer: Literal["higher", "lower", "zero", "none"] = "none",
    unit: str = "",
) -> Metric:
    """Mean of ``values`` (n,) over rows with its bootstrap interval; rows where it is NaN are left out."""
    known = values[np.isfinite(values)]
    n = len(known)
    if n < 2:
        return Metric(name=name, label=label, value=None, unit=unit, n=n, safer=safer, note="fewer than two rows to average over")
    again = rng.multinomial(n, np.full(n, 1 / n), DRAWS) @ known / n
    low, high = np.quantile(again, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Metric(
        name=name,
        label=label,
        value=float(known.mean()),
        unit=unit,
        low=float(low),
        high=float(high),
        level=LEVEL,
        n=n,
        safer=safer,
        interval="bootstrap over rows",
    )
