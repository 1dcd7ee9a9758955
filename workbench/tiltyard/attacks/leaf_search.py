"""Moves to the leaves of trees: the nearest point of each leaf that is within reach, asked for real.

Of a single tree that is every answer there is within reach, so what it finds is exact. Of many trees the best of the points is gone on
from (Zhang et al. 2020, "An efficient adversarial attack for tree ensembles", arXiv:2010.11598, moves from leaf to leaf so).
"""

from collections.abc import Iterator
from dataclasses import dataclass

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

ROUNDS, ASKED, LOOKED = 12, 48, 256
TOGETHER = 4096  # points that are asked in one call


def leaf_search(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    ball: Ball,
    leaves: Leaves,
    before: Attacked,
    generator: torch.Generator,
    progress: Progress,
    owner: Tensor | None = None,
) -> Attacked:
    """For every row that ``before`` did not fool: of one tree all leaves within reach of it are asked; of more `ASKED` of those near the
    best point, `ROUNDS` times at most. Rows are asked together; ``owner`` as in `table_search.search`."""
    found = Search(module, x, y, ball, 1, 0.0, owner)
    gain = before.margin > found.margin
    found.best[gain], found.margin[gain] = before.x[gain], before.margin[gain]
    near, rounds = Near(ball, leaves, {}), 1 if leaves.trees == 1 else ROUNDS
    rows = found.alive.tolist()
    for k in range(rounds):
        better: list[int] = []
        for start, points in _batches(found, near, rows, generator, progress.part(1 / rounds), k):
            better += _asked(found, start, points)
        alive = set(found.alive.tolist())
        rows = [row for row in better if row in alive]
        if not rows:
            break
    return Attacked(found.best, found.margin, before.flat)


@dataclass(frozen=True)
class Near:
    """The leaves, and of each row those that it can reach, worked out once."""

    ball: Ball
    leaves: Leaves
    reached: dict[int, NDArray[np.intp]]

    def of(self, row: int, x: Tensor) -> NDArray[np.intp]:
        """Numbers of the leaves that ``row``, x (d,), may reach."""
        if row not in self.reached:
            ball = self.ball.of(torch.tensor([row]))
            self.reached[row] = within_reach(ball, x, self.leaves.low, self.leaves.high)
        return self.reached[row]

    def points(self, row: int, x: Tensor, at: Tensor, generator: torch.Generator) -> Tensor:
        """What is to be asked for a row whose best point is ``at``, (m, d)."""
        chosen, one = self.of(row, x), self.leaves.trees == 1
        if not one:
            chosen = chosen[torch.randperm(len(chosen), generator=generator)[:LOOKED].numpy()]
        ball = self.ball.of(torch.tensor([row]))
        points = nearest(ball, x, x if one else at, self.leaves.low[chosen], self.leaves.high[chosen])
        return points if one else points[torch.randperm(len(points), generator=generator)[:ASKED]]


def _batches(
    found: Search, near: Near, rows: list[int], generator: torch.Generator, progress: Progress, number: int
) -> Iterator[tuple[list[int], list[Tensor]]]:
    """Rows and the points that are to be asked for each, `TOGETHER` points at once."""
    held: tuple[list[int], list[Tensor]] = ([], [])
    for k, row in enumerate(rows):
        progress.step(k / len(rows), f"leaves within reach, round {number + 1}: row {k + 1} of {len(rows)}")
        points = near.points(row, found.x[row], found.best[row], generator)
        if len(points):
            held[0].append(row)
            held[1].append(points)
        if sum(map(len, held[1])) >= TOGETHER:
            yield held
            held = ([], [])
    if held[0]:
        yield held


def _asked(found: Search, rows: list[int], points: list[Tensor]) -> list[int]:
    """Asks for the points of each row and keeps what is better; the rows for which some was."""
    counts = torch.tensor([len(part) for part in points])
    owner = torch.tensor(rows).repeat_interleave(counts)
    margins = judged(found.module, torch.cat(points), found.y[owner]).margin
    better = []
    for row, part, margin in zip(rows, points, torch.split(margins, counts.tolist()), strict=True):
        best = int(margin.argmax())
        if bool(margin[best] > found.margin[row]):
            found.best[row], found.margin[row] = part[best], margin[best]
            better.append(row)
    return better


def within_reach(ball: Ball, x: Tensor, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers of the boxes that a row x (d,) may reach, and of some that it may not: what `nearest` need not look at is left out."""
    space, value = ball.space, x.double().numpy()
    down, up = (end[0].double().numpy() * space.scale.double().numpy() for end in ball.room(x[None]))
    slack = 1e-6 * (np.abs(value) + space.scale.double().numpy() + 1)
    least, most = value + down - slack, value + up + slack
    least[list(space.optional)], most[list(space.optional)] = -np.inf, np.inf
    number = ~np.isnan(value)
    needed = np.zeros(len(low), np.int64)
    for group in space.groups:
        number[group] = False
        needed += ~((value[group] > low[:, group]) & (value[group] <= high[:, group])).all(1)
    inside = (low[:, number] < most[number]) & (high[:, number] >= least[number])
    return np.flatnonzero(inside.all(1) & (needed <= ball.flips))


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
    eps = float(ball.eps)
    points = points[allowed & (size <= eps * (1 + 1e-6)) & (counted <= ball.flips)]
    if space.repair is None or len(points) == 0:
        return points
    return repaired(space.repair, space, x.expand_as(points), points, eps, ball.flips)


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
