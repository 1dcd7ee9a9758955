"""Attacks on tables: numbers by projected gradients, categories by flips chosen by gradient and tried for real.

A flip moves the 1 of one one-hot group, or leaves a number empty where the schema says that an attacker may. Candidates are ranked
by the first-order gain (Ebrahimi et al. 2018, "HotFlip", arXiv:1712.06751) and the best few are put to the model; only the model's
answer on a valid row counts.
"""

import torch
from torch import Tensor, nn

from ..progress import Progress, check_present
from .climbing import pgd
from .norms import Norm
from .perturbation_space import Attacked, PerturbationSpace, better, blocks, fgsm, joined, judged, margins, slope
from .spending import spent

TRIES = 8


def attack(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    generator: torch.Generator,
    restarts: int = 1,
    flips: int = 0,
    progress: Progress | None = None,
) -> Attacked:
    """PGD on the numbers and, where that does not fool the model, up to ``flips`` changed categories with PGD after each.

    With ``flips=0``, or where no group may change, it is `climbing.pgd`. Parameters as there.
    """
    flips = min(flips, len(space.parts))
    progress = progress or Progress()
    best = _numbers(module, x, x, y, space, norm, eps, steps, generator, restarts, progress.part(1 / (flips + 1)))
    for _ in range(flips):
        part = progress.part(1 / (flips + 1))
        rows = (~best.fooled).nonzero().squeeze(1)
        if len(rows) == 0:
            break
        now, was, wanted = best.x[rows], x[rows], y[rows]
        moved = flip(module, now, was, wanted, space)
        base = regrouped(was, moved.x, space)
        again = _after_flip(module, was, base, wanted, space, norm, eps, steps, generator, restarts, part)
        won = better(Attacked(now, best.margin[rows], best.flat[rows]), better(moved, again))
        best = _written(best, rows, won)
    return best


def single_step(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    flips: int = 0,
    progress: Progress | None = None,
) -> Attacked:
    """FGSM, and where that does not fool the model up to ``flips`` changed categories with FGSM after each."""
    parts = []
    for rows in blocks(x):
        if progress:
            progress.step(rows.start / len(x), "gradient step")
        parts.append(_single_step(module, x[rows], y[rows], space, norm, eps, min(flips, len(space.parts))))
    return joined(parts)


def _single_step(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float, flips: int) -> Attacked:
    best = fgsm(module, x, y, space, norm, eps) if eps > 0 and space.dimensions else judged(module, x, y)
    base = x
    for _ in range(flips):
        flipped = flip(module, base, x, y, space)
        base = flipped.x
        again = flipped
        if eps > 0 and space.dimensions:
            for rows, left in spent(space, x, base):
                again = _written(again, rows, fgsm(module, base[rows], y[rows], left, norm, eps))
        best = better(best, better(flipped, again))
    return best


def _numbers(
    module: nn.Module,
    x: Tensor,
    origin: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    generator: torch.Generator,
    restarts: int,
    progress: Progress,
) -> Attacked:
    if eps == 0 or space.dimensions == 0:
        return judged(module, x, y)
    return pgd(module, x, y, space, norm, eps, steps, generator, restarts, origin, progress)


def _after_flip(
    module: nn.Module,
    was: Tensor,
    base: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: float,
    steps: int,
    generator: torch.Generator,
    restarts: int,
    progress: Progress,
) -> Attacked:
    """PGD on the numbers of rows whose categories became ``base``, with what that left of the limits."""
    parts = spent(space, was, base)
    if len(parts) == 1:
        return _numbers(module, base, base, y, parts[0][1], norm, eps, steps, generator, restarts, progress)
    found = judged(module, base, y)
    for rows, left in parts:
        part, share = base[rows], progress.part(len(rows) / len(base))
        found = _written(found, rows, _numbers(module, part, part, y[rows], left, norm, eps, steps, generator, restarts, share))
    return found


def _written(best: Attacked, rows: Tensor, part: Attacked) -> Attacked:
    """``best`` with its ``rows`` replaced by ``part``."""
    x, margin, flat = best.x.clone(), best.margin.clone(), best.flat.clone()
    x[rows], margin[rows], flat[rows] = part.x, part.margin, part.flat
    return Attacked(x, margin, flat)


def regrouped(numbers: Tensor, groups: Tensor, space: PerturbationSpace) -> Tensor:
    """Rows with the one-hot groups and the empty numbers of ``groups`` and all else of ``numbers``."""
    mixed = numbers.clone()
    for group in space.groups:
        mixed[:, group] = groups[:, group]
    for column in space.optional:
        mixed[:, column] = torch.where(groups[:, column].isnan(), torch.nan, mixed[:, column])
    return mixed


