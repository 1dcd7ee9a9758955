"""Norm balls on batches: lengths, projections, steepest directions and random points.

``change`` is float32 or float64 (n, *shape); a norm is taken over all of a row's coordinates. Radii are numbers
in the same unit, one for all rows or one a row. ``low`` and ``high`` (n, *shape) bound the change of each coordinate and hold zero between them.
"""

from typing import Literal

import torch
from torch import Tensor

Norm = Literal["linf", "l2", "l1"]
Radius = float | Tensor  # of all rows, or (n,)
BISECTIONS = 26
ROUNDS = 12
CLOSE = 1e-5  # of the radius: what is this near to the surface of a ball is on it
MOST_GROWTH = 1e4
TINY = 1e-30


def columns(per_row: Tensor, like: Tensor) -> Tensor:
    """A number per row, shaped to broadcast over ``like``."""
    return per_row.reshape(-1, *(1,) * (like.ndim - 1))


def each(radius: Radius, like: Tensor) -> Tensor:
    """The radius of every row of ``like``, (n,)."""
    return radius if isinstance(radius, Tensor) else torch.full((len(like),), radius, device=like.device, dtype=like.dtype)


def length(change: Tensor, norm: Norm) -> Tensor:
    """The norm of each row, (n,)."""
    flat = change.flatten(1)
    if norm == "linf":
        return flat.abs().amax(1)
    return flat.abs().sum(1) if norm == "l1" else flat.square().sum(1).sqrt()


def dual(gradient: Tensor, norm: Norm) -> Tensor:
    """The dual norm of each row, (n,): the most a linear function with this gradient gains in the unit ball."""
    against: dict[Norm, Norm] = {"linf": "l1", "l2": "l2", "l1": "linf"}
    return length(gradient, against[norm])


def project(change: Tensor, norm: Norm, radius: Radius) -> Tensor:
    """The nearest point of the ball around zero, a new tensor.

    For l1 by Duchi et al. (2008), "Efficient projections onto the l1-ball for learning in high dimensions".
    """
    radius = each(radius, change)
    if norm == "linf":
        return torch.clamp(change, -columns(radius, change), columns(radius, change))
    if norm == "l2":
        return change * columns((radius / length(change, "l2").clamp_min(TINY)).clamp_max(1.0), change)
    return change.sign() * (change.abs() - columns(_threshold(change.abs().flatten(1), radius), change)).clamp_min_(0.0)


def _threshold(sizes: Tensor, radius: Tensor) -> Tensor:
    """What to take off every size (n, d) so that they sum to ``radius``; 0 for rows inside the ball."""
    ordered = sizes.sort(1, descending=True).values
    over = ordered.cumsum(1) - radius[:, None]
    counts = torch.arange(1, sizes.shape[1] + 1, device=sizes.device, dtype=sizes.dtype)
    kept = (ordered * counts > over).sum(1, keepdim=True).clamp_min(1)
    return (over.gather(1, kept - 1) / kept).squeeze(1).clamp_min(0.0)


def project_within(change: Tensor, norm: Norm, radius: Radius, low: Tensor, high: Tensor) -> Tensor:
    """The nearest point that is in the ball and between ``low`` and ``high``, a new tensor.

    Exact for linf; for l1 and l2 the multiplier is found by bisection (see Croce and Hein 2021, arXiv:2103.01208,
    on why clipping after projecting wastes an l1 eps). Never outside the ball by more than rounding.
    """
    radius = each(radius, change)
    if norm == "linf":
        return torch.clamp(project(change, norm, radius), low, high)
    clipped = torch.clamp(change, low, high)
    outside = (length(clipped, norm) > radius).nonzero().squeeze(1)
    if len(outside):
        clipped[outside] = _shrunk(change[outside], norm, radius[outside], low[outside], high[outside])
    return clipped


def _shrunk(change: Tensor, norm: Norm, radius: Tensor, low: Tensor, high: Tensor) -> Tensor:
    least = torch.zeros(len(change), device=change.device, dtype=change.dtype)
    most = length(change, "linf") if norm == "l1" else length(change, "l2") / radius.clamp_min(TINY)
    sign, size = change.sign(), change.abs()
    for _ in range(BISECTIONS):
        middle = (least + most) / 2
        over = length(_at(change, sign, size, norm, middle, low, high), norm) > radius
        least, most = torch.where(over, middle, least), torch.where(over, most, middle)
    return _at(change, sign, size, norm, most, low, high)


