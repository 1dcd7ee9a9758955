"""Evidence that grows row by row: bets against a customer being honest, as a test martingale, with the false alarms of a month bounded.

Each row's rank p among honest rows (small: farther, or less sure) is bet on by f(p) = 1 / (2 sqrt(p)), whose mean is at most 1 where ranks are
even (Vovk and Wang 2021, arXiv 1912.06116). Honest customers are not all alike: a desk that sees one kind of case has other ranks. So a bet is divided by
the largest mean that f has on any of many honest clusters; then whoever asks any mixture of these, in any order, gains nothing on average.
The evidence is the largest product over all windows that end now (Page's CUSUM of e-values; Shin, Ramdas and Rinaldo 2022, arXiv 2203.03532), so
that honest rows in between do not hide a thief, and by Ville's inequality it passes the limit on n such rows with probability at most n / limit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_ALARM = 0.001  # of an honest key in a month
MONTH = 100_000  # different rows that it asks in it, at most
LIMIT = math.log(MONTH / FALSE_ALARM)
STAKE = 0.5
LEAST = 30  # rows of a cluster
NEAR, CENTERS = 40, 150


def bets(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """f(p) of ranks p in (0, 1]: of mean 1 where they are even, large where they are small."""
    found: NDArray[np.float64] = 0.5 / np.sqrt(p)
    return found


def grown(evidence: float, bet: float, fair: float) -> float:
    """The logarithm of the evidence after one more row, whose bet is worth at most ``fair`` on average for the honest; never below 0 before it."""
    return max(evidence, 0.0) + math.log(1 - STAKE + STAKE * bet / fair)


def fair(bet: NDArray[np.float64], clusters: Sequence[NDArray[np.intp]]) -> float:
    """The largest mean of bets (n,) over clusters of places, each with its standard error added; 1 at the least."""
    means = [bet[c].mean() + bet[c].std() / math.sqrt(len(c)) for c in clusters if len(c) >= LEAST]
    return max(1.0, *means) if means else 1.0


@dataclass(frozen=True)
class Clusters:
    """Kinds of honest rows that a desk may see alone: ``plain`` by class and column, ``every`` also neighbors and the least sure."""

    plain: tuple[NDArray[np.intp], ...]
    every: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(cls, z: NDArray[np.float32], labels: NDArray[np.int64], gaps: NDArray[np.float64], rng: np.random.Generator) -> "Clusters":
        """Of honest rows z (n, width) as the detector keeps them, their labels and margins (n,)."""
        plain = [np.arange(len(z)), *(np.flatnonzero(labels == c) for c in np.unique(labels)), *_bands(z)]
        unsure = [np.argsort(gaps, kind="stable")[: max(LEAST, len(z) // part)] for part in (5, 10, 20)]
        return cls(tuple(plain), (*plain, *unsure, *_neighbors(z, rng)))


def _bands(z: NDArray[np.float32]) -> list[NDArray[np.intp]]:
    """Of each column its tenths in order, or the rows of each value where there are few."""
    found = []
    for column in z.T:
        values = np.unique(column)
        if len(values) <= 10:
            found += [np.flatnonzero(column == v) for v in values]
        else:
            found += np.array_split(np.argsort(column, kind="stable"), 10)
    return [np.asarray(c, np.intp) for c in found if len(c) >= LEAST]


def _neighbors(z: NDArray[np.float32], rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """The nearest rows of some drawn at random."""
    centers = z[rng.choice(len(z), min(CENTERS, len(z)), replace=False)]
    return [np.argsort(((z - center) ** 2).sum(1), kind="stable")[:NEAR] for center in centers]
