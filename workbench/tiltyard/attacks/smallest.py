"""The smallest radius at which each row falls: a ball that shrinks while the row is fooled and grows while it is not.

Fast minimum-norm attack, Pintor et al. 2021, arXiv:2102.12827. Departures: steps are shares of the row's own radius, so that one schedule
serves every norm; each row goes on from the best point it has; at the end the way back to the row is halved.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..progress import Progress
from .categorical_moves import regrouped
from .losses import margin as by_margin
from .norms import Norm, columns, dual, length, project_within
from .perturbation_space import Attacked, ascended, blocks, margins
from .standing import Standing, step

SHRUNK, LAST = 0.3, 0.005
FARTHEST = 1.0  # the first step in l1, its length in ranges
HALVINGS = 6
TINY = 1e-12
NEAR = 1e-6


@dataclass(frozen=True)
class Smallest:
    """The nearest fooling point of each row (n, *shape) and its distance (n,) in ranges; the row itself and inf where none was found."""

    x: Tensor
    radius: Tensor


def smallest(standing: Standing, steps: int, progress: Progress) -> Smallest:
    """From the best points of an evaluation on, with ``steps`` gradients a row and `HALVINGS` queries."""
    parts = []
    for place in blocks(standing.x):
        rows = torch.arange(len(standing.x))[place]
        part = progress.part(len(rows) / len(standing.x))
        parts.append(_descended(standing, rows, standing.change(rows), steps, part))
    return Smallest(torch.cat([p.x for p in parts]), torch.cat([p.radius for p in parts]))


def shrunk(standing: Standing, rows: Tensor, steps: int, progress: Progress) -> None:
    """Rows that stand, led over the border outside of the ball and back along it: those that come back within eps are taken over."""
    for place in blocks(standing.x[rows]):
        part = rows[place]
        found = _descended(standing, part, standing.change(part), steps, progress.part(len(part) / len(rows)))
        near = found.radius <= standing.eps * (1 + NEAR)
        if bool(near.any()):
            standing.keep(part[near], found.x[near], standing.asked(found.x[near]))


def from_points(standing: Standing, found: Attacked, steps: int, progress: Progress) -> Smallest:
    """As `smallest`, from the points of another attack on the rows of ``standing``; categories stay as they are there."""
    standing.origin = regrouped(standing.x, found.x, standing.space)
    standing.best, standing.margin = found.x.clone(), found.margin.clone()
    return smallest(standing, steps, progress)


def _descended(standing: Standing, rows: Tensor, change: Tensor, steps: int, progress: Progress) -> Smallest:
    space, norm, origin, y = standing.space, standing.norm, standing.origin[rows], standing.y[rows]
    low, high = space.room(origin)
    most = torch.full((len(rows),), space.largest(norm), dtype=change.dtype)
    fooled = standing.margin[rows] > standing.enough
    radius = torch.where(fooled, length(change, norm), torch.tensor(standing.eps, dtype=change.dtype))
    best, found = torch.where(fooled, radius, torch.inf), standing.best[rows].clone()
    for i in range(steps):
        progress.step(i / steps, f"smallest radius, step {i + 1} of {steps}")
        point = space.moved(origin, change)
        gradient, logits = ascended(standing.module, point, lambda out: by_margin(out, y, y))
        standing.gradients += len(rows)
        gradient = gradient if space.plain else gradient * space.scale * space.free
        margin = margins(logits, y).nan_to_num(nan=-torch.inf)
        hits, size = margin > standing.enough, length(space.change(origin, point), norm)
        nearer = hits & (size < best)
        best, found = torch.where(nearer, size, best), torch.where(columns(nearer, found), point, found)
        share = LAST + (SHRUNK - LAST) * (1 + math.cos(math.pi * i / steps)) / 2
        wanted = length(change, norm) + (-margin + standing.enough).clamp_min(0) / dual(gradient, norm).clamp_min(TINY)
        grown = torch.where(best.isinf(), (wanted * (1 + share)).clamp(radius, radius * 2), radius * (1 + share))
        radius = torch.minimum(torch.where(hits, torch.minimum(radius, best) * (1 - share), torch.minimum(grown, best)), most)
        moved = change + _step(gradient, change, norm, radius, share, low, high)
        change = project_within(moved, norm, radius, low, high)
    return _halved(standing, rows, origin, found, best)


def _step(gradient: Tensor, change: Tensor, norm: Norm, radius: Tensor, share: float, low: Tensor, high: Tensor) -> Tensor:
    """Twice the ``share`` of the row's radius; in l1 along the gradient, which the projection makes sparse."""
    if norm == "l1":
        return gradient * columns(FARTHEST * share / SHRUNK / length(gradient, "l2").clamp_min(TINY), gradient)
    return step(gradient, change, norm, 1.0, low, high) * columns(2 * share * radius, change)


def _halved(standing: Standing, rows: Tensor, origin: Tensor, found: Tensor, best: Tensor) -> Smallest:
    """Between the row and the nearest fooling point, the nearest that still fools."""
    space, norm, y = standing.space, standing.norm, standing.y[rows]
    far = space.change(origin, found)
    least, most = torch.zeros_like(best), torch.ones_like(best)
    for _ in range(HALVINGS if bool(best.isfinite().any()) else 0):
        middle = (least + most) / 2
        point = space.moved(origin, far * columns(middle, far))
        hits = margins(standing.asked(point), y) > standing.enough
        found = torch.where(columns(hits, found), point, found)
        least, most = torch.where(hits, least, middle), torch.where(hits, middle, most)
    radius = torch.where(best.isfinite(), length(space.change(origin, found), norm), torch.inf)
    return Smallest(found, radius)
