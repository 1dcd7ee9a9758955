"""Pairwise interactions: what two features do together beyond what each does alone."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..progress import Progress
from ..result import Column, Table
from ..statistics.intervals import LEVEL
from ._shapley import Indices, Players, Score

Floats = NDArray[np.float64]
AMONG, BOOTS = 5, 500


@dataclass(frozen=True)
class Interaction:
    """Shapley interaction of a pair over rows: its root mean square with the noise of sampling taken out, and its interval."""

    one: str
    other: str
    size: float
    low: float
    high: float
    mean: float


def interactions(
    score: Score,
    x: Rows,
    of: Indices,
    background: Rows,
    players: Players,
    order: list[int],
    draws: int,
    rng: np.random.Generator,
    progress: Progress,
) -> list[Interaction]:
    """All pairs among the ``AMONG`` first of ``order``, the strongest first (Shapley interaction index, Grabisch and Roubens 1999).

    Each draw takes a background row and a set of the other players whose size is uniform, and asks the four rows with and without
    the pair. A mean of squares is no smaller than its noise; that of the draws is subtracted.
    """
    pairs = list(combinations(order[:AMONG], 2))
    found = []
    for k, (i, j) in enumerate(pairs):
        progress.step(k / max(len(pairs), 1), f"{players.names[i]} with {players.names[j]}")
        values, error = _pair(score, x, of, background, players, (i, j), draws, rng)
        found.append(_summed(players.names[i], players.names[j], values, error, rng))
    return sorted(found, key=lambda pair: -pair.size)


def _pair(
    score: Score, x: Rows, of: Indices, background: Rows, players: Players, pair: tuple[int, int], draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The interaction of each row and the variance of its estimate, each float64 (n,)."""
    n, m = len(x), len(players)
    i, j = pair
    others = np.array([k for k in range(m) if k not in pair], np.intp)
    rows = np.repeat(np.arange(n), draws)
    behind = background[rng.integers(len(background), size=len(rows))]
    inside = np.zeros((len(rows), m), bool)
    size = rng.integers(len(others) + 1, size=len(rows))
    inside[:, others] = rng.random((len(rows), len(others))).argsort(1).argsort(1) < size[:, None]
    total = np.zeros(len(rows))
    for with_i, with_j, sign in ((True, True, 1), (True, False, -1), (False, True, -1), (False, False, 1)):
        inside[:, i], inside[:, j] = with_i, with_j
        mixed = np.where(inside[:, players.member], x[rows], behind)
        total += sign * score(mixed)[np.arange(len(rows)), of[rows]]
    per = total.reshape(n, draws)
    return per.mean(1), per.var(1, ddof=1) / draws


def _summed(one: str, other: str, values: Floats, error: Floats, rng: np.random.Generator) -> Interaction:
    drawn = rng.integers(len(values), size=(BOOTS, len(values)))
    square = values**2 - error
    sizes = np.sqrt(np.maximum(square[drawn].mean(1), 0.0))
    low, high = np.quantile(sizes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interaction(one, other, float(np.sqrt(max(square.mean(), 0.0))), float(low), float(high), float(values.mean()))


def table(found: list[Interaction], most: int, rows: int, unit: str) -> Table:
    """The strongest pairs."""
    number = {"unit": unit, "kind": "number"}
    return Table(
        name="interactions",
        title="What pairs of features do together beyond each alone",
        columns=(
            Column(name="feature"),
            Column(name="with"),
            *(Column.model_validate({"name": name, **number}) for name in ("size", "low", "high", "mean")),
        ),
        rows=tuple((p.one, p.other, p.size, p.low, p.high, p.mean) for p in found[:most]),
        total=len(found),
        note=f"Root mean square over {rows:,} rows of the Shapley interaction, the noise of sampling taken out, with a 95 % bootstrap interval over rows.",
    )
