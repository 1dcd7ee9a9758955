"""Epsilon by the privacy loss distribution of the sampled Gaussian, composed by one FFT, never below the truth.

The loss of one step is put on a grid by splitting the mass of every cell between its two ends so that both of the cell's
probabilities are kept ("connect the dots", Doroshenko et al. 2022, 2207.04380): the result dominates the mechanism, and errs by the square
of the grid. The grid scales with the loss. Before the FFT the masses are tilted towards the losses that decide (those about epsilon), so that
rounding is relative to delta, and what falls out of the window is counted as lost. Rows added and rows removed are two distributions
(Zhu et al. 2022, 2106.08567); the larger delta counts.

Left out, as too small to matter: float64 rounding, some 1e-11 of delta and 1e-14 of it a step, for which delta is lessened by a part in 1e9
and 1e-13 of it a step.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .rdp import rdp

Numbers = NDArray[np.float64]
FINE, FINER, COARSE = 32.0, 16.0, 6.0
MOST, MOST_COARSE = 2**18, 2**15
LOST = 1e-7
AT_ONCE = 2**13  # places worked on at a time, so that what is between stays in the processor's caches
SMALLEST = math.exp(-700.0)
ROUNDING, SQUARING = 1e-9, 1e-13
# the tilt is a little less than the best, for then single large losses, which wrap around the window, weigh less
TILT, WRAP = 0.8, 20.0


class TooLarge(Exception):
    """The grid this needs does not fit."""


@dataclass(frozen=True)
class _Window:
    """The grid: losses ``h`` apart, from ``low`` to below ``top`` (in grid steps), tilted by exp(``tilt`` times loss)."""

    h: float
    top: int
    size: int
    tilt: float


@dataclass(frozen=True)
class _Step:
    """One step's loss: mass (m,) at losses ``h`` times ``first`` and on, and the mass above them."""

    mass: Numbers
    first: int
    infinite: float


def pld_epsilon(noise: float, sample_rate: float, steps: int, delta: float, points: float = FINE) -> float:
    """Epsilon of ``steps`` Poisson-sampled Gaussian steps at ``delta``; an upper bound, some 0.01 % above the truth.

    Parameters
    ----------
    sample_rate
        Above 0 and below 1.
    points
        Grid points for one standard deviation of a step's loss; fewer are quicker and looser.

    Raises
    ------
    TooLarge
        More grid points than `MOST` would be needed.
    """
    aim = delta * (1 - ROUNDING - steps * SQUARING)
    removed = _bound(noise, sample_rate, steps, aim, points, removed=True)
    # Rows added hardly ever cost more than rows removed: a coarse bound, which is true too, says so at a fifth of the cost.
    if points > COARSE and _bound(noise, sample_rate, steps, aim, COARSE, removed=False) <= removed:
        return removed
    return max(removed, _bound(noise, sample_rate, steps, aim, points, removed=False))


@lru_cache(maxsize=1024)
def _window(noise: float, sample_rate: float, steps: int, delta: float, points: float) -> _Window:
    """Wide enough that what wraps around or falls out weighs a millionth of delta, by the Rényi divergence's own bound."""
    bound = rdp(noise, sample_rate, steps, delta)
    if not math.isfinite(bound.epsilon):
        raise TooLarge(f"{bound.epsilon}")
    tilt = TILT * (bound.order - 1)
    beyond = rdp(noise, sample_rate, steps, delta * LOST).epsilon
    top = max(beyond, bound.epsilon + math.log(1 / LOST) / max(tilt, 1.0), 1e-9)
    width = max(top, (math.log(1 / delta) + WRAP) / tilt, 1.5 * (top - bound.epsilon))
    h = min(_deviation(noise, sample_rate) / points, width / 512)
    deviation = _deviation(noise, sample_rate)
    few = MOST if points > FINER else MOST_COARSE * points / COARSE
    if width / h > few:
        h = width / few if width / few <= deviation else max(width / MOST, deviation)
        if h > deviation:
            raise TooLarge(f"{width / deviation:,.0f} grid points")
    return _Window(h, math.ceil(top / h) + 1, _fast(math.ceil(width / h) + 2), tilt)


