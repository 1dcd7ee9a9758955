"""Which features move a model: mean size of their Shapley values over rows, as metrics, table and charts."""

import numpy as np
from numpy.typing import NDArray

from ..result import Axis, Chart, Column, Series, Table
from ..statistics.intervals import LEVEL
from ._shapley import Attribution

Floats = NDArray[np.float64]
BARS, SWARMS, POINTS, SWARM_ROWS = 15, 8, 200, 60


def importance(values: Floats, rng: np.random.Generator, draws: int = 1000) -> tuple[Floats, Floats, Floats]:
    """Mean absolute value of each player and the ends of its bootstrap interval over rows; each float64 (m,)."""
    size = np.abs(values)
    n = len(size)
    again = rng.multinomial(n, np.full(n, 1 / n), draws) @ size / n
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(again, [tail, 1 - tail], axis=0)
    return size.mean(0), low, high


def table(found: Attribution, sizes: tuple[Floats, Floats, Floats], order: list[int], marked: set[str]) -> Table:
    """The players by importance, at most 50."""
    mean, low, high = sizes
    total = max(float(mean.sum()), 1e-12)
    rows = tuple(
        (
            found.players.names[j],
            float(mean[j]),
            float(low[j]),
            float(high[j]),
            float(mean[j] / total),
            float(found.values[:, j].mean()),
            float(np.sqrt((found.error[:, j] ** 2).mean())) if np.isfinite(found.error[:, j]).all() else None,
        )
        for j in order[:50]
    )
    return Table(
        name="importance",
        title="Mean size of each feature's contribution",
        columns=(
            Column(name="feature"),
            Column(name="mean |value|", unit=found.unit, kind="number"),
            Column(name="low", unit=found.unit, kind="number"),
            Column(name="high", unit=found.unit, kind="number"),
            Column(name="share", kind="percent"),
            Column(name="mean value", unit=found.unit, kind="number"),
            Column(name="standard error of a value", unit=found.unit, kind="number"),
        ),
        rows=rows,
        marked=tuple((i, 0) for i, row in enumerate(rows) if row[0] in marked),
        total=len(order),
        note=f"Over {len(found.values):,} rows, with a 95% bootstrap interval over them. Marked: sensitive, or not to be changed.",
    )


def bars(found: Attribution, sizes: tuple[Floats, Floats, Floats], order: list[int], of: str) -> Chart:
    """Horizontal bars of the most important players."""
    top = order[:BARS]
    mean, low, high = sizes
    series = Series(
        name="mean |value|",
        x=tuple(float(mean[j]) for j in top),
        y=tuple(float(i) for i in range(len(top))),
        low=tuple(float(low[j]) for j in top),
        high=tuple(float(high[j]) for j in top),
    )
    return Chart(
        name="importance",
        title=f"What moves {of}",
        kind="hbar",
        x=Axis(label="mean |Shapley value|", unit=found.unit, low=0.0),
        y=Axis(label="feature", categories=tuple(found.players.names[j] for j in top)),
        series=(series,),
        alt=f"Mean absolute Shapley value of the {len(top)} most important features for {of}, with bootstrap intervals over rows; "
        f"the largest is {found.players.names[top[0]]}.",
    )


def swarm(found: Attribution, level: Floats, order: list[int], of: str) -> Chart:
    """One point a row and player: where it pushes, by whether the feature's own value is low, middle or high.

    ``level`` float64 (n, m) is the rank of the feature's value among the rows, 0 to 1, and NaN for a category or no number.
    """
    top = np.array(order[:SWARMS])
    rows = np.linspace(0, len(found.values) - 1, min(len(found.values), SWARM_ROWS)).astype(int)
    x = found.values[np.ix_(rows, top)]
    height = np.arange(len(top)) + 0.2 * np.sin(np.arange(len(rows)) * 2.4)[:, None]
    where = level[np.ix_(rows, top)]
    bands = {
        "low value": where < 1 / 3,
        "middle value": (where >= 1 / 3) & (where <= 2 / 3),
        "high value": where > 2 / 3,
        "category, or no number": np.isnan(where),
    }
    series = []
    for name, inside in bands.items():
        if inside.any():
            kept = np.random.default_rng(0).permutation(int(inside.sum()))[:POINTS]
            series.append(Series(name=name, x=tuple(x[inside][kept].tolist()), y=tuple(height[inside][kept].tolist())))
    return Chart(
        name="swarm",
        title="Each row's values",
        kind="scatter",
        x=Axis(label="Shapley value", unit=found.unit),
        y=Axis(label="feature", categories=tuple(found.players.names[j] for j in top)),
        series=tuple(series),
        alt=f"Shapley values of {len(rows)} rows for the {len(top)} most important features of {of}, by the feature's own value.",
    )
