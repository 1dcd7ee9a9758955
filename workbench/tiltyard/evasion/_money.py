"""Accuracy as the attacker's money grows: rows that fell are attacked anew for less, from little money to all that is allowed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, Series
from ..statistics.intervals import LEVEL, clopper_pearson
from ._spending import Allowed, spent

if TYPE_CHECKING:
    from ..attacks.perturbation_space import PerturbationSpace
    from .attack import Evasion

LESS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Bought:
    """Rows (m, columns) found for an amount of money, and which of them fool the target (m,)."""

    x: Rows
    fooled: NDArray[np.bool_]


Attack = Callable[[NDArray[np.intp], "PerturbationSpace", Progress], Bought]
"""Attacks the rows of the sample with these indices within a space."""


def cheaper(
    sample: Dataset, x: Rows, fooled: NDArray[np.bool_], allowed: Allowed, space: "PerturbationSpace", attack: Attack, progress: Progress
) -> NDArray[np.float64]:
    """The least money for which each row was fooled, (n,), inf where it was not; cheaper rows are written into ``x``."""
    from ..attacks.spending import limited

    schema = sample.schema
    cost = np.where(fooled, spent(schema, sample.x, x).money, np.inf)
    for share in LESS:
        money, part = share * allowed.money, progress.part(1 / len(LESS))
        rows = np.flatnonzero(fooled & (cost > money))
        if len(rows) == 0:
            continue
        found = attack(rows, limited(space, schema, replace(allowed, money=money).limits(schema)), part)
        paid = spent(schema, sample.x[rows], found.x).money
        won = found.fooled & (paid < cost[rows])
        x[rows[won]], cost[rows[won]] = found.x[won], paid[won]
    return cost


def bought(
    check: "Evasion",
    sample: Dataset,
    x: Rows,
    fooled_at: NDArray[np.float64],
    space: "PerturbationSpace",
    attack: Attack,
    progress: Progress,
) -> tuple[Chart, ...]:
    """The curve over money of what ``check`` found, none where money is not limited or no curve is asked for; cheaper rows are written into ``x``."""
    if not (check.max_cost and check.curve):
        return ()
    right = fooled_at >= 0
    cost = cheaper(sample, x, right & (fooled_at <= check.eps), check.allowed, space, attack, progress)
    return (money_curve(right, cost, check.max_cost),)


def money_curve(right: NDArray[np.bool_], cost: NDArray[np.float64], most: float) -> Chart:
    """Accuracy against money, at a quarter, a half, three quarters and all of ``most``."""
    points = (0.0, *(share * most for share in LESS), most)
    n = len(right)
    kept = [int((right & ~(cost <= money * (1 + 1e-6))).sum()) for money in points]
    bands = [clopper_pearson(hits, n) for hits in kept]
    return Chart(
        name="money_curve",
        title="Accuracy as the attacker's money grows",
        kind="line",
        x=Axis(label="cost of the changes of a row", unit="money", low=0.0),
        y=Axis(label="accuracy", unit="share", low=0.0, high=1.0),
        series=(
            Series(
                name=f"under attack, n = {n}, {100 * LEVEL:.0f} % interval",
                x=points,
                y=tuple(hits / n for hits in kept),
                low=tuple(low for low, _ in bands),
                high=tuple(high for _, high in bands),
            ),
        ),
        alt=f"Accuracy falls from {percent(kept[0] / n)} where changes may cost nothing to {percent(kept[-1] / n)} for {most:g} of money a row.",
    )
