"""How a server makes one model of many: mean, median, trimmed mean, Krum, Bulyan, FLTrust, on plain arrays of weights.

Every rule takes the clients' weights, float32 (d,) each, and gives float64 (d,); all are equivariant to a common shift,
so that weights and updates may be combined alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem

Rule = Literal["fedavg", "median", "trimmed_mean", "krum", "multi_krum", "bulyan", "fltrust"]
Weights = NDArray[np.float32]
Mean = NDArray[np.float64]
RULES: dict[Rule, str] = {
    "fedavg": "FedAvg",
    "median": "Median",
    "trimmed_mean": "Trimmed mean",
    "krum": "Krum",
    "multi_krum": "Multi-Krum",
    "bulyan": "Bulyan",
    "fltrust": "FLTrust",
}
Columns = Callable[[NDArray[np.float64]], NDArray[np.float64]]
CHUNK = 65536


@dataclass(frozen=True)
class Trusted:
    """What FLTrust holds the clients against: the weights ``before`` the round and ``own``, those that the server made of them by rows of its own."""

    before: Weights
    own: Weights


def needed(rule: Rule, tolerate: int) -> int:
    """Fewest clients with which ``rule`` withstands ``tolerate`` malicious ones."""
    if rule == "bulyan":
        return 4 * tolerate + 3
    if rule in ("krum", "multi_krum"):
        return 2 * tolerate + 3
    return 2 * tolerate + 1 if rule in ("trimmed_mean", "median") else 1


def combine(rule: Rule, weights: Sequence[Weights], rows: Sequence[int], tolerate: int = 0, trusted: Trusted | None = None) -> Mean:
    """The clients' weights as one, float64 (d,).

    Parameters
    ----------
    weights : each float32 (d,)
    rows
        Rows of each client, the weights of the mean; the robust rules count every client alike, for a client can lie about its rows.
    tolerate
        How many malicious clients trimmed mean and Krum are to withstand.
    trusted
        The server's own training, for FLTrust.

    Raises
    ------
    Problem
        Too few clients for the rule, or FLTrust without a training of the server's own.
    """
    if len(weights) < max(needed(rule, tolerate), 1):
        found = f"{len(weights)} clients"
        raise Problem(
            f"{needed(rule, tolerate)} clients or more for {RULES[rule]} to withstand {tolerate}", found, "Lower tolerate, or add clients"
        )
    if rule == "fltrust":
        if trusted is None:
            raise Problem("a training of the server's own for FLTrust", "none", "Give the server rows, or choose another rule")
        return fltrust(weights, trusted)
    if rule == "fedavg":
        return mean(weights, rows)
    if rule == "median":
        return _columnwise(weights, lambda part: np.median(part, axis=0))
    if rule == "trimmed_mean":
        return trimmed_mean(weights, tolerate)
    if rule == "bulyan":
        return bulyan(weights, tolerate)
    chosen = krum(weights, tolerate, 1 if rule == "krum" else len(weights) - tolerate)
    return mean([weights[i] for i in chosen], [1] * len(chosen))


def mean(weights: Sequence[Weights], rows: Sequence[int]) -> Mean:
    """FedAvg: the mean weighted by rows (McMahan et al. 2017, arXiv 1602.05629), one client in memory at a time."""
    total = float(sum(rows))
    found = np.zeros(len(weights[0]))
    for one, count in zip(weights, rows, strict=True):
        found += one.astype(np.float64) * (count / total)
    return found


def fltrust(weights: Sequence[Weights], trusted: Trusted) -> Mean:
    """Updates as long as the server's own, weighted by their cosine with it where that is positive (Cao et al. 2020, arXiv 2012.13995).

    The server's learning rate is 1. Where no update points the server's way the weights stay as they were.
    """
    before, own = trusted.before.astype(np.float64), trusted.own.astype(np.float64) - trusted.before
    length = float(np.linalg.norm(own))
    total, trust = np.zeros(len(before)), 0.0
    for one in weights:
        update = one.astype(np.float64) - before
        norm = float(np.linalg.norm(update))
        if norm == 0 or length == 0:
            continue
        score = max(float(update @ own) / (norm * length), 0.0)
        total += score * update * (length / norm)
        trust += score
    return before + total / trust if trust > 0 else before


def trimmed_mean(weights: Sequence[Weights], cut: int) -> Mean:
    """Each coordinate's mean without its ``cut`` largest and smallest values (Yin et al. 2018, arXiv 1803.01498)."""
    kept = slice(cut, len(weights) - cut)
    return _columnwise(weights, lambda part: np.sort(part, axis=0)[kept].mean(axis=0))


def krum(weights: Sequence[Weights], tolerate: int, keep: int = 1) -> list[int]:
    """The ``keep`` clients closest to their n - tolerate - 2 nearest (Blanchard et al. 2017, arXiv 1703.02757), best first."""
    return [int(i) for i in np.argsort(_scores(_distances(weights), tolerate), kind="stable")[:keep]]


def bulyan(weights: Sequence[Weights], tolerate: int) -> Mean:
    """Of what Krum picks one after another, each coordinate's mean of the values nearest to its median.

    El Mhamdi et al. 2018 (arXiv 1802.07927): n - 2 tolerate clients are picked, each by Krum among those that are left, and of those
    n - 4 tolerate values count. It withstands what hides in one of many coordinates, which a distance over all of them does not see.
    """
    far, left = _distances(weights), list(range(len(weights)))
    picked: list[int] = []
    while len(picked) < len(weights) - 2 * tolerate:
        best = left[int(_scores(far[np.ix_(left, left)], tolerate).argmin())]
        picked.append(best)
        left.remove(best)
    count = len(picked) - 2 * tolerate
    return _columnwise([weights[i] for i in picked], lambda part: _near_median(part, count))


def _near_median(part: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    away = np.abs(part - np.median(part, axis=0))
    nearest = np.argsort(away, axis=0, kind="stable")[:count]
    found: NDArray[np.float64] = np.take_along_axis(part, nearest, axis=0).mean(axis=0)
    return found


def _distances(weights: Sequence[Weights]) -> NDArray[np.float64]:
    """Squared, of each pair, (n, n)."""
    n = len(weights)
    far = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            far[i, j] = far[j, i] = float(np.sum((weights[i].astype(np.float64) - weights[j]) ** 2))
    return far


def _scores(far: NDArray[np.float64], tolerate: int) -> NDArray[np.float64]:
    """Of each client the sum of squared distances to its n - tolerate - 2 nearest, at least one, (n,)."""
    n = len(far)
    found: NDArray[np.float64] = np.sort(far, axis=1)[:, 1 : max(n - tolerate - 1, 2)].sum(axis=1)
    return found


def _columnwise(weights: Sequence[Weights], function: Columns) -> Mean:
    """A rule that looks at each coordinate alone, a part of the coordinates in memory at a time."""
    found = np.empty(len(weights[0]))
    for start in range(0, len(found), CHUNK):
        part = np.stack([one[start : start + CHUNK] for one in weights]).astype(np.float64)
        found[start : start + CHUNK] = function(part)
    return found
