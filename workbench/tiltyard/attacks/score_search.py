"""Attacks that only ask for scores: random search over squares of images and over columns of tables.

Square Attack: Andriushchenko, Croce, Flammarion and Hein 2020, arXiv:1912.00049. In linf as there, with stripes to start from, but a
square that would change nothing is turned, which spares a query; in l2 and l1 a patch is added and the change projected back into the
ball, which is simpler and weaker than the paper's l2 version. In tables the square is a random set of columns, and categories are drawn
at random.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..progress import Progress
from .categorical_moves import changed_groups
from .norms import Norm, Radius, columns, drawn, each, project_within
from .perturbation_space import Attacked, PerturbationSpace, judged
from .spending import thinned

HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
FIRST_SHARE = 0.8


def share(done: float) -> float:
    """Share of the coordinates to change, by the share of the queries ``done``; halves as in the paper."""
    return FIRST_SHARE / 2.0 ** sum(done > at for at in HALVED_AT)


def search(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: Radius,
    queries: int,
    generator: torch.Generator,
    flips: int = 0,
    progress: Progress | None = None,
    owner: Tensor | None = None,
    enough: float = 0.0,
    start: Tensor | None = None,
    shares: Callable[[float], float] = share,
) -> Attacked:
    """Change rows at random, keep what raises the margin, stop a row once it fools; only forward passes are made.

    Parameters
    ----------
    module
        From x to log-probabilities or logits; no gradient is asked for.
    eps
        Radius in ranges, one for all rows or one a row: rows at several sizes are asked in one batch.
    queries
        Forward passes a row may cost at most.
    owner : int64 (n,)
        Which rows of x are the same row at several sizes: once a smaller size fools it is asked no more at larger ones.
    enough
        The margin at which a row is left; above 0 where an answer may be another when it is asked anew.
    start : (n, *shape)
        The changes to go on from; stripes or a random point where None.
    shares
        The share of the coordinates to change, by the share of the queries done.
    """
    flips = min(flips, len(space.parts))
    eps = each(eps, x)
    low, high = space.room(x)
    change = project_within(first(x, space, norm, eps, generator) if start is None else start, norm, eps, low, high)
    change = space.related(x, thinned(space, x, change, generator))
    best = judged(module, x, y)
    now = judged(module, space.moved(x, change), y)
    started = now.margin > best.margin
    change = torch.where(columns(started, change), change, 0.0)
    found, margin = torch.where(columns(started, x), now.x, x), torch.maximum(now.margin, best.margin)
    for i in range(2, queries):
        left = unsettled(margin - enough, eps, owner).nonzero().squeeze(1)
        if len(left) == 0:
            break
        if progress:
            progress.step(i / queries, f"query {i} of {queries}, {len(left)} rows left")
        ends = low[left], high[left]
        step = proposed(change[left], x[left], ends, space, norm, eps[left], shares(i / queries), generator)
        step = thinned(space, x[left], project_within(step, norm, eps[left], *ends), generator)
        step = space.related(x[left], step)
        candidate = space.moved(x[left], step)
        if flips:
            candidate = flipped(candidate, found[left], x[left], space, flips, generator)
        tried = judged(module, candidate, y[left])
        won = tried.margin > margin[left]
        rows = left[won]
        found[rows], change[rows], margin[rows] = candidate[won], step[won], tried.margin[won]
    return Attacked(found, margin, torch.zeros(len(x), dtype=torch.bool))


def unsettled(margin: Tensor, eps: Tensor, owner: Tensor | None) -> Tensor:
    """Bool (n,): rows that do not fool, nor do at a smaller size."""
    open_ones = margin <= 0
    if owner is None:
        return open_ones
    least = torch.full((int(owner.max()) + 1,), torch.inf, dtype=eps.dtype)
    least.scatter_reduce_(0, owner[~open_ones], eps[~open_ones], "amin")
    return open_ones & (eps < least[owner])


def first(x: Tensor, space: PerturbationSpace, norm: Norm, eps: Tensor, generator: torch.Generator) -> Tensor:
    """Where to start: vertical stripes of plus and minus ``eps`` for images in linf, else a random point of the ball."""
    if norm == "linf" and x.ndim == 4:
        stripes = (torch.randint(0, 2, (len(x), x.shape[1], 1, x.shape[3]), generator=generator) * 2 - 1).to(x.dtype)
        return stripes.expand_as(x) * columns(eps, x) * space.free
    return drawn(x, norm, eps, generator, space.free)


def proposed(
    change: Tensor,
    x: Tensor,
    ends: tuple[Tensor, Tensor],
    space: PerturbationSpace,
    norm: Norm,
    eps: Tensor,
    part: float,
    generator: torch.Generator,
) -> Tensor:
    """The change with a random square (images) or random columns (tables) set anew; in linf turned where it would be the same again.

    In gray pictures half of all squares would be: a query each that tells nothing. ``ends`` are how far each coordinate may go down and up.
    """
    where = squares(x, part, generator) if x.ndim == 4 else chosen(x, space, part, generator)
    size = (len(x), x.shape[1], 1, 1) if x.ndim == 4 else x.shape
    signs = (torch.randint(0, 2, size, generator=generator) * 2 - 1).to(x.dtype)
    if norm == "linf":
        new = torch.where(where, signs * columns(eps, x), change) * space.free
        still = (torch.clamp(new, *ends) == change).flatten(1).all(1)
        return torch.where(columns(still, x) & where, -signs * columns(eps, x) * space.free, new)
    counted = (where.flatten(1).sum(1) * (x.shape[1] if x.ndim == 4 else 1)).clamp_min(1).to(x.dtype)
    patch = eps / (counted.sqrt() if norm == "l2" else counted)
    return (change + torch.where(where, signs * columns(patch, x), 0.0)) * space.free


def squares(x: Tensor, part: float, generator: torch.Generator) -> Tensor:
    """One random square a row that covers ``part`` of the image, bool (n, 1, h, w)."""
    n, _, h, w = x.shape
    side = max(1, min(round((part * h * w) ** 0.5), h, w))
    top = torch.randint(0, h - side + 1, (n, 1, 1, 1), generator=generator)
    left = torch.randint(0, w - side + 1, (n, 1, 1, 1), generator=generator)
    down, right = torch.arange(h).reshape(1, 1, h, 1), torch.arange(w).reshape(1, 1, 1, w)
    inside: Tensor = (down >= top) & (down < top + side) & (right >= left) & (right < left + side)
    return inside


def chosen(x: Tensor, space: PerturbationSpace, part: float, generator: torch.Generator) -> Tensor:
    """Random free columns, about ``part`` of them and at least one, bool (n, d)."""
    draws = torch.rand(x.shape, generator=generator).masked_fill(space.free == 0, 2.0)
    where: Tensor = (draws < part) | (draws == draws.amin(1, keepdim=True)) & (space.free > 0)
    return where


def flipped(candidate: Tensor, held: Tensor, origin: Tensor, space: PerturbationSpace, flips: int, generator: torch.Generator) -> Tensor:
    """The groups of ``held`` put into ``candidate``; in half of the rows one part is drawn anew, never more than ``flips`` changed."""
    moved = candidate.clone()
    n = len(moved)
    pick = torch.randint(0, len(space.parts), (n,), generator=generator)
    anew = torch.rand(n, generator=generator) < 0.5
    changed = changed_groups(held, origin, space)
    room = changed.sum(1) < flips
    for i, part in enumerate(space.parts):
        number = i >= len(space.groups)
        moved[:, part] = torch.where(held[:, part].isnan(), torch.nan, moved[:, part]) if number else held[:, part]
        other = changed[:, i]
        mine = anew & (pick == i) & (room | other)
        if number:
            moved[mine, part] = torch.where(other[mine, None], candidate[mine, part], torch.nan)
        else:
            moved[mine, part] = _category(part, int(mine.sum()), space, generator).to(moved.dtype)
        back = anew & (pick != i) & other & ~room & (torch.rand(n, generator=generator) < 0.5)
        moved[back, part] = origin[back, part]
    return space.regrouped(origin, moved)


def _category(group: slice, n: int, space: PerturbationSpace, generator: torch.Generator) -> Tensor:
    """One-hot rows (n, width) of categories drawn from those that a change may lead to."""
    width = group.stop - group.start
    open_ones = torch.tensor([i for i in range(width) if group.start + i not in space.closed])
    drawn_ones = open_ones[torch.randint(0, len(open_ones), (n,), generator=generator)]
    return nn.functional.one_hot(drawn_ones, width)