def _fast(size: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(size, real=True))


def _deviation(noise: float, sample_rate: float) -> float:
    """About the standard deviation of one step's loss; where the row is hardly ever drawn, its rate."""
    spread = math.sqrt(math.expm1(min(1 / noise**2, 60.0)))
    return sample_rate * min(spread, 1 / noise * 2) if spread * sample_rate < 1 else min(1 / noise, 1.0)


def removed_epsilon(noise: float, sample_rate: float, steps: int, delta: float, points: float) -> float:
    """As `pld_epsilon` where a row is taken away alone: for a search, whose end is asked of that."""
    return _bound(noise, sample_rate, steps, delta, points, removed=True)


def spacing(noise: float, sample_rate: float, steps: int, delta: float, points: float) -> float:
    """How far apart the losses lie that `pld_epsilon` would reckon with; what a grid errs falls with its square."""
    return _window(noise, sample_rate, steps, delta, points).h


def _bound(noise: float, sample_rate: float, steps: int, delta: float, points: float, *, removed: bool) -> float:
    """Epsilon of rows removed, or of rows added."""
    window = _window(noise, sample_rate, steps, delta, points)
    return _epsilon(_cells(noise, sample_rate, window, removed=removed), window, steps, delta)


def _cells(noise: float, sample_rate: float, window: _Window, *, removed: bool) -> _Step:
    """One step's loss where the row is taken away, or where it is added: the same cells, mirrored.

    With the row the draw is normal about 1 with chance ``sample_rate``, without it normal about 0; the loss rises with the draw, from
    log(1 - ``sample_rate``) on.
    """
    h, last = window.h, window.top
    floor = math.log1p(-sample_rate)
    first = max(-last, math.floor(floor / h) - 1)
    edges = h * np.arange(first, last + 1)
    parts = [_parted(edges[i : i + AT_ONCE + 1], noise, sample_rate, floor) for i in range(0, len(edges) - 1, AT_ONCE)]
    without, with_it = (_joined([part[k] for part in parts]) for k in (0, 1))
    with_row = (1 - sample_rate) * without.inside + sample_rate * with_it.inside
    if removed:
        above = (1 - sample_rate) * without.above + sample_rate * with_it.above
        below = (1 - sample_rate) * without.below + sample_rate * with_it.below
        return _Step(_split(with_row, without.inside, h * np.arange(first, last), h, below), first, above)
    added = _split(without.inside[::-1], with_row[::-1], h * np.arange(-last, -first), h, without.above)
    return _Step(added, -last, without.below)


@dataclass(frozen=True)
class _Masses:
    inside: Numbers
    below: float
    above: float


