"""Moves to the leaves of trees: the nearest point of each leaf that is within reach, asked for real.

Of a single tree that is every answer there is within reach, so what it finds is exact. Of many trees the best of the points is gone on
from (Zhang et al. 2020, "An efficient adversarial attack for tree ensembles", arXiv:2010.11598, moves from leaf to leaf so).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..progress import Progress
from .categorical_moves import changed_groups
from .norms import length
from .perturbation_space import Attacked, judged
from .repairing import repaired
from .table_search import Ball, Search
from .tree_leaves import Leaves

ROUNDS, ASKED, LOOKED = 12, 48, 4_000


def leaf_search(
    module: nn.Module, x: Tensor, y: Tensor, ball: Ball, leaves: Leaves, before: Attacked, generator: torch.Generator, progress: Progress
) -> Attacked:
    """For every row that ``before`` did not fool: of one tree all leaves within reach of it are asked; of more `ASKED` of those near the
    best point, `ROUNDS` times at most."""
    found = Search(module, x, y, ball, 1, 0.0)
    gain = before.margin > found.margin
    found.best[gain], found.margin[gain] = before.x[gain], before.margin[gain]
    rows = found.alive.tolist()
    for k, row in enumerate(rows):
        progress.step(k / len(rows), f"leaves within reach of row {k + 1} of {len(rows)}")
        for _ in range(1 if leaves.trees == 1 else ROUNDS):
            if not _round(found, leaves, row, generator):
                break
    return Attacked(found.best, found.margin, before.flat)


def _round(found: Search, leaves: Leaves, row: int, generator: torch.Generator) -> bool:
    """Asks for the nearest points of leaves; True where one is better and the row still stands."""
    one = leaves.trees == 1
    at = found.x[row] if one else found.best[row]
    chosen = torch.arange(len(leaves.low)) if one else torch.randperm(len(leaves.low), generator=generator)[:LOOKED]
    points = nearest(found.ball, found.x[row], at, leaves.low[chosen.numpy()], leaves.high[chosen.numpy()])
    points = points if one else points[:ASKED]
    if len(points) == 0:
        return False
    margin = judged(found.module, points, found.y[row].expand(len(points))).margin
    best = int(margin.argmax())
    if not bool(margin[best] > found.margin[row]):
        return False
    found.best[row], found.margin[row] = points[best], margin[best]
    return bool(margin[best] <= found.enough)


def nearest(ball: Ball, x: Tensor, at: Tensor, low: NDArray[np.float64], high: NDArray[np.float64]) -> Tensor:
    """Of each box the point nearest to ``at`` (d,), where it is a valid row within the ball around x (d,): (m, d) at most as many as boxes."""
    space = ball.space
    value = at.double().numpy()
    above = np.nextafter(low.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    above = np.where(above > low, above, np.nextafter(low, np.inf))
    below = high.astype(np.float32).astype(np.float64)
    below = np.where(below <= high, below, np.nextafter(below.astype(np.float32), np.float32(-np.inf)).astype(np.float64))
    whole = space.whole.numpy()
    above, below = np.where(whole, np.floor(low) + 1, above), np.where(whole, np.floor(high), below)
    missing = np.isnan(value)
    moved = np.where(value > low, np.where(value <= high, value, below), above)
    moved = np.where(missing, value, moved)
    grouped = np.zeros(len(value), bool)
    kept = np.ones(len(low), bool)
    for group in space.groups:
        grouped[group] = True
        kept &= _category(moved, value, group, low, high, space.closed)
    held = (space.free.numpy() == 0) & ~grouped
    kept &= ((moved[:, held] == value[held]) | missing[held]).all(1)
    kept &= (moved[:, ~grouped & ~missing] >= space.low.numpy()[~grouped & ~missing]).all(1)
    kept &= (moved[:, ~grouped & ~missing] <= space.high.numpy()[~grouped & ~missing]).all(1)
    points = torch.from_numpy(np.unique(moved[kept], axis=0)).to(x.dtype) if kept.any() else x[None][:0]
    origin = x.expand_as(points)
    size = length(space.change(origin, points), ball.norm)
    counted = _flips(ball, origin, points)
    down, up = space.room(origin)
    change = space.change(origin, points)
    allowed = ((change >= down - 1e-9) & (change <= up + 1e-9)).all(1)
    allowed &= torch.ones_like(allowed) if ball.limits is None else ~ball.limits.over(origin, points)
    points = points[allowed & (size <= ball.eps * (1 + 1e-6)) & (counted <= ball.flips)]
    if space.repair is None or len(points) == 0:
        return points
    return repaired(space.repair, space, x.expand_as(points), points, ball.eps, ball.flips)


def _flips(ball: Ball, origin: Tensor, points: Tensor) -> Tensor:
    if not ball.space.parts or len(points) == 0:
        return torch.zeros(len(points), dtype=torch.int64)
    counted: Tensor = changed_groups(points, origin, ball.space).sum(1)
    return counted


def _category(
    moved: NDArray[np.float64],
    value: NDArray[np.float64],
    group: slice,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    closed: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Writes a category that each box allows into ``moved``, the one held where it may be; which boxes (m,) allow any."""
    zero, one = (low[:, group] < 0) & (high[:, group] >= 0), (low[:, group] < 1) & (high[:, group] >= 1)
    width = group.stop - group.start
    others = zero.sum(1)[:, None] - zero  # how many of the other places may be 0
    allowed = one & (others == width - 1)
    held = int(value[group].argmax())
    reachable = allowed.copy()
    reachable[:, [place - group.start for place in closed if group.start <= place < group.stop and place - group.start != held]] = False
    pick = np.where(reachable[:, held], held, reachable.argmax(1))
    moved[:, group] = np.eye(width)[pick]
    found: NDArray[np.bool_] = reachable.any(1)
    return found
