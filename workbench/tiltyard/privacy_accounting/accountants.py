"""What DP-SGD costs in privacy: epsilon from noise, noise from epsilon, as Opacus's accountants have it.

RDP is computed here at Opacus's orders, all of them together, for a slider to follow: the same numbers in a twentieth of the
time. It composes linearly, so the cost of one step is kept. PRV is Opacus's; it is tighter and slower, and fails for some
settings: then RDP answers, and says so.
"""

import math
import threading
import warnings
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..errors import Problem
from ..progress import Progress
from ..result import Frozen

Accountant = Literal["rdp", "prv"]
NAMES: dict[str, str] = {"rdp": "RDP", "prv": "PRV"}
SMALLEST_NOISE, LARGEST_NOISE = 0.05, 1e4
PRV_POINTS = 1_000_000
_LOCK = threading.Lock()


class Spent(Frozen):
    """A noise multiplier and the epsilon it costs; ``accountant`` is the one that answered, ``note`` says why if not the one asked."""

    epsilon: float = Field(ge=0)
    noise_multiplier: float
    accountant: Accountant
    note: str = ""


def default_delta(n: int) -> float:
    """The largest power of ten below n to the power of -1.1, and 1e-5 at most: well below 1/n, for n rows.

    A promise that fails with chance 1/n would let the training publish one row whole. 1e-5 for 32,561 rows, 1e-7 for a million.
    """
    return float(10.0 ** -max(5, math.ceil(1.1 * math.log10(n + 1))))


