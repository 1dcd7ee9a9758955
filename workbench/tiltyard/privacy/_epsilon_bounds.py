"""What right guesses of membership rule out: one-run bounds by (epsilon, delta), by a Gaussian trade-off curve, and by rates.

Sources: Steinke et al. 2023 (2305.08846), Mahloujifar et al. 2025 (ICML, 2410.22235), Dong et al. 2019 (Gaussian differential privacy,
1905.02383), Jagielski et al. 2020 (2006.07709).
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from ..errors import Problem
from ..statistics.intervals import clopper_pearson

LARGEST = 30.0
LARGEST_MU = 12.0
NORMAL = NormalDist()


def _counted(m: int, guesses: int, right: int) -> None:
    if not 0 <= right <= guesses <= m:
        raise Problem("0 <= right <= guesses <= rows", f"{right}, {guesses}, {m}", "Correct the counts")


def one_run_p(m: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Chance of so many right guesses had the training been (epsilon, delta)-private: theorem 5.2 of Steinke et al. 2023.

    Parameters
    ----------
    m
        Rows whose membership was drawn by a fair coin.
    guesses, right
        Of these, rows guessed at and guessed right.
    """
    from scipy.stats import binom

    _counted(m, guesses, right)
    q = 1 / (1 + math.exp(-epsilon))
    beta = float(binom.sf(right - 1, guesses, q))
    if right == 0 or delta == 0:
        return min(beta, 1.0)
    within = np.cumsum(binom.pmf(right - np.arange(1, right + 1), guesses, q))
    alpha = float(np.max(within / np.arange(1, right + 1)))
    return min(beta + alpha * delta * 2 * m, 1.0)


def one_run_bound(m: int, guesses: int, right: int, delta: float, confidence: float) -> float:
    """The largest epsilon that so many right guesses rule out at ``confidence``; 0 where they rule out none."""
    return _largest(lambda epsilon: one_run_p(m, guesses, right, epsilon, delta) <= 1 - confidence, LARGEST)


def _largest(refuted: Callable[[float], bool], top: float) -> float:
    """The largest number from 0 to ``top`` that is refuted, where all below it are too; 0 where none is."""
    if not refuted(0.0):
        return 0.0
    low, high = 0.0, top
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def gaussian_refuted(m: int, guesses: int, right: int, mu: float, confidence: float) -> bool:
    """Do so many right guesses rule out at ``confidence`` that the training was mu-Gaussian private?

    The recursion of Mahloujifar et al. 2025 (algorithms 3 and 4) for membership, with the trade-off curve of telling N(0, 1) from N(mu, 1).
    """
    _counted(m, guesses, right)
    wrong = 1 - confidence
    some, rest = wrong * right / m, wrong * (guesses - right) / m
    for i in range(right - 1, -1, -1):
        grown = max(rest, NORMAL.cdf(NORMAL.inv_cdf(some) - mu)) if 0 < some < 1 else max(rest, float(some >= 1))
        some = some + i / (guesses - i) * (grown - rest)
        rest = grown
        if some + rest > guesses / m:
            return True
    return some + rest > guesses / m


def gaussian_bound(m: int, guesses: int, right: int, confidence: float) -> float:
    """The largest mu that so many right guesses rule out at ``confidence``; 0 where they rule out none."""
    return _largest(lambda mu: gaussian_refuted(m, guesses, right, mu, confidence), LARGEST_MU)


def independent_bound(m: int, right: int, confidence: float) -> float:
    """The largest mu that ``right`` guesses of all ``m`` rule out where each canary meets noise of its own; 0 where they rule out none.

    Of a mu-Gaussian private training no guess of one canary is right with a higher chance than Phi(mu / 2) (Dong et al. 2019); where the
    noise of each canary is independent of the others', as in coordinates of their own, so many of them are right as in so many tosses.
    """
    low = clopper_pearson(right, m, 2 * confidence - 1)[0]
    return 2 * NORMAL.inv_cdf(low) if low > 0.5 else 0.0


def gaussian_delta(mu: float, epsilon: float) -> float:
    """The delta at ``epsilon`` of a mu-Gaussian private training (Balle and Wang 2018, 1805.06530; Dong et al. 2019)."""
    if mu <= 0:
        return 0.0
    second = NORMAL.cdf(-epsilon / mu - mu / 2)
    return max(0.0, NORMAL.cdf(-epsilon / mu + mu / 2) - (math.exp(epsilon) * second if second else 0.0))


def epsilon_of_mu(mu: float, delta: float) -> float:
    """The smallest epsilon at ``delta`` of a mu-Gaussian private training."""
    return _largest(lambda epsilon: gaussian_delta(mu, epsilon) > delta, 200.0) if delta > 0 else math.inf if mu else 0.0


def mu_of_epsilon(epsilon: float, delta: float) -> float:
    """The largest mu that is (epsilon, delta)-private."""
    return _largest(lambda mu: gaussian_delta(mu, epsilon) <= delta, 50.0)


def rates_bound(hits: int, members: int, false: int, others: int, delta: float, confidence: float) -> float:
    """log((TPR - delta) / FPR) or its mirror from the ends of Clopper-Pearson intervals (Jagielski et al. 2020).

    The two ends used fail with half of 1 - ``confidence`` each, so they hold together.
    """
    tpr, fpr = clopper_pearson(hits, members, confidence)[0], clopper_pearson(false, others, confidence)[1]
    tnr, fnr = 1 - fpr, 1 - tpr
    found = [math.log((a - delta) / b) for a, b in ((tpr, fpr), (tnr, fnr)) if a > delta and b > 0]
    return max(0.0, *found) if found else 0.0
