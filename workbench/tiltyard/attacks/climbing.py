"""PGD: gradient steps from random points of the ball, of which the best of each row is kept. Madry et al. 2018 (arXiv:1706.06083),
in l1 with the steps of `sparse_ascent`.

In linf without relations or whole numbers the ball and the bounds are a box, where a step is a sign, a sum and a clamp in memory of its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..progress import Progress
from .norms import Norm, columns, drawn, length, project_within
from .perturbation_space import Attacked, PerturbationSpace, blocks, entropy, gradient_of, joined, judged, margins, numbers, slope
from .sparse_ascent import SparseAscent


def pgd(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    generator: torch.Generator,
    restarts: int = 1,
    origin: Tensor | None = None,
    progress: Progress | None = None,
) -> Attacked:
    """Projected gradient ascent from random points of the ball; of all points seen, the one with the largest margin.

    The step falls in a line from twice ``eps``: on the shipped digits models it finds more than the constant step of
    2.5 ``eps`` over the steps, most of all in l2 and l1.

    Parameters
    ----------
    x : float (n, *shape), the rows to start from; y : int64 (n,) true classes
    eps
        Radius in ranges, around ``origin`` (x where None; else rows that differ from x in one-hot groups only).
    steps, restarts
        Gradients asked for a row: their product. Every second restart climbs the margin instead of cross-entropy.
    generator
        Draws the starts.
    """
    origin = x if origin is None else origin
    parts = []
    for rows in blocks(x, module):
        share = progress.part(len(x[rows]) / len(x)) if progress else None
        one = x[rows]
        best = Attacked(one, torch.full((len(one),), -torch.inf, dtype=x.dtype), torch.ones(len(one), dtype=torch.bool))
        for restart in range(restarts):
            part = share.part(1 / restarts) if share else None
            start = drawn(one, norm, eps, generator, space.free)
            if restart == 0 and space.repair is not None and space.repair.limits is not None:
                start = torch.zeros_like(one)  # the first step then chooses what is paid for by gradient alone
            best = climb(module, y[rows], space, norm, eps, steps, origin[rows], start, best, restart % 2 == 1, part)
        parts.append(best)
    return joined(parts)


def climb(
    module: nn.Module,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    origin: Tensor,
    change: Tensor,
    best: Attacked,
    by_margin: bool,
    progress: Progress | None,
) -> Attacked:
    """``best``, or where they have a larger margin points of ``steps`` gradient steps; see `pgd`.

    Parameters
    ----------
    change : (n, *shape), where to start, in ranges from ``origin``; it may lie outside the bounds
    by_margin
        Climb the margin instead of cross-entropy.
    """
    if norm == "linf" and boxed(space, origin):
        return _climb_box(module, y, Box.around(origin, space, eps), eps, steps, change, best, by_margin, progress)
    return _climb_anywhere(module, y, space, norm, eps, steps, origin, change, best, by_margin, progress)


def boxed(space: PerturbationSpace, origin: Tensor) -> bool:
    """Are the valid rows within an linf eps of ``origin`` a box, each number free of the others?"""
    if space.plain:
        return space.grain == 0
    outside = (origin < space.low) | (origin > space.high)
    return space.repair is None and not bool(space.whole.any()) and not bool(outside.any())


@dataclass(frozen=True)
class Box:
    """The rows from ``low`` to ``high`` (n, *shape) around ``origin``; ``scale`` (*shape) is the range of each number, None where all are 1."""

    origin: Tensor
    low: Tensor
    high: Tensor
    scale: Tensor | None
    free: Tensor

    @staticmethod
    def around(origin: Tensor, space: PerturbationSpace, eps: float) -> "Box":
        """All valid rows within ``eps`` ranges of ``origin``."""
        low, high = space.room(origin)
        low, high = low.clamp_min_(-eps), high.clamp_max_(eps)
        if space.plain:
            return Box(origin, low.add_(origin), high.add_(origin), None, space.free)
        low, high = (
            torch.where(room == 0, origin, torch.clamp(origin + room * space.scale, space.low, space.high)) for room in (low, high)
        )
        return Box(origin, low, high, space.scale, space.free)


def _climb_box(
    module: nn.Module,
    y: Tensor,
    box: Box,
    eps: float,
    steps: int,
    change: Tensor,
    best: Attacked,
    by_margin: bool,
    progress: Progress | None,
) -> Attacked:
    scale, flat, margin = box.scale, best.flat, best.margin
    point = box.origin + (change if scale is None else change * scale)
    torch.clamp(point, box.low, box.high, out=point)
    found, sign = best.x.clone(), torch.empty_like(point)
    for i in range(steps):
        if progress:
            progress.step(i / steps, f"gradient {i + 1} of {steps}")
        gradient, there = _rise(module, point, y, by_margin)
        if bool(flat.any()):
            flat = flat & ((numbers(gradient, point) * box.free).flatten(1).abs().amax(1) == 0)
        gain = there > margin
        won, margin = gain.nonzero().squeeze(1), torch.where(gain, there, margin)
        spare = point
        if len(won) == len(gain):  # the best of every row: the next point takes the memory of the best before
            spare, found = found, point
        elif len(won):
            found.index_copy_(0, won, torch.index_select(point, 0, won, out=sign[: len(won)]))
        torch.sign(gradient, out=sign)  # 0 of what is no number
        if scale is not None:
            sign.mul_(scale)
        point = torch.add(point, sign, alpha=_rate(eps, i, steps), out=spare)
        torch.clamp(point, box.low, box.high, out=point)
    last = judged(module, point, y)
    margin = _kept(found, margin, last.x, last.margin)
    return Attacked(found, margin, flat)


def _rise(module: nn.Module, point: Tensor, y: Tensor, by_margin: bool) -> tuple[Tensor, Tensor]:
    """The gradient of the loss at these points, and their margins (n,)."""
    there = torch.empty(0)

    def loss(logits: Tensor) -> Tensor:
        nonlocal there
        margin = margins(logits if by_margin else logits.detach(), y)
        there = margin.detach()
        return margin if by_margin else entropy(logits, y, there)

    return gradient_of(module, point, loss)[0], there


def _rate(eps: float, i: int, steps: int) -> float:
    """The length of step ``i``: it falls in a line from twice ``eps``."""
    return 2 * eps * max(1 - i / steps, 0.5 / steps)


def _climb_anywhere(
    module: nn.Module,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    origin: Tensor,
    change: Tensor,
    best: Attacked,
    by_margin: bool,
    progress: Progress | None,
) -> Attacked:
    low, high = space.room(origin)
    if norm == "linf":
        low, high = low.clamp_min(-eps), high.clamp_max(eps)
    change = space.related(origin, project_within(change, norm, eps, low, high), None, eps)
    found, margin, flat = best.x.clone(), best.margin, best.flat
    ascent = SparseAscent(eps, steps, wide=space.repair is None) if norm == "l1" else None
    for i in range(steps):
        if progress:
            progress.step(i / steps, f"gradient {i + 1} of {steps}")
        point = space.moved(origin, change)
        gradient, logits = slope(module, point, y, by_margin, not space.plain)
        if ascent is None or ascent.inside(i):
            margin = _kept(found, margin, point, margins(logits, y))
        if not space.plain:
            gradient = (gradient * space.scale).mul_(space.free)
        if bool(flat.any()):
            flat = flat & (gradient.flatten(1).abs().amax(1) == 0)
        rate = _rate(eps, i, steps)
        if ascent is not None:
            change = space.related(origin, ascent.moved(i, gradient, change, low, high), gradient, eps)
        elif space.repair is None:
            change = _stepped(change, gradient, norm, eps, rate, low, high)
        else:
            change = _related_step(change, gradient, space, norm, eps, rate, low, high, origin)
    last = judged(module, space.moved(origin, change), y)
    margin = _kept(found, margin, last.x, last.margin)
    return Attacked(found, margin, flat)


def _kept(found: Tensor, margin: Tensor, point: Tensor, there: Tensor) -> Tensor:
    """Write the rows of ``point`` with a larger margin into ``found``; the larger margins."""
    gain = there > margin
    won = gain.nonzero().squeeze(1)
    if len(won):
        found.index_copy_(0, won, point.detach().index_select(0, won))
    return torch.where(gain, there, margin)


def _stepped(change: Tensor, gradient: Tensor, norm: Norm, eps: float, rate: float, low: Tensor, high: Tensor) -> Tensor:
    if norm == "linf":
        return torch.clamp(change.add_(gradient.sign(), alpha=rate), low, high, out=change)
    change = change + gradient * columns(rate / length(gradient, "l2").clamp_min(1e-30), gradient)
    return project_within(change, norm, eps, low, high)


def _related_step(
    change: Tensor,
    gradient: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    rate: float,
    low: Tensor,
    high: Tensor,
    origin: Tensor,
) -> Tensor:
    """A step that goes on from what the relations between columns left of it."""
    if norm == "linf":
        moved = torch.clamp(change + space.steered(gradient.sign() * rate, gradient, rate), low, high)
    else:
        moved = _stepped(change, gradient.clone(), norm, eps, rate, low, high)
    return space.related(origin, moved, gradient, eps)