def _positive(name: str, value: float, do: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise Problem(f"{name} above 0", f"{value:g}", do)


def _checked(noise: float, sample_rate: float, steps: int, delta: float) -> None:
    _positive("a noise multiplier", noise, "Give a number such as 1.0")
    if not 0 < sample_rate <= 1:
        raise Problem("a sample rate above 0 and at most 1", f"{sample_rate:g}", "Give batch size divided by rows")
    if steps < 1:
        raise Problem("at least one step", f"{steps}", "Give more epochs")
    if not 0 < delta < 1:
        raise Problem("a delta between 0 and 1", f"{delta:g}", "Give a number below 1 / rows, such as 1e-5")


@lru_cache(maxsize=1)
def _orders() -> tuple[NDArray[np.float64], dict[int, NDArray[np.float64]]]:
    """Opacus's orders: the whole ones (m,), and those between a whole number and the next by that number."""
    from opacus.accountants import RDPAccountant

    every = np.asarray(RDPAccountant.DEFAULT_ALPHAS, np.float64)
    whole = every == np.floor(every)
    return every[whole], {int(k): every[~whole & (np.floor(every) == k)] for k in np.unique(np.floor(every[~whole]))}


@lru_cache(maxsize=1)
def _binomials() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The whole orders (m, 1), the places 0 to 63 (1, 64), and log binomials (m, 64), -inf past the order."""
    from scipy.special import gammaln

    alpha, i = _orders()[0][:, None], np.arange(64.0)[None]
    inside = i <= alpha
    log_binomial = gammaln(alpha + 1) - gammaln(i + 1) - gammaln(np.where(inside, alpha - i, 0) + 1)
    return alpha, i, np.where(inside, log_binomial, -np.inf)


@lru_cache(maxsize=4096)
def _at_whole(noise: float, sample_rate: float) -> NDArray[np.float64]:
    """Rényi divergence of one step at the whole orders: float64 (m,). Mironov et al. 2019, 1908.10530, section 3.3."""
    alpha, i, log_binomial = _binomials()
    if sample_rate == 1.0:
        return alpha[:, 0] / (2 * noise**2)
    exponents = log_binomial + i * math.log(sample_rate) + (alpha - i) * math.log1p(-sample_rate) + (i * i - i) / (2 * noise**2)
    top = exponents.max(1)
    found: NDArray[np.float64] = (top + np.log(np.exp(exponents - top[:, None]).sum(1))) / (alpha[:, 0] - 1)
    return found


@lru_cache(maxsize=4096)
def _between(noise: float, sample_rate: float, below: int) -> NDArray[np.float64]:
    """Rényi divergence of one step at the orders between ``below`` and the next, by the same paper's series, all of them at once.

    Terms are added, twice as many each time, until none is above exp(-30), where Opacus stops.
    """
    alpha = _orders()[1][below][:, None]
    if sample_rate == 1.0:
        return alpha[:, 0] / (2 * noise**2)
    tops, sums, first, count = [], [], 0, 64
    while True:
        logs, signs = _terms(noise, sample_rate, alpha, np.arange(first, first + count, dtype=np.float64)[None])
        tops.append(logs.max(1))
        sums.append((signs * np.exp(logs - tops[-1][:, None])).sum(1))
        first, count = first + count, first + count
        if logs[:, -1].max() < -30 and logs[:, logs.shape[1] // 2 - 1].max() < -30:
            break
    top = np.max(tops, 0)
    total = sum(part * np.exp(own - top) for part, own in zip(sums, tops, strict=True))
    found: NDArray[np.float64] = (top + np.log(total)) / (alpha[:, 0] - 1)
    return found


def _terms(
    noise: float, sample_rate: float, alpha: NDArray[np.float64], i: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms and signs of the terms ``i`` (1, k) of both integrals at orders (m, 1): (m, 2k), those of the first before the others."""
    from scipy.special import binom, log_ndtr

    binomial = binom(alpha, i)
    cut = noise**2 * math.log(1 / sample_rate - 1) + 0.5
    log_rate, log_rest, j = math.log(sample_rate), math.log1p(-sample_rate), alpha - i
    with np.errstate(divide="ignore"):
        size = np.log(np.abs(binomial))
    left = size + i * log_rate + j * log_rest + (i * i - i) / (2 * noise**2) + log_ndtr((cut - i) / noise)
    right = size + j * log_rate + i * log_rest + (j * j - j) / (2 * noise**2) + log_ndtr((j - cut) / noise)
    return np.concatenate([left, right], 1), np.sign(np.concatenate([binomial, binomial], 1))


def _constant(orders: NDArray[np.float64], delta: float) -> NDArray[np.float64]:
    """What an order adds to the divergences for epsilon at ``delta`` (Balle et al. 2020, 1905.09982, theorem 21), as in Opacus."""
    return np.asarray(np.log((orders - 1) / orders) - (np.log(delta) + np.log(orders)) / (orders - 1))


def _rdp(noise: float, sample_rate: float, steps: int, delta: float) -> float:
    """Epsilon by RDP, the least over Opacus's orders; never below 0.

    A divergence never falls as the order rises, so that what it is at a whole order rules most orders above it out: those are not computed.
    """
    whole, others = _orders()
    divergence = _at_whole(noise, sample_rate)
    spent = steps * divergence + _constant(whole, delta)
    best = float(np.min(spent))
    at = dict(zip(whole.tolist(), (steps * divergence).tolist(), strict=True))
    for below in sorted(others, reverse=True):
        constant = _constant(others[below], delta)
        if at.get(below, 0.0) + float(constant.min()) < best:
            best = min(best, float(np.min(steps * _between(noise, sample_rate, below) + constant)))
    return max(best, 0.0)


def _prv_size(noise: float, sample_rate: float, steps: int, delta: float, error: float) -> float:
    """Mesh points PRV will want (Gopi et al. 2021, 2106.02848, remark 5.6)."""
    small = delta / 1000
    half = max(_rdp(noise, sample_rate, steps, small / 4), _rdp(noise, sample_rate, 1, small / (8 * steps)), error) + 3
    return 2 * half * math.sqrt(steps * math.log(12 / small) / 2) / error


def _prv(noise: float, sample_rate: float, steps: int, delta: float) -> float:
    """PRV's upper bound; RuntimeError or ValueError where it cannot be had."""
    from opacus.accountants import PRVAccountant
    from scipy.integrate import IntegrationWarning

    error = min(0.01, max(1e-4, 0.02 * _rdp(noise, sample_rate, steps, delta)))
    while error < 1 and _prv_size(noise, sample_rate, steps, delta, error) > PRV_POINTS:
        error *= 2
    if error >= 1:
        raise RuntimeError(f"it would need more than {PRV_POINTS:,} mesh points")
    accountant = PRVAccountant()
    accountant.history = [(noise, sample_rate, steps)]
    with _LOCK, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message="Optimal order is the")
        warnings.filterwarnings("ignore", category=IntegrationWarning)
        return float(accountant.get_epsilon(delta, eps_error=error))