def _at(change: Tensor, sign: Tensor, size: Tensor, norm: Norm, multiplier: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The minimizer of distance plus ``multiplier`` times the norm, coordinate by coordinate."""
    if norm == "l1":
        return torch.clamp(sign * (size - columns(multiplier, change)).clamp_min_(0.0), low, high)
    return torch.clamp(change / columns(1 + multiplier, change), low, high)


def scaled_within(change: Tensor, radius: float, low: Tensor, high: Tensor) -> Tensor:
    """As `project_within` in l2, to 1e-5 of the radius and some four times sooner: coordinates that are clipped stay, the others fill what these leave.

    Never outside the ball by more than rounding: a round of growth can only clip more than it reckoned with.
    """
    point = torch.clamp(change, low, high)
    factor = (radius / length(change, "l2").clamp_min(TINY)).masked_fill(length(point, "l2") <= radius, 1.0)
    for _ in range(ROUNDS):
        wanted = change * columns(factor, change)
        point = torch.clamp(wanted, low, high)
        square = point.flatten(1).square()
        whole, moving = square.sum(1), square.mul_((point == wanted).flatten(1)).sum(1)
        if bool(((whole >= (radius * (1 - CLOSE)) ** 2) | (factor == 1)).all()):
            break
        growth = ((radius**2 - whole + moving).clamp_min(0.0) / moving.clamp_min(TINY)).sqrt().clamp(1.0, MOST_GROWTH)
        factor = torch.where(factor == 1, factor, factor * growth)
    return point


def steepest(gradient: Tensor, norm: Norm, radius: float, low: Tensor, high: Tensor) -> Tensor:
    """The change in the ball and between ``low`` and ``high`` that gains most by ``gradient``; exact for a linear function."""
    if norm == "linf":
        return torch.where(gradient > 0, high.clamp_max(radius), torch.where(gradient < 0, low.clamp_min(-radius), 0.0))
    room = torch.where(gradient > 0, high, low)
    if norm == "l2":
        size = gradient * columns(1 / length(gradient, "l2").clamp_min(TINY), gradient)
        return _farthest(size, radius, low, high)
    room = torch.where(gradient == 0, 0.0, room).flatten(1)
    order = gradient.abs().flatten(1).argsort(1, descending=True)
    wanted = room.gather(1, order)
    before = wanted.abs().cumsum(1) - wanted.abs()
    used = wanted.sign() * torch.minimum(wanted.abs(), (radius - before).clamp_min(0.0))
    return torch.zeros_like(room).scatter(1, order, used).reshape(gradient.shape)


def _farthest(direction: Tensor, radius: float, low: Tensor, high: Tensor) -> Tensor:
    """As far along unit rows ``direction``, clipped coordinate by coordinate, as the l2 ball allows."""
    least = torch.full((len(direction),), radius, device=direction.device, dtype=direction.dtype)
    most = least * 1e4
    for _ in range(BISECTIONS * 2):
        middle = (least + most) / 2
        over = length(torch.clamp(direction * columns(middle, direction), low, high), "l2") > radius
        least, most = torch.where(over, least, middle), torch.where(over, middle, most)
    return torch.clamp(direction * columns(least, direction), low, high)


def drawn(like: Tensor, norm: Norm, radius: Radius, generator: torch.Generator, free: Tensor | None = None) -> Tensor:
    """A random point of the ball for every row: uniform over the ball of the ``free`` coordinates (all if None)."""
    mask = torch.ones_like(like[:1]) if free is None else free.expand_as(like[:1]).to(like.dtype)
    radius = each(radius, like)
    if norm == "linf":
        return torch.rand(like.shape, generator=generator, dtype=like.dtype).mul_(2).sub_(1).mul_(columns(radius, like)).mul_(mask)
    d = max(int(mask.sum().item()), 1)
    if norm == "l2":
        ray = torch.randn(like.shape, generator=generator, dtype=like.dtype) * mask
    else:
        ray = torch.rand(like.shape, generator=generator, dtype=like.dtype).clamp_min(1e-12).log() * mask
        ray *= torch.rand(like.shape, generator=generator).sub_(0.5).sign()
    share = torch.rand(len(like), generator=generator, dtype=like.dtype) ** (1 / d)
    return ray * columns(radius * share / length(ray, norm).clamp_min(TINY), like)
