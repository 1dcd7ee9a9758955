"""Gradient attacks on tensors: FGSM and PGD within a norm ball, over rows that stay valid.

Everything is counted in ranges: a change of 1 in a column is that column's whole range. `PerturbationSpace` says which
columns may move, how far, and which hold whole numbers; one-hot groups stand still here and are moved by
`categorical_moves`. A number that a row lacks is NaN and stays so. Sources: Goodfellow et al. 2015 (arXiv:1412.6572), Madry et al. 2018 (arXiv:1706.06083),
Tramèr and Boneh 2019 (arXiv:1904.13000) for the sparse l1 step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..datasets.encoding import encoding_of
from ..datasets.feature import MISSING
from ..datasets.schema import Schema
from ..errors import Unavailable
from ..progress import Progress
from .no_gradient import NO_GRADIENT, explained
from .norms import Norm, columns, drawn, length, project_within, steepest
from .relaxing import relaxed, steered
from .repair import Repair
from .repairing import repaired

SPARSE = 0.05
SLACK = 1e-4
BLOCK, LEAST = 2**17, 8
SURE = -40.0


@dataclass(frozen=True)
class PerturbationSpace:
    """What an attacker may do to an encoded row.

    Attributes
    ----------
    scale : float (*shape)
        The range of each column in its own unit; 1 where the range is 0.
    low, high : float (*shape)
        The smallest and the largest value of each column.
    free : float (*shape)
        1 where a number may be moved: not in a one-hot group, mutable, and with a range.
    whole : bool (*shape)
        Columns that hold whole numbers.
    groups
        One-hot groups the attacker may change, as slices of the columns.
    plain
        All columns are free numbers from 0 to 1, as in images.
    closed
        Columns of groups that no change may lead to: ``(missing)`` where the attacker may not leave the field empty.
    optional
        Columns of numbers that the attacker may leave empty; that counts as a changed group.
    repair
        The relations between columns that every row keeps; None where the schema states none.
    down, up : float (*shape)
        1 where a free number may go down, and up; None where all may go both ways.
    """

    scale: Tensor
    low: Tensor
    high: Tensor
    free: Tensor
    whole: Tensor
    groups: tuple[slice, ...]
    plain: bool
    closed: tuple[int, ...] = ()
    optional: tuple[int, ...] = ()
    repair: Repair | None = None
    down: Tensor | None = None
    up: Tensor | None = None

    @staticmethod
    def of(schema: Schema, dtype: torch.dtype = torch.float32) -> "PerturbationSpace":
        """The space of a schema's encoded columns: its bounds, whole numbers, one-hot groups and columns that may not change."""
        encoding, features = encoding_of(schema), schema.features
        low, high = torch.from_numpy(encoding.low), torch.from_numpy(encoding.high)
        spread = high - low
        grouped = torch.from_numpy(encoding.spread({f.name: float(f.grouped or f.kind == "text") for f in features})) > 0
        whole = torch.from_numpy(encoding.spread({f.name: float(f.whole) for f in features})) > 0
        free = torch.from_numpy(encoding.mutable) & ~grouped & (spread > 0)
        repair = Repair.of(schema)
        free[list(repair.recomputed_columns if repair else ())] = False
        plain = bool(free.all()) and bool((low == 0).all()) and bool((spread == 1).all()) and not bool(whole.any())
        scale = torch.where(spread > 0, spread, 1.0)
        missing = {f.name: f.categories.index(MISSING) for f in features if MISSING in f.categories and not f.optional}
        oneway = any(f.direction != "any" for f in features)
        down, up = (
            (free & (torch.from_numpy(encoding.spread({f.name: float(f.direction != other) for f in features})) > 0)).to(dtype)
            for other in ("up", "down")
        )
        return PerturbationSpace(
            scale.to(dtype),
            low.to(dtype),
            high.to(dtype),
            free.to(dtype),
            whole,
            tuple(encoding.slices[f.name] for f in features if f.grouped and f.mutable and len(f.values) > 1),
            plain and repair is None and not oneway and not any(f.missing or f.optional for f in features),
            tuple(encoding.slices[name].start + place for name, place in missing.items()),
            tuple(encoding.slices[f.name].start for f in features if f.numeric and f.mutable and f.optional),
            repair,
            down if oneway else None,
            up if oneway else None,
        )

    def counting(self, norm: Norm, flips: int) -> "PerturbationSpace":
        """The same space, whose repaired rows are counted by this norm and may differ in so many parts."""
        return self if self.repair is None else replace(self, repair=replace(self.repair, norm=norm, flips=flips))

    @property
    def dimensions(self) -> int:
        """How many numbers may be moved."""
        return int(self.free.sum().item())

    @property
    def parts(self) -> tuple[slice, ...]:
        """What may be changed otherwise than by moving a number, as slices of the columns: the groups, then the optional numbers."""
        return (*self.groups, *(slice(column, column + 1) for column in self.optional))

    def largest(self, norm: Norm) -> float:
        """The eps that covers every change there is: 1, √d or d ranges."""
        d = float(self.dimensions)
        return {"linf": 1.0, "l2": math.sqrt(d), "l1": d}[norm]

    def room(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How far each coordinate of x may go down and up, in ranges; 0 where it may not move, or is no number."""
        where = (x - self.low) / self.scale
        down, up = (self.free, self.free) if self.down is None or self.up is None else (self.down, self.up)
        low, high = (-where).clamp_max(0.0) * down, (1 - where).clamp_min(0.0) * up
        return (low, high) if self.plain else (low.nan_to_num(nan=0.0), high.nan_to_num(nan=0.0))

    def moved(self, x: Tensor, change: Tensor) -> Tensor:
        """The valid row at ``change`` ranges from x; whole numbers are cut towards x, so never outside the ball."""
        if self.plain:
            return x + change
        step = change * self.scale
        if bool(self.whole.any()):
            step = torch.where(self.whole, (step + SLACK * step.sign()).trunc(), step)
        rows = torch.where(step == 0, x, torch.clamp(x + step, self.low, self.high))
        return rows if self.repair is None else repaired(self.repair, self, x, rows)

    def related(self, x: Tensor, change: Tensor, gradient: Tensor | None = None, eps: float | None = None) -> Tensor:
        """The change brought onto the relations between columns, whole numbers not looked at; see `relaxing.relaxed`."""
        return change if self.repair is None else relaxed(self.repair, self, x, change, gradient, eps)

    def steered(self, step: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """An linf step whose columns in sums go along their gradient; see `relaxing.steered`."""
        return step if self.repair is None else steered(self.repair, self, step, gradient, rate)

    def regrouped(self, origin: Tensor, rows: Tensor) -> Tensor:
        """Rows with other categories than ``origin`` as valid ones: what is implied follows, or the category goes back."""
        return rows if self.repair is None else repaired(self.repair, self, origin, rows, None, self.repair.flips)

    def change(self, x: Tensor, other: Tensor) -> Tensor:
        """The change from x to ``other`` in ranges, numbers only; 0 where either lacks one."""
        return ((other - x) / self.scale * self.free).nan_to_num(nan=0.0)


@dataclass(frozen=True)
class Attacked:
    """What an attack found for each row; every attack of this folder returns one.

    ``x`` are valid rows (n, *shape); ``margin`` (n,) is the best wrong logit less the true one there: above 0 the
    row is misclassified. ``flat`` (n,) marks rows whose gradient was zero wherever it was asked for.
    """

    x: Tensor
    margin: Tensor
    flat: Tensor

    @property
    def fooled(self) -> Tensor:
        """Bool (n,)."""
        return self.margin > 0


def margins(logits: Tensor, y: Tensor) -> Tensor:
    """The best wrong logit less the true one, (n,)."""
    true = logits.gather(1, y[:, None])
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(1) - true.squeeze(1)


def judged(module: nn.Module, x: Tensor, y: Tensor) -> Attacked:
    """The rows as they are, with their margins; one that the module answers with NaN fools nobody."""
    with torch.no_grad():
        margin = margins(module(x), y).nan_to_num(nan=-torch.inf)
        return Attacked(x, margin, torch.zeros(len(x), dtype=torch.bool))


def slope(module: nn.Module, x: Tensor, y: Tensor, by_margin: bool = False, holes: bool = True) -> tuple[Tensor, Tensor]:
    """Gradient of the loss (cross-entropy, or the margin) by x, 0 where x or the gradient is no number, and the logits; see `ascended`."""
    return ascended(module, x, lambda logits: margins(logits, y) if by_margin else _climbed(logits, y), holes)


def ascended(module: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor], holes: bool = True) -> tuple[Tensor, Tensor]:
    """Gradient by x (n, *shape) of the sum of ``loss`` of the logits, 0 where x or the gradient is no number, and the logits. Without ``holes`` no x lacks one.

    Raises
    ------
    Unavailable
        Where no logit depends on x by a derivative: a module that takes whole numbers as places in a table, as of words, one that
        computes without gradients, or whose layers overwrite what the gradient needs.
    """
    leaf = x.detach().requires_grad_()
    try:
        logits: Tensor = module(leaf.clone())  # not the leaf itself: a first layer may work in place
        if not logits.requires_grad:
            raise Unavailable(*NO_GRADIENT)
        (gradient,) = torch.autograd.grad(loss(logits).sum(), leaf, materialize_grads=True)
    except RuntimeError as error:
        raise explained(error) from error
    return _numbers(gradient, x if holes else None), logits.detach()


def _numbers(gradient: Tensor, x: Tensor | None) -> Tensor:
    """The gradient, 0 where it or x is no number; a sum that is one says that all are, at a fraction of the cost of asking each."""
    if x is not None and not bool(x.sum().isfinite()):
        gradient = gradient.masked_fill(x.isnan(), 0.0)
    return gradient if bool(gradient.sum().isfinite()) else gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _climbed(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy (n,); the margin of a row so surely right that float32 holds no gradient of it."""
    loss = nn.functional.cross_entropy(logits, y, reduction="none")
    if bool((loss == 0).any()):
        margin = margins(logits, y)
        loss = torch.where(margin < SURE, margin, loss)
    return loss


def fgsm(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float) -> Attacked:
    """One step of length ``eps`` in the steepest direction of the ball and the bounds.

    Parameters
    ----------
    x : float (n, *shape), valid rows; y : int64 (n,) true classes
    eps
        Radius in ranges.
    """
    low, high = space.room(x)
    gradient, _ = slope(module, x, y)
    gradient = gradient if space.plain else gradient * space.scale
    gradient = gradient * space.free
    change = space.related(x, steepest(gradient, norm, eps, low, high), gradient, eps)
    found = judged(module, space.moved(x, change), y)
    return Attacked(found.x, found.margin, length(gradient, "linf") == 0)


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
    for rows in blocks(x):
        share = progress.part(len(x[rows]) / len(x)) if progress else None
        one = x[rows]
        best = Attacked(one, torch.full((len(one),), -torch.inf, dtype=x.dtype), torch.ones(len(one), dtype=torch.bool))
        for restart in range(restarts):
            part = share.part(1 / restarts) if share else None
            start = drawn(one, norm, eps, generator, space.free)
            if restart == 0 and space.repair is not None and space.repair.limits is not None:
                start = torch.zeros_like(one)  # the first step then chooses what is paid for by gradient alone
            best = _climb(module, y[rows], space, norm, eps, steps, origin[rows], start, best, restart % 2 == 1, part)
        parts.append(best)
    return joined(parts)


def blocks(x: Tensor) -> list[slice]:
    """Slices of rows that fit the processor's cache, at least `LEAST`; from their size, not a clock: an equal seed gives an equal result."""
    size = max(LEAST, BLOCK // max(x[0].numel(), 1)) if len(x) else 1
    return [slice(start, start + size) for start in range(0, len(x), size)]


def joined(parts: list[Attacked]) -> Attacked:
    """Attacks on consecutive rows as one."""
    return Attacked(torch.cat([p.x for p in parts]), torch.cat([p.margin for p in parts]), torch.cat([p.flat for p in parts]))


def better(one: Attacked, other: Attacked) -> Attacked:
    """Row by row the attack with the larger margin."""
    keep = one.margin >= other.margin
    x = torch.where(columns(keep, one.x), one.x, other.x)
    return Attacked(x, torch.maximum(one.margin, other.margin), one.flat & other.flat)


def _climb(
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
    for i in range(steps):
        if progress:
            progress.step(i / steps, f"gradient {i + 1} of {steps}")
        point = space.moved(origin, change)
        gradient, logits = slope(module, point, y, by_margin, not space.plain)
        margin = _kept(found, margin, point, margins(logits, y))
        if not space.plain:
            gradient = (gradient * space.scale).mul_(space.free)
        if bool(flat.any()):
            flat = flat & (gradient.flatten(1).abs().amax(1) == 0)
        rate = 2 * eps * max(1 - i / steps, 0.5 / steps)
        if space.repair is None:
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
    if norm == "l2":
        change = change + gradient * columns(rate / length(gradient, "l2").clamp_min(1e-30), gradient)
    else:
        change = change + sparse(gradient, change, rate, low, high)
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


def sparse(gradient: Tensor, change: Tensor, rate: float, low: Tensor, high: Tensor) -> Tensor:
    """An l1 step of length ``rate`` shared by the steepest coordinates that can still move (5 %, at least one)."""
    can = torch.where(gradient > 0, change < high, change > low)
    size = torch.where(can, gradient.abs(), 0.0).flatten(1)
    count = max(1, int(SPARSE * size.shape[1]))
    chosen = size.topk(count, 1)
    share = rate / count * (chosen.values > 0)
    step = torch.zeros_like(size).scatter(1, chosen.indices, share).reshape(gradient.shape)
    return step * gradient.sign()