def differing(one: Tensor, other: Tensor) -> Tensor:
    """Where two tensors of rows differ, bool of their shape; NaN is equal to NaN."""
    return (one != other) & ~(one.isnan() & other.isnan())


def changed_groups(x: Tensor, origin: Tensor, space: PerturbationSpace) -> Tensor:
    """Which of the space's parts differ between two sets of rows, bool (n, parts): another category, or a number left empty."""
    groups = [(x[:, group] != origin[:, group]).any(1) for group in space.groups]
    return torch.stack([*groups, *(x[:, column].isnan() != origin[:, column].isnan() for column in space.optional)], 1)


def flip_gains(gradient: Tensor, x: Tensor, origin: Tensor, space: PerturbationSpace) -> Tensor:
    """First-order gain of setting each column of a group not changed yet, (n, d); -inf where that is no flip.

    No derivative says what an empty number gains: it is inf at the column of one that may be emptied, so that it is tried.
    """
    gains = torch.full_like(gradient, -torch.inf)
    if not space.parts:
        return gains
    done = changed_groups(x, origin, space)
    for i, group in enumerate(space.groups):
        held = (gradient[:, group] * x[:, group]).sum(1, keepdim=True)
        gain = (gradient[:, group] - held).masked_fill(x[:, group] > 0, -torch.inf)
        gains[:, group] = gain.masked_fill(done[:, i : i + 1], -torch.inf)
    gains[:, list(space.closed)] = -torch.inf
    for i, column in enumerate(space.optional, len(space.groups)):
        gains[:, column] = torch.where(done[:, i] | x[:, column].isnan(), -torch.inf, torch.inf)
    return gains


def set_columns(x: Tensor, picked: Tensor, space: PerturbationSpace) -> Tensor:
    """Rows with the 1 of one group moved to column ``picked`` (n,), or the number there left empty."""
    moved = x.clone()
    value = torch.ones_like(x[:, :1])
    for group in space.groups:
        mine = (picked >= group.start) & (picked < group.stop)
        moved[mine, group] = 0.0
    for column in space.optional:
        value[picked == column] = torch.nan
    return moved.scatter(1, picked[:, None], value)


def flip(module: nn.Module, x: Tensor, origin: Tensor, y: Tensor, space: PerturbationSpace, tries: int = TRIES) -> Attacked:
    """The best of the ``tries`` most promising single flips of each row, as the model itself judges them."""
    parts = []
    for rows in blocks(x):
        check_present()  # many rows take as long as a pass of steps
        parts.append(_flip(module, x[rows], origin[rows], y[rows], space, tries))
    return joined(parts)


def _flip(module: nn.Module, x: Tensor, origin: Tensor, y: Tensor, space: PerturbationSpace, tries: int) -> Attacked:
    gradient, logits = slope(module, x, y)
    gains = flip_gains(gradient, x, origin, space)
    flat = gradient.abs().amax(1) == 0
    best = Attacked(x, margins(logits, y), flat)
    for candidate in gains.topk(min(tries + len(space.optional), gains.shape[1]), 1).indices.T:
        possible = gains.gather(1, candidate[:, None]).squeeze(1) > -torch.inf
        tried = judged(module, space.regrouped(origin, set_columns(x, candidate, space)), y)
        margin = torch.where(possible, tried.margin, -torch.inf)
        best = better(best, Attacked(tried.x, margin, flat))
    return best


def first_flip(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, flips: int) -> Tensor:
    """Rows with the ``flips`` steepest flips made untried, for training batches."""
    now = x
    for _ in range(min(flips, len(space.parts))):
        gradient, _ = slope(module, now, y)
        every = flip_gains(gradient, now, x, space)
        every[:, list(space.optional)] = -torch.inf  # what an empty number does is not known untried
        gains, picked = every.max(1)
        now = torch.where((gains > 0)[:, None], space.regrouped(x, set_columns(now, picked, space)), now)
    return now


def pruned(module: nn.Module, found: Attacked, origin: Tensor, y: Tensor, features: tuple[slice, ...]) -> Attacked:
    """Put back every feature whose change was not needed: tried one after the other, kept if the row still fools."""
    best = found
    for part in features:
        check_present()
        rows = (best.fooled & differing(best.x[:, part], origin[:, part]).any(1)).nonzero().squeeze(1)
        if len(rows) == 0:
            continue
        x = best.x[rows].clone()
        x[:, part] = origin[rows, part]
        tried = judged(module, x, y[rows])
        still = tried.fooled
        best = _written(best, rows[still], Attacked(x[still], tried.margin[still], best.flat[rows][still]))
    return best
