"""What an attacker may do to rows that stay valid, gradients by them, and FGSM within a norm ball; PGD is in `climbing`.

Everything is counted in ranges: a change of 1 in a column is that column's whole range. `PerturbationSpace` says which
columns may move, how far, and which hold whole numbers; one-hot groups stand still here and are moved by
`categorical_moves`. A number that a row lacks is NaN and stays so. Sources: Goodfellow et al. 2015 (arXiv:1412.6572).
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
from ..targets.target import uncounted
from .no_gradient import NO_GRADIENT, explained
from .norms import Norm, columns, length, steepest
from .relaxing import relaxed, steered
from .repair import Repair
from .repairing import repaired

SLACK = 1e-4
BLOCK, LEAST, WIDE = 2**17, 4, 512
SURE = -40.0
OVERWRITES = "leaf Variable that requires grad"  # what torch says where a layer writes into the rows themselves


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
    grain
        The step between the values that a model takes, in ranges: 1/255 of images as bytes; 0 where it takes every number.
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
    grain: float = 0.0

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

    def grained(self, grain: float) -> "PerturbationSpace":
        """The same space of a model that takes no values but those ``grain`` apart, in ranges; see `Target.grain`."""
        return replace(self, grain=grain) if grain else self

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
        """How far each coordinate of x may go down and up, in ranges; 0 where it may not move, or is no number. New tensors."""
        if self.plain:
            return (self.low - x).clamp_max_(0.0), (self.high - x).clamp_min_(0.0)
        where = (x - self.low) / self.scale
        down, up = (self.free, self.free) if self.down is None or self.up is None else (self.down, self.up)
        low, high = (-where).clamp_max(0.0) * down, (1 - where).clamp_min(0.0) * up
        return low.nan_to_num(nan=0.0), high.nan_to_num(nan=0.0)

    def moved(self, x: Tensor, change: Tensor) -> Tensor:
        """The valid row at ``change`` ranges from x; whole numbers and bytes are cut towards x, so never outside the ball."""
        if self.plain:
            return x + change if self.grain == 0 else self._grained(x, change)
        step = change * self.scale
        if bool(self.whole.any()):
            step = torch.where(self.whole, (step + SLACK * step.sign()).trunc(), step)
        rows = torch.where(step == 0, x, torch.clamp(x + step, self.low, self.high))
        return rows if self.repair is None else repaired(self.repair, self, x, rows)

    def _grained(self, x: Tensor, change: Tensor) -> Tensor:
        """The row of values that the model takes, between x and the change from it: what it would round could leave the ball."""
        steps = round(1 / self.grain)
        moved: Tensor = ((x * steps).round() + (change * steps + SLACK * change.sign()).trunc()).clamp(0, steps) / steps
        return moved

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
    return ascended(module, x, lambda logits: margins(logits, y) if by_margin else entropy(logits, y, margins(logits.detach(), y)), holes)


def ascended(module: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor], holes: bool = True) -> tuple[Tensor, Tensor]:
    """Gradient by x (n, *shape) of the sum of ``loss`` of the logits, 0 where x or the gradient is no number, and the logits. Without ``holes`` no x lacks one.

    Raises
    ------
    Unavailable
        Where no logit depends on x by a derivative: a module that takes whole numbers as places in a table, as of words, one that
        computes without gradients, or whose layers overwrite what the gradient needs.
    """
    gradient, logits = gradient_of(module, x, loss)
    return numbers(gradient, x if holes else None), logits


def gradient_of(module: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """As `ascended`, with what is no number left in the gradient."""
    leaf = x.detach().requires_grad_()
    try:
        logits = _answered(module, leaf)
        if not logits.requires_grad:
            raise Unavailable(*NO_GRADIENT)
        (gradient,) = torch.autograd.grad(loss(logits).sum(), leaf, materialize_grads=True)
    except RuntimeError as error:
        raise explained(error) from error
    return gradient, logits.detach()


def _answered(module: nn.Module, leaf: Tensor) -> Tensor:
    """The module's answer to the rows themselves, or to a copy where its first layer works in place."""
    out: Tensor
    try:
        out = module(leaf)
    except RuntimeError as error:
        if OVERWRITES not in str(error):
            raise
        with uncounted():  # the rows were counted
            out = module(leaf.clone())
    return out


def numbers(gradient: Tensor, x: Tensor | None) -> Tensor:
    """The gradient, 0 where it or x is no number; a sum that is one says that all are, at a fraction of the cost of asking each."""
    if x is not None and not bool(x.sum().isfinite()):
        gradient = gradient.masked_fill(x.isnan(), 0.0)
    return gradient if bool(gradient.sum().isfinite()) else gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def entropy(logits: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    """Cross-entropy (n,); the margin of a row so surely right that float32 holds no gradient of it. ``margin`` (n,) is that of ``logits``."""
    loss = nn.functional.cross_entropy(logits, y, reduction="none")
    sure = margin < SURE
    return torch.where(sure, margins(logits, y), loss) if bool(sure.any()) else loss


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


def blocks(x: Tensor, module: nn.Module | None = None) -> list[slice]:
    """Slices of rows that fit the processor's cache, at least `LEAST`; from their size, not a clock: an equal seed gives an equal result.

    What a ``module`` without convolutions makes of a row is hardly larger than the row, so that it gets `WIDE` rows where these are not large.
    """
    numbers = max(x[0].numel(), 1) if len(x) else 1
    flat = module is not None and all(weight.ndim <= 2 for weight in module.parameters())
    size = max(LEAST, BLOCK // numbers, min(WIDE, 4 * BLOCK // numbers) if flat else 0)
    return [slice(start, start + size) for start in range(0, len(x), size)]


def joined(parts: list[Attacked]) -> Attacked:
    """Attacks on consecutive rows as one."""
    return Attacked(torch.cat([p.x for p in parts]), torch.cat([p.margin for p in parts]), torch.cat([p.flat for p in parts]))


def better(one: Attacked, other: Attacked) -> Attacked:
    """Row by row the attack with the larger margin."""
    keep = one.margin >= other.margin
    x = torch.where(columns(keep, one.x), one.x, other.x)
    return Attacked(x, torch.maximum(one.margin, other.margin), one.flat & other.flat)
