"""Client-level noise of which every client adds its share, so that a sum is private for the server too (Kairouz et al. 2021, 2102.06387).

Each client clips its update, rounds it at random to whole steps and adds whole-number noise (the discrete Gaussian of Canonne, Kamath and
Steinke 2020, 2004.00010) of the variance that all of it should have, divided by ``least``: the answers without which the sum stays closed.
However many more answer, the noise of the sum is never less than promised.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import Problem
from ...privacy_accounting.rdp import rdp
from ..deployed.quantizing import LEVELS
from ..malice import Omission

TAIL = 12.0  # deviations of a client's noise that fit into what is sent; more come about once in 10^32 numbers
SMOOTH = 10.0  # steps of a client's deviation from which sums of discrete Gaussians are one, up to a factor of 1 + exp(-900)
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class NoiseShare:
    """What one of ``least`` clients adds; ``noise`` is the noise multiplier of their sum over ``clip``, the largest norm of an update.

    Raises
    ------
    Problem
        So little noise that it is no more than some steps of rounding.
    """

    noise: float
    clip: float
    least: int

    def __post_init__(self) -> None:
        if self.spread < SMOOTH:
            raise Problem(f"noise of at least {SMOOTH:g} steps of rounding a client", f"{self.spread:.2g}", "Raise the noise multiplier")

    @property
    def step(self) -> float:
        """A whole step, in the weights' unit: clipped update and noise fit into the levels that SecAgg+ can add."""
        return 2 * (self.clip + TAIL * self.noise * self.clip / math.sqrt(self.least)) / LEVELS

    @property
    def spread(self) -> float:
        """Standard deviation of one client's noise, in steps."""
        return self.noise * self.clip / math.sqrt(self.least) / self.step

    @property
    def largest(self) -> float:
        """The furthest that a client who does not clip moves one number of the sum: more does not fit into what is sent."""
        return self.step * LEVELS / 2

    def summand(self, update: NDArray[np.float64], rng: np.random.Generator, omits: Omission = "nothing") -> NDArray[np.int64]:
        """What is masked and added: the update (d,), clipped, rounded and noised, in steps, but for what a malicious client ``omits``."""
        fits = min(1.0, self.clip / max(float(np.linalg.norm(update)), 1e-300)) if omits in ("nothing", "noise") else 1.0
        made = np.floor(np.clip(update * (fits / self.step), -LEVELS / 2, LEVELS / 2 - 1) + rng.random(len(update))).astype(np.int64)
        if omits in ("nothing", "clip"):
            made += discrete_gaussian(self.spread, len(made), rng)
        return np.clip(made, -LEVELS // 2, LEVELS // 2)

    def multiplier(self, size: int, league: int = 0) -> float:
        """The noise multiplier that counts for ``size`` numbers: rounding lengthens an update by at most a step a number.

        ``league`` clients who add no noise, or tell the attacker what they added, take theirs out of the sum.
        """
        if league >= self.least:
            return 0.0
        return self.noise * math.sqrt(1 - league / self.least) / (1 + math.sqrt(size) * self.step / self.clip)

    def epsilon(self, size: int, rounds: int, delta: float, league: int = 0) -> float:
        """Epsilon of one client's part in ``rounds`` rounds, for the server and all who see less: infinite where no noise is left.

        By Rényi divergence, which for the discrete Gaussian is at most the continuous one's (Canonne et al., proposition 5); the closed
        form and PLD are of continuous noise. The server knows who was drawn: that a client is not in every round makes nothing smaller.
        A client is taken out by setting its update to zero.
        """
        multiplier = self.multiplier(size, league)
        return rdp(multiplier, 1.0, rounds, delta).epsilon if multiplier > 0 else math.inf


def discrete_gaussian(spread: float, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Whole numbers (size,) with chances proportional to exp(-k² / (2 spread²)); ``spread`` at least 1.

    A rounded normal is drawn and kept by the ratio of the two chances, which is at most exp(1 / (8 spread²)).
    """
    out = np.empty(size, np.int64)
    missing = np.arange(size)
    while len(missing):
        drawn = np.rint(rng.normal(0.0, spread, len(missing)))
        cell = (np.exp(-(drawn[:, None] * POINTS + POINTS**2 / 4) / (2 * spread**2)) * WEIGHTS / 2).sum(1)
        kept = rng.random(len(missing)) * cell < math.exp(-1 / (8 * spread**2))
        out[missing[kept]] = drawn[kept].astype(np.int64)
        missing = missing[~kept]
    return out
