"""What DP-SGD costs in privacy: epsilon from noise, noise from epsilon, by the tightest bound that holds.

Three bounds are true at once, and the least of them is kept: Rényi divergence (`rdp`), the privacy loss distribution (`pld`), and where every
row is in every step the closed form (`gaussian`). ``rdp`` or ``prv`` (Opacus's) can be asked for instead; what is tighter than PRV answers
in its place, and where PRV fails RDP does, and says so.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from pydantic import Field

from ..errors import Problem
from ..formatting.numbers import number
from ..progress import Progress
from ..result import Frozen
from .gaussian import gaussian_epsilon
from .pld import COARSE, FINE, FINER, TooLarge, pld_epsilon, removed_epsilon, spacing
from .prv import prv
from .rdp import rdp

Accountant = Literal["tightest", "rdp", "prv"]
Answering = Literal["pld", "rdp", "prv", "gaussian"]
NAMES: dict[str, str] = {
    "tightest": "the tightest bound",
    "rdp": "RDP",
    "prv": "PRV",
    "pld": "PLD",
    "gaussian": "the closed form",
}
SMALLEST_NOISE, LARGEST_NOISE = 0.05, 1e6
CLOSE = 2e-4
WHOLE = "Every row is in every step: the closed form is exact"


class Spent(Frozen):
    """A noise multiplier and the epsilon it costs; ``accountant`` is the one that answered, ``note`` says why if not the one asked."""

    epsilon: float = Field(ge=0)
    noise_multiplier: float
    accountant: Answering
    note: str = ""


def default_delta(n: int) -> float:
    """The largest power of ten below n to the power of -1.1, and 1e-5 at most: well below 1/n, for n rows.

    A promise that fails with chance 1/n would let the training publish one row whole. 1e-5 for 32,561 rows, 1e-7 for a million.
    """
    return float(10.0 ** -max(5, math.ceil(1.1 * math.log10(n + 1))))


def _positive(name: str, value: float, do: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise Problem(f"{name} above 0", number(value), do)


def _checked(noise: float, sample_rate: float, steps: int, delta: float) -> None:
    _positive("a noise multiplier", noise, "Give a number such as 1.0")
    if not 0 < sample_rate <= 1:
        raise Problem("a sample rate above 0 and at most 1", number(sample_rate), "Give batch size divided by rows")
    if steps < 1:
        raise Problem("at least one step", f"{steps}", "Give more epochs")
    if not 0 < delta < 1:
        raise Problem("a delta between 0 and 1", number(delta), "Give a number below 1 / rows, such as 1e-5")


@lru_cache(maxsize=4096)
def _spent(noise: float, sample_rate: float, steps: int, delta: float, accountant: Accountant, points: float) -> Spent:
    if sample_rate == 1.0:
        note = "" if accountant == "tightest" else WHOLE
        return Spent(epsilon=gaussian_epsilon(noise, steps, delta), noise_multiplier=noise, accountant="gaussian", note=note)
    bound = rdp(noise, sample_rate, steps, delta).epsilon
    by_rdp = Spent(epsilon=bound, noise_multiplier=noise, accountant="rdp")
    if accountant == "rdp":
        return by_rdp
    return _by_prv(by_rdp, sample_rate, steps, delta) if accountant == "prv" else _by_pld(by_rdp, sample_rate, steps, delta, points)


def _by_pld(by_rdp: Spent, sample_rate: float, steps: int, delta: float, points: float) -> Spent:
    """The less of RDP's bound and PLD's."""
    try:
        found = pld_epsilon(by_rdp.noise_multiplier, sample_rate, steps, delta, points)
    except TooLarge as error:
        return by_rdp.model_copy(update={"note": f"PLD would need {error}; RDP answers"})
    return by_rdp if not found < by_rdp.epsilon else by_rdp.model_copy(update={"epsilon": found, "accountant": "pld"})


def _by_prv(by_rdp: Spent, sample_rate: float, steps: int, delta: float) -> Spent:
    """PRV's bound; RDP's where PRV fails or gives more."""
    try:
        found = prv(by_rdp.noise_multiplier, sample_rate, steps, delta)
    except (RuntimeError, ValueError, IndexError, ArithmeticError, MemoryError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        return by_rdp.model_copy(update={"note": f"PRV failed ({reason}); RDP answers"})
    if not found <= by_rdp.epsilon:
        return by_rdp.model_copy(update={"note": f"PRV gave {found:g}, looser than RDP; RDP answers"})
    return by_rdp.model_copy(update={"epsilon": max(found, 0.0), "accountant": "prv"})


def epsilon(
    noise_multiplier: float, sample_rate: float, steps: int, delta: float, accountant: Accountant = "tightest", points: float = FINE
) -> Spent:
    """Epsilon spent by ``steps`` steps of DP-SGD with Poisson sampling: an upper bound, whoever answers.

    Parameters
    ----------
    noise_multiplier
        Standard deviation of the noise over the clipping norm; above 0.
    sample_rate
        Chance of each row to be in a batch (batch size / rows), above 0 and at most 1.
    delta
        Between 0 and 1; below 1 / rows to mean something.
    accountant
        ``tightest``: the least bound that holds (some 10 to 100 ms); ``rdp`` (Mironov 2017, 1702.07476; about a millisecond); or ``prv``
        (Gopi et al. 2021, 2106.02848; about 0.1 to 1 s).
    points
        Of ``tightest``: grid points of a step's loss; `COARSE` is quicker and some 0.2 % looser, for curves.
    """
    _checked(noise_multiplier, sample_rate, steps, delta)
    found = _spent(float(noise_multiplier), float(sample_rate), int(steps), float(delta), accountant, float(points))
    if not math.isfinite(found.epsilon):
        raise Problem("a noise multiplier large enough to account for", number(noise_multiplier), "Raise the noise multiplier")
    return found


def noise_for(
    epsilon: float, sample_rate: float, steps: int, delta: float, accountant: Accountant = "tightest", progress: Progress | None = None
) -> Spent:
    """The least noise multiplier whose epsilon stays at or below ``epsilon`` (within 0.02 %); ``Spent.epsilon`` is what it costs.

    ``progress`` is asked between evaluations, so that it can be cancelled.

    Raises
    ------
    Problem
        Where epsilon is not above 0, or no noise multiplier from 0.05 to a million reaches it.
    """
    _positive("an epsilon", epsilon, "Give a number such as 4; smaller is more private")
    _checked(1.0, sample_rate, steps, delta)
    search = _Search(float(epsilon), float(sample_rate), int(steps), float(delta), accountant, progress or Progress())
    return search.found()


class _Search:
    """For the least noise: roughly by what is quick, then by what counts."""

    def __init__(self, target: float, rate: float, steps: int, delta: float, accountant: Accountant, progress: Progress) -> None:
        self.target, self.rate, self.steps, self.delta = target, rate, steps, delta
        self.accountant: Accountant = accountant
        self.progress = progress

    def at(self, log_noise: float, accountant: Accountant, points: float) -> Spent:
        self.progress.check()
        return _spent(math.exp(log_noise), self.rate, self.steps, self.delta, accountant, points)

    def over(self, spent: Spent) -> float:
        """How far above the target, in logarithms; at most 700."""
        return min(math.log(max(spent.epsilon, 1e-12) / self.target), 700.0) if math.isfinite(spent.epsilon) else 700.0

    def found(self) -> Spent:
        if self.accountant == "tightest" and self.rate < 1 and (near := self._near()) is not None:
            return near
        rough: Accountant = "rdp" if self.accountant == "rdp" else "tightest"
        start = self._root(0.0, 0.5, 1e-3, rough, COARSE)
        stride = 0.02 if self.accountant == "prv" else 2e-3
        return self.at(self._root(start, stride, CLOSE / 2, self.accountant, FINE), self.accountant, FINE)

    def _near(self) -> Spent | None:
        """The tightest's answer by secants from RDP's noise over ever finer grids; None where they do not lead there.

        What a grid errs falls with the square of its points, so that two coarse ones foretell the fine one: as a rule it is asked once.
        """
        try:
            here = self._root(0.0, 0.5, 1e-2, "rdp", COARSE)
            return self._foretold(here)
        except (Problem, TooLarge):
            return None

    def _foretold(self, here: float) -> Spent | None:
        slope = (self.over(self.at(here + 0.02, "rdp", COARSE)) - self.over(self.at(here, "rdp", COARSE))) / 0.02
        if (rough := self._secants(self._rough(COARSE), here, slope, 2e-3)) is None:
            return None
        here, value, slope = rough
        squares = [spacing(math.exp(here), self.rate, self.steps, self.delta, points) ** 2 for points in (COARSE, FINER, FINE)]
        share = (squares[0] - squares[2]) / (squares[0] - squares[1]) if squares[0] > squares[1] else 0.0
        foretold = value + share * (self._rough(FINER)(here) - value)
        last = self._secants(self._fine, here - (foretold + CLOSE / 2) / slope, slope, CLOSE)
        return None if last is None else self.at(last[0], "tightest", FINE)

    def _rough(self, points: float) -> Callable[[float], float]:
        """How far the bound for rows taken away on a grid of ``points`` is above the target, by the logarithm of the noise: quick, and kept nowhere."""

        def asked(log_noise: float) -> float:
            self.progress.check()
            return math.log(max(removed_epsilon(math.exp(log_noise), self.rate, self.steps, self.delta, points), 1e-12) / self.target)

        return asked

    def _fine(self, log_noise: float) -> float:
        return self.over(self.at(log_noise, "tightest", FINE))

    def _secants(self, ask: Callable[[float], float], here: float, slope: float, close: float) -> tuple[float, float, float] | None:
        """Where ``ask`` is below 0 by at most ``close``, how far, and the slope there; None where 8 steps do not lead there."""
        low, high = math.log(SMALLEST_NOISE), math.log(LARGEST_NOISE)
        before: tuple[float, float] | None = None
        for _ in range(8):
            if not (low < here < high and -50 < slope < -0.05):
                return None
            value = ask(here)
            if -close <= value <= 0:
                return here, value, slope
            if not value < 700:
                return None
            if before is not None and abs(here - before[0]) > 1e-5:
                slope = (value - before[1]) / (here - before[0])
            before = here, value
            here -= (value + close / 2) / slope
        return None

    def _root(self, start: float, stride: float, close: float, accountant: Accountant, points: float) -> float:
        """The logarithm of a noise whose epsilon is below the target by at most ``close`` of it, or the least noise there is."""
        low, high = self._bracket(start, stride, accountant, points)
        below, above = self.over(self.at(low, accountant, points)), self.over(self.at(high, accountant, points))
        if below <= 0:
            return low
        for turn in range(60):
            if above > -close or high - low < 1e-9:
                break
            slope = (above - below) / (high - low)
            guess = high - (above + close / 2) / slope if turn % 3 < 2 and below < 700 else (low + high) / 2
            guess = min(max(guess, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))
            value = self.over(self.at(guess, accountant, points))
            if value > 0:
                low, below = guess, value
            else:
                high, above = guess, value
        return high

    def _bracket(self, start: float, stride: float, accountant: Accountant, points: float) -> tuple[float, float]:
        least, most = math.log(SMALLEST_NOISE), math.log(LARGEST_NOISE)
        enough = self.over(self.at(start, accountant, points)) <= 0
        here = start
        while True:
            there = min(max(here - stride if enough else here + stride, least), most)
            if there == here:
                break
            if (self.over(self.at(there, accountant, points)) <= 0) != enough:
                return min(here, there), max(here, there)
            here, stride = there, 1.5 * stride
        if enough:
            return least, least + 1e-9
        reached = self.at(most, accountant, points).epsilon
        raise Problem(
            f"an epsilon of at least {reached:.3g} (by {NAMES[accountant]} at delta {number(self.delta)})",
            f"{self.target:g}",
            "Raise epsilon or delta",
        )
