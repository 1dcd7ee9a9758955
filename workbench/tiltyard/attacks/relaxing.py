"""Changes brought onto sums and onto columns of which one may be above zero, before whole numbers are looked at."""

import torch
from torch import Tensor

from .norms import columns, length
from .repair import Repair, Space

SWEEPS = 12
NEAR_ZERO = 1e-5  # ranges: so near, a column that is to be zero is zero
FINE = 1e-9


def steered(repair: Repair, space: Space, step: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """An linf step whose columns in sums go along their gradient, freed of what leaves equal sums: signs alone can stand still there."""
    if not repair.summed or repair.norm != "linf":
        return step
    places = list(repair.summed)
    part, free = gradient[:, places].double(), space.free[places].double()
    if len(rows := repair.equal_rows * space.scale[places].double() * free):
        part = part - (part @ rows.T) @ torch.linalg.pinv(rows @ rows.T) @ rows
    moved = step.clone()
    moved[:, places] = (rate * part / part.abs().amax(1, keepdim=True).clamp_min(1e-30)).to(step.dtype)
    return moved


def relaxed(
    repair: Repair, space: Space, origin: Tensor, change: Tensor, gradient: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The change (n, *shape) in ranges brought onto sums and columns of which one may be above zero; whole numbers are not looked at.

    Parameters
    ----------
    gradient
        What a change gains, in ranges: of columns of which one may be above zero it says which. None: the farthest moved one.
    eps
        How large the change may become in the norm; None: as large as it is.
    """
    limits = repair.limits
    if limits is not None:
        worth = None if gradient is None else limits.by_feature((gradient * change).clamp_min(0.0))
        _, change = limits.kept(space, origin, origin, change, worth)
    for group in repair.exclusive:
        change = _one_kept(repair, space, origin, change, group, gradient, eps)
    if not repair.summed:
        return change
    places = list(repair.summed)
    scale = space.scale[places].double()
    factors = repair.factors * scale * space.free[places].double()
    slack = (repair.bounds - origin[:, places].double().nan_to_num(0.0) @ repair.factors.T).clamp_min(0.0)
    fine = FINE * factors.abs().sum(1)
    rows = ((change[:, places].double() @ factors.T - slack) > fine).any(1).nonzero().squeeze(1)
    if len(rows) == 0:
        return change
    was, slack = change[rows][:, places].double(), slack[rows]
    low, high = (room[:, places].double() for room in space.room(origin[rows]))
    if limits is not None:  # what is not changed yet stays so
        low, high = (torch.where(was == 0, 0.0, room) for room in (low, high))
    if repair.norm == "linf":
        most = length(change[rows], "linf").double() if eps is None else torch.full((len(rows),), eps, dtype=torch.float64)
        low, high = torch.maximum(low, -most[:, None]), torch.minimum(high, most[:, None])
    now = _shrunk(_projected(was, factors, slack, low, high), factors, slack)
    moved = change.clone()
    moved[rows[:, None], torch.tensor(places)] = now.to(change.dtype)
    if repair.norm != "linf":
        most = length(change[rows], repair.norm) if eps is None else torch.full((len(rows),), eps, dtype=change.dtype)
        grown = rows[length(moved[rows], repair.norm) > most * (1 + 1e-6)]
        back = _shrunk(
            change[grown][:, places].double(),
            factors,
            (repair.bounds - origin[grown][:, places].double().nan_to_num(0.0) @ repair.factors.T).clamp_min(0.0),
        )
        moved[grown[:, None], torch.tensor(places)] = back.to(change.dtype)
    return moved if limits is None else limits.shrunk(space, moved)


def _projected(change: Tensor, factors: Tensor, slack: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The nearest point, nearly, between ``low`` and ``high`` at which ``factors`` (m, k) times it is at most ``slack`` (n, m)."""
    squares = factors.square().sum(1).clamp_min(1e-30)
    corrections = [torch.zeros_like(change) for _ in range(len(factors) + 1)]
    for _ in range(SWEEPS):
        for i, (row, square) in enumerate(zip(factors, squares, strict=True)):
            free = change + corrections[i]
            over = ((free @ row - slack[:, i]) / square).clamp_min(0.0)
            change = free - over[:, None] * row
            corrections[i] = free - change
        free = change + corrections[-1]
        change = torch.minimum(torch.maximum(free, low), high)
        corrections[-1] = free - change
    return change


def _shrunk(change: Tensor, factors: Tensor, slack: Tensor) -> Tensor:
    """The change with the coordinates that break an inequality brought nearer to 0 until none does; 0 breaks none."""
    for _ in range(2 * len(factors) + 1):
        clean = True
        for i, row in enumerate(factors):
            terms = change * row
            excess = (terms.sum(1) - slack[:, i]).clamp_min(0.0)
            if bool((excess > 0).any()):
                clean = False
                gains = terms.clamp_min(0.0)
                change = change * (1 - (excess / gains.sum(1).clamp_min(1e-300)).clamp_max(1.0)[:, None] * (gains > 0))
        if clean:
            return change
    fine = FINE * factors.abs().sum(1)
    left = ((change @ factors.T - slack) > fine).any(1)
    return torch.where(left[:, None], 0.0, change)


def _one_kept(
    repair: Repair,
    space: Space,
    origin: Tensor,
    change: Tensor,
    group: tuple[int, ...],
    gradient: Tensor | None,
    eps: float | None,
) -> Tensor:
    """Of the columns ``group`` one stays above zero: where it may be chosen, the one that gains most."""
    places = list(group)
    value = origin[:, places] + change[:, places] * space.scale[places]
    rows = ((value > 0).sum(1) > 1).nonzero().squeeze(1)
    if len(rows) == 0:
        return change
    was, at = origin[rows], change[rows]
    most = length(at, repair.norm) if eps is None else torch.full((len(rows),), eps, dtype=at.dtype)
    low, _ = space.room(was)
    best, gained = torch.zeros_like(at), torch.full((len(rows),), -torch.inf, dtype=at.dtype)
    for kept in places:
        trial = at.clone()
        allowed = torch.ones(len(rows), dtype=torch.bool)
        for other in places:
            if other != kept:
                down = torch.where(was[:, other] > 0, -was[:, other] / space.scale[other], at[:, other].clamp_max(0.0))
                allowed &= down >= low[:, other] - NEAR_ZERO
                trial[:, other] = down
        allowed &= length(trial, repair.norm) <= most * (1 + 1e-6) + 1e-9
        gain = at[:, kept].abs() if gradient is None else (gradient[rows] * trial).flatten(1).sum(1)
        gain = gain.masked_fill(~allowed, -torch.inf)
        better = gain > gained
        best, gained = torch.where(columns(better, best), trial, best), torch.where(better, gain, gained)
    moved = change.clone()
    moved[rows] = best
    return moved
