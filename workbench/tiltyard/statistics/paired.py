"""Before and after on the same rows: the change of a rate, and of any number with an interval whose correlation is known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import POINTS
from ..result import Metric
from .intervals import LEVEL, correlation, rate_by_row, wilson

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Bounded:
    """A number with both ends of its interval."""

    value: float
    low: float
    high: float


def change(before: Bounded, after: Bounded, rho: float = 0.0) -> Bounded:
    """After less before, from both intervals and the correlation ``rho`` of the two numbers, -1 to 1.

    Squares of the distances to the ends are added, less what the two share (MOVER: Zou and Donner 2008, Statistics in Medicine 27, 1693;
    for rates Newcombe 1998, Statistics in Medicine 17, 2635, method 10).
    """
    down = _together(after.value - after.low, before.high - before.value, rho)
    up = _together(after.high - after.value, before.value - before.low, rho)
    gap = after.value - before.value
    return Bounded(gap, gap - down, gap + up)


def _together(one: float, other: float, rho: float) -> float:
    return float(np.sqrt(max(one * one + other * other - 2 * rho * one * other, 0.0)))


def rate_change(
    name: str, label: str, before: Bools, after: Bools, safer: Literal["higher", "lower"] = "higher", level: float = LEVEL
) -> Metric:
    """The change of a rate over the same rows, ``before`` and ``after`` (n,), by Newcombe's paired interval; n > 0."""
    n = len(before)
    rho = correlation(*(rate_by_row("rate", "Rate", side, "same") for side in (before, after))) or 0.0
    sides = [Bounded(float(side.mean()), *wilson(float(side.mean()), n, level)) for side in (before, after)]
    found = change(sides[0], sides[1], rho)
    return Metric(
        name=name,
        label=label,
        value=found.value,
        unit=POINTS,
        low=max(found.low, -1.0),
        high=min(found.high, 1.0),
        level=level,
        n=n,
        safer=safer,
        interval="Newcombe, paired",
    )