@lru_cache(maxsize=1024)
def _exact(noise: float, sample_rate: float, steps: int, delta: float) -> Spent:
    bound = _rdp(noise, sample_rate, steps, delta)
    if sample_rate == 1.0:
        return Spent(epsilon=bound, noise_multiplier=noise, accountant="rdp", note="PRV does not cover whole batches (sample rate 1)")
    try:
        found = _prv(noise, sample_rate, steps, delta)
    except (RuntimeError, ValueError, IndexError, ArithmeticError, MemoryError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        return Spent(epsilon=bound, noise_multiplier=noise, accountant="rdp", note=f"PRV failed ({reason}); RDP answers")
    if not math.isfinite(found) or found > bound + 0.02:
        return Spent(epsilon=bound, noise_multiplier=noise, accountant="rdp", note=f"PRV gave {found:g}, looser than RDP; RDP answers")
    return Spent(epsilon=max(found, 0.0), noise_multiplier=noise, accountant="prv")


def epsilon(noise_multiplier: float, sample_rate: float, steps: int, delta: float, accountant: Accountant = "rdp") -> Spent:
    """Epsilon spent by ``steps`` steps of DP-SGD with Poisson sampling.

    Parameters
    ----------
    noise_multiplier
        Standard deviation of the noise over the clipping norm; above 0.
    sample_rate
        Chance of each row to be in a batch (batch size / rows), above 0 and at most 1.
    delta
        Between 0 and 1; below 1 / rows to mean something.
    accountant
        ``rdp`` (Mironov 2017, 1702.07476; about a millisecond) or
        ``prv`` (Gopi et al. 2021, 2106.02848; about 0.1 to 1 s, an upper bound). Where PRV fails RDP answers, and ``Spent.note`` says so.
    """
    _checked(noise_multiplier, sample_rate, steps, delta)
    if accountant == "prv":
        return _exact(noise_multiplier, sample_rate, steps, delta)
    value = _rdp(noise_multiplier, sample_rate, steps, delta)
    if not math.isfinite(value):
        raise Problem("a noise multiplier large enough to account for", f"{noise_multiplier:g}", "Raise the noise multiplier")
    return Spent(epsilon=value, noise_multiplier=noise_multiplier, accountant="rdp")


def noise_for(
    epsilon: float, sample_rate: float, steps: int, delta: float, accountant: Accountant = "rdp", progress: Progress | None = None
) -> Spent:
    """The least noise multiplier whose epsilon stays at or below ``epsilon`` (within about 1 %); ``Spent.epsilon`` is what it costs.

    ``progress`` is asked between PRV's evaluations, so that it can be cancelled.

    Raises
    ------
    Problem
        Where epsilon is not above 0, or no noise multiplier from 0.05 to 10,000 reaches it.
    """
    _positive("an epsilon", epsilon, "Give a number such as 4; smaller is more private")
    _checked(1.0, sample_rate, steps, delta)
    if accountant == "rdp":
        return _noise_by_rdp(epsilon, sample_rate, steps, delta)
    return _noise_by_prv(epsilon, sample_rate, steps, delta, progress or Progress())


def _noise_by_rdp(target: float, sample_rate: float, steps: int, delta: float) -> Spent:
    from scipy.optimize import brentq

    def over(log_noise: float) -> float:
        spent = _rdp(math.exp(log_noise), sample_rate, steps, delta)
        return 700.0 if not math.isfinite(spent) else math.log(max(spent, 1e-12) / target)

    low, high = math.log(SMALLEST_NOISE), math.log(LARGEST_NOISE)
    if over(high) > 0:
        least = _rdp(LARGEST_NOISE, sample_rate, steps, delta)
        raise Problem(f"an epsilon of at least {least:.3g} (by RDP at delta {delta:g})", f"{target:g}", "Raise epsilon, or account by PRV")
    a = 0.0
    step = -0.5 if over(a) <= 0 else 0.5
    while low < a + step < high and (over(a + step) <= 0) == (step < 0):
        a += step
    lower, upper = max(min(a, a + step), low), min(max(a, a + step), high)
    best = upper if over(lower) > 0 else lower
    if over(lower) > 0:
        root = float(brentq(over, lower, upper, xtol=2e-5))
        best = root if over(root) <= 0 else min(root + 4e-5, upper)
    noise = math.exp(best)
    return Spent(epsilon=_rdp(noise, sample_rate, steps, delta), noise_multiplier=noise, accountant="rdp")


def _start(target: float, sample_rate: float, steps: int, delta: float) -> float:
    """A noise that PRV will find enough: RDP's, or, where RDP cannot go so low, one found by doubling."""
    try:
        return _noise_by_rdp(target, sample_rate, steps, delta).noise_multiplier
    except Problem:
        noise = 4.0
        while noise < LARGEST_NOISE and _exact(noise, sample_rate, steps, delta).epsilon > target:
            noise *= 2
        return noise


def _noise_by_prv(target: float, sample_rate: float, steps: int, delta: float, progress: Progress) -> Spent:
    best = _exact(_start(target, sample_rate, steps, delta), sample_rate, steps, delta)
    if best.epsilon > target * (1 + 1e-9):
        raise Problem(f"an epsilon of at least {best.epsilon:.3g} at delta {delta:g}", f"{target:g}", "Raise epsilon or delta")
    low = SMALLEST_NOISE
    noise = best.noise_multiplier
    for _ in range(12):
        progress.check()
        if best.accountant == "rdp" or best.epsilon >= 0.99 * target or best.noise_multiplier <= low * 1.001:
            break
        noise = best.noise_multiplier * (best.epsilon / (0.995 * target)) ** 0.7
        if not low < noise < best.noise_multiplier:
            noise = math.sqrt(low * best.noise_multiplier)
        tried = _exact(noise, sample_rate, steps, delta)
        if tried.epsilon <= target:
            best = tried
        else:
            low = noise
    return best