def _parted(edges: "NDArray[np.floating]", noise: float, sample_rate: float, floor: float) -> "tuple[_Masses, _Masses]":
    """Masses of the draws between losses ``edges``, without the row and with it."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inner = np.where(edges > floor, np.expm1(np.maximum(edges, floor)) / sample_rate + 1, 0.0)
        draw = np.where(inner > 0, noise * noise * np.log(np.maximum(inner, 0)) + 0.5, -np.inf)
    return _masses(draw / noise, ndtr), _masses((draw - 1) / noise, ndtr)


def _joined(parts: "list[_Masses]") -> "_Masses":
    return _Masses(np.concatenate([part.inside for part in parts]), parts[0].below, parts[-1].above)


def _masses(z: Numbers, ndtr: np.ufunc) -> _Masses:
    """Normal masses between the neighbors of ``z``, each by the tail that keeps its digits."""
    tail = ndtr(-np.abs(z))
    lower, upper = np.where(z > 0, 1 - tail, tail), np.where(z > 0, tail, 1 - tail)
    inside = np.where(z[:-1] > 0, upper[:-1] - upper[1:], lower[1:] - lower[:-1])
    return _Masses(np.maximum(inside, 0.0), float(lower[0]), float(upper[-1]))


def _split(p: Numbers, q: Numbers, lower: "NDArray[np.floating]", h: float, below: float) -> Numbers:
    """Masses at the grid: of each cell so much at its upper end that P's and Q's masses are kept; what lies below all cells goes to the first."""
    with np.errstate(over="ignore", invalid="ignore"):
        up = (p - q * np.exp(lower)) / -math.expm1(-h)
    up = np.clip(np.where(np.isfinite(up), up, p), 0.0, p)
    mass = np.zeros(len(p) + 1)
    mass[:-1] += p - up
    mass[1:] += up
    mass[0] += below
    return mass


def _epsilon(step: _Step, window: _Window, steps: int, delta: float) -> float:
    """The least epsilon, from 0 on, at which the composed loss gives away at most ``delta``."""
    places = step.first + np.arange(len(step.mass))
    logs = window.tilt * window.h * places
    weights = np.where(step.mass > 0, logs + np.log(np.maximum(step.mass, 1e-320)), -np.inf)
    top = float(np.max(weights))
    with np.errstate(under="ignore"):
        tilted = np.exp(weights - top)
    total = float(tilted.sum())
    composed = _power(tilted / total, step.first, window.size, steps)
    growth = steps * (math.log(total) + top)
    return _solved(composed, window, growth, _lost(step, window, steps, growth), delta)


def _power(mass: Numbers, first: int, size: int, steps: int) -> Numbers:
    """The sum of ``steps`` losses on a circle of ``size`` places."""
    from scipy.fft import irfft, rfft

    circle = np.bincount((first + np.arange(len(mass))) % size, weights=mass, minlength=size)
    spectrum = rfft(circle)
    with np.errstate(under="ignore"):
        return np.maximum(irfft(_raised(spectrum, steps), n=size), 0.0)


def _raised(base: NDArray[np.complex128], steps: int) -> NDArray[np.complex128]:
    """``base`` to the power of ``steps``, as much at a time as stays in the processor's caches."""
    return np.concatenate([_squared(base[i : i + AT_ONCE], steps) for i in range(0, len(base), AT_ONCE)])


def _squared(base: NDArray[np.complex128], steps: int) -> NDArray[np.complex128]:
    """``base`` to the power of ``steps`` by repeated squares, a fifth of the time of NumPy's; they lose some ``steps`` times 1e-14 of delta."""
    raised = base.copy() if steps % 2 else np.ones_like(base)
    square = base.copy()
    while steps := steps // 2:
        np.multiply(square, square, out=square)
        if steps % 2:
            np.multiply(raised, square, out=raised)
    return raised


def _lost(step: _Step, window: _Window, steps: int, growth: float) -> float:
    """Chance that some step's loss is above the grid, or that their sum is above the window (Chernoff)."""
    single = -math.expm1(steps * math.log1p(-min(step.infinite, 0.5)))
    return single + math.exp(min(growth - window.tilt * window.h * window.top, 0.0))


def _solved(composed: Numbers, window: _Window, growth: float, lost: float, delta: float) -> float:
    """Where delta(epsilon) = sum of mass times (1 - exp(epsilon - loss)) over larger losses, and ``lost``, comes to ``delta``."""
    above, scaled = lost, 0.0  # over the places above those in hand
    for high in range(window.top, -1, -AT_ONCE):
        places = np.arange(high, max(high - AT_ONCE, -1), -1)
        losses = window.h * places
        with np.errstate(under="ignore", over="ignore", divide="ignore"):
            mass = np.exp(np.minimum(np.log(composed[places % window.size]) + growth - window.tilt * losses, 0.0))
            shrunk = np.exp(-losses)
            sums, inverse = above + np.cumsum(mass), scaled + np.cumsum(mass * shrunk)
            over = np.flatnonzero(sums - inverse / np.maximum(shrunk, SMALLEST) > delta)
        if len(over) == 0:
            above, scaled = float(sums[-1]), float(inverse[-1])
            continue
        i = int(over[0])
        if places[i] == window.top:
            return math.inf
        if i:
            above, scaled = float(sums[i - 1]), float(inverse[i - 1])
        # between two places delta is straight in exp(epsilon), with the sums over the places above
        gap, low = above - delta, float(losses[i])
        upper = low + window.h
        return upper if gap <= 0 or scaled <= 0 else min(max(math.log(gap / scaled), low), upper)
    return 0.0
