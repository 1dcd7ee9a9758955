"""The fewest coordinates whose change fools the model: sigma-zero, Cinà et al. 2024, arXiv:2402.01879.

The count of changed coordinates is replaced by a smooth one, sum of d² / (d² + sigma), whose gradient goes beside that of the margin;
what lies below a threshold that adapts to each row is set to zero. Departure: at the end changes that were not needed are put back.
"""

import math

import torch
from torch import Tensor, nn

from ..progress import Progress
from .norms import columns, length
from .perturbation_space import PerturbationSpace, ascended, blocks, margins
from .smallest import Smallest

SIGMA, RATE, LAST, THRESHOLD, MOVED = 1e-3, 1.0, 0.1, 0.3, 0.01
HALVES, ONES = 3, 16
TINY = 1e-12


def fewest(
    module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, steps: int, progress: Progress, enough: float = 0.0
) -> Smallest:
    """For rows x (n, *shape) the fooling point with the fewest changed coordinates, and how many these are; x and inf where none was found.

    A row is fooled where its largest wrong logit is more than ``enough`` above the true one.
    """
    parts = []
    for place in blocks(x):
        part = progress.part(len(x[place]) / max(len(x), 1))
        parts.append(_descended(module, x[place], y[place], space, steps, part, enough))
    return Smallest(torch.cat([p.x for p in parts]), torch.cat([p.radius for p in parts]))


def changed(change: Tensor) -> Tensor:
    """How many coordinates of each row differ from zero, (n,)."""
    return (change.flatten(1) != 0).sum(1).to(change.dtype)


def _descended(
    module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, steps: int, progress: Progress, enough: float
) -> Smallest:
    low, high = space.room(x)
    change, best, found = torch.zeros_like(x), torch.full((len(x),), torch.inf, dtype=x.dtype), x.clone()
    threshold = torch.full((len(x),), THRESHOLD, dtype=x.dtype)
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for i in range(steps):
        progress.step(i / steps, f"fewest coordinates, step {i + 1} of {steps}")
        rate = LAST * RATE + (RATE - LAST * RATE) * (1 + math.cos(math.pi * max(i - 1, 0) / steps)) / 2
        point = space.moved(x, change)
        gradient, logits = ascended(module, point, lambda out: margins(out, y).clamp_max(enough))
        hits, count = margins(logits, y).nan_to_num(nan=-torch.inf) > enough, changed(space.change(x, point))
        nearer = hits & (count < best)
        best, found = torch.where(nearer, count, best), torch.where(columns(nearer, found), point, found)
        smooth = 2 * SIGMA * change / (change.square() + SIGMA).square() / x[0].numel()
        down = smooth - (gradient * space.scale * space.free)
        down = down / columns(length(down, "linf").clamp_min(TINY), down)
        first, second = 0.9 * first + 0.1 * down, 0.999 * second + 0.001 * down.square()
        step = rate * (first / (1 - 0.9 ** (i + 1))) / ((second / (1 - 0.999 ** (i + 1))).sqrt() + 1e-8)
        change = torch.maximum(torch.minimum(change - step, high), low)
        threshold = (threshold + torch.where(hits, 1.0, -1.0) * MOVED * rate).clamp(0, 1)
        change = torch.where(change.abs() > columns(threshold, change), change, 0.0)
    return _put_back(module, x, y, space, Smallest(found, best), enough)


def _put_back(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, best: Smallest, enough: float) -> Smallest:
    """Changes put back where the row stays fooled: first the smaller half of them, then one after the other from the smallest on."""
    found, place = best.x, torch.zeros(len(x), dtype=torch.int64)
    for i in range(HALVES + ONES):
        change = space.change(x, found)
        sizes = torch.where(change != 0, change.abs(), torch.inf).flatten(1)
        order = sizes.argsort(1).argsort(1)
        back = order < (changed(change) / 2).ceil()[:, None] if i < HALVES else order == place[:, None]
        tried = torch.where(back.reshape(x.shape), x, found)
        with torch.no_grad():
            hits = (margins(module(tried), y) > enough) & best.radius.isfinite()
        found = torch.where(columns(hits, found), tried, found)
        place = place + ((i >= HALVES) & ~hits)
    return Smallest(found, torch.where(best.radius.isfinite(), changed(space.change(x, found)), torch.inf))
