"""Attacks that see labels only: walking along the boundary between classes towards the row it started from.

HopSkipJump: Chen, Jordan and Wainwright 2020, arXiv:1904.02144. Departures: the walk starts from other rows of the data
before it tries random ones; what earlier steps learned of the boundary's direction counts on, each time by half, and a first step asks
60 points, not 100; the error of a binary search is at most a hundredth of the distance over √d, which in few
dimensions is finer than the paper's; in tables one-hot groups stand still while the numbers walk, and the groups
are drawn at random, first and between the steps. Everything is counted in ranges, see `PerturbationSpace`.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..progress import Progress
from .expectation import settled
from .norms import Norm, columns, length
from .perturbation_space import PerturbationSpace, margins
from .score_search import flipped

FIRST, FIRST_DRAWING = 60, 100  # answers of a first step, and of a model that draws
REMEMBERED = 0.5  # of what earlier steps learned of a direction; of a model that draws nothing, whose walks it misleads
HALVINGS = 12
POINTS = 2**21
FEWEST = 8
START = 0.1
REGROUPS = 15
PART = 0.8


class Asked:
    """Asks the target whether points are misclassified, and counts how many answers each row may still have.

    Parameters
    ----------
    module
        From x to anything whose largest column is the label.
    y : int64 (n,)
        The labels to get away from.
    allowed
        Answers for each row; never more are asked for.
    enough
        By how much another column must be larger than the label's; above 0 where the columns are shares of several answers.
    """

    def __init__(self, module: nn.Module, y: Tensor, allowed: int, enough: float = 0.0) -> None:
        self.module, self.y, self.enough = module, y, enough
        self.left = torch.full((len(y),), allowed)

    @property
    def draws(self) -> bool:
        """Is an answer a share of several?"""
        return self.enough > 0

    def __call__(self, rows: Tensor, points: Tensor) -> Tensor:
        """Bool (m,) for points (m, *shape) that belong to ``rows`` (m,), which may repeat.

        Raises
        ------
        ValueError
            Where a row has fewer answers left; nothing is asked then.
        """
        after = self.left - torch.bincount(rows, minlength=len(self.left))
        if bool((after < 0).any()):
            raise ValueError("a row was asked about more often than its querybudget allows")
        self.left = after
        with torch.no_grad():
            wrong: Tensor = margins(self.module(points), self.y[rows]) > self.enough
        return wrong


@dataclass
class Walk:
    """The state of a walk, row by row.

    ``base`` (n, *shape) is the row with its groups as they are walked with; ``change`` (n, *shape) the change of its
    numbers in ranges, misclassified where ``size`` (n,), its norm, is finite; ``size`` 0 needs no change of a number.
    ``learned`` (n, *shape) is the sum that a direction is made of, with those of earlier steps.
    """

    base: Tensor
    change: Tensor
    size: Tensor
    learned: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.learned = torch.zeros_like(self.change)

    @property
    def found(self) -> Tensor:
        """Bool (n,)."""
        return self.size.isfinite()

    def copy(self) -> "Walk":
        """As it is now; a walk goes through detours, and its nearest point is kept."""
        return Walk(self.base.clone(), self.change.clone(), self.size.clone())

    def take(self, other: "Walk") -> None:
        """Take over the rows of ``other`` that are nearer."""
        nearer = other.size < self.size
        self.base[nearer], self.change[nearer], self.size[nearer] = other.base[nearer], other.change[nearer], other.size[nearer]


def search(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    others: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    queries: int,
    generator: torch.Generator,
    flips: int = 0,
    progress: Progress | None = None,
    given: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The nearest misclassified valid row to each of x that could be found, and how far its numbers moved.

    Parameters
    ----------
    module
        From x to labels as one-hot rows (or scores, of which only the largest counts).
    others : (m, *shape)
        Rows to start from, best of other classes.
    norm
        ``"l2"`` or ``"linf"``.
    queries
        Answers each row may cost, never exceeded.
    given : int64 (m,)
        What the module answers on ``others``: a row starts from those that are answered otherwise than it. None: from any.

    Returns
    -------
    Rows (n, *shape), x itself where none was found, and sizes (n,) in ranges, inf there.
    """
    size = max(1, POINTS // (max(x[0].numel(), 1) * FIRST)) if len(x) else 1
    parts = []
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        part = progress.part(len(x[rows]) / len(x)) if progress else Progress()
        asked = Asked(module, y[rows], queries, settled(module))
        parts.append(_walked(asked, x[rows], others, given, space, norm, queries, generator, flips, part))
    if not parts:
        return x.clone(), torch.zeros(0, dtype=x.dtype)
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def _walked(
    asked: Asked,
    x: Tensor,
    others: Tensor,
    given: Tensor | None,
    space: PerturbationSpace,
    norm: Norm,
    queries: int,
    generator: torch.Generator,
    flips: int,
    progress: Progress,
) -> tuple[Tensor, Tensor]:
    walk = Walk(x.clone(), torch.zeros_like(x), torch.full((len(x),), torch.inf, dtype=x.dtype))
    flips = min(flips, len(space.parts))
    if flips:
        groups_alone(asked, walk, x, space, flips, queries // 4, generator, progress)
    if space.dimensions and len(x):
        begin(asked, walk, x, others, space, norm, flips, max(queries // 10, 2), generator, progress, given)
    best, step = walk.copy(), 1
    while space.dimensions and len(rows := able(asked, walk, space.dimensions)):
        progress.step(1 - float(asked.left.float().mean()) / max(queries, 1), f"step {step}, {len(rows)} rows on their way")
        hop(asked, walk, rows, space, norm, step, generator)
        best.take(walk)
        if flips:
            regroup(asked, walk, x, space, norm, flips, generator)
            best.take(walk)
        step += 1
    rows = space.moved(best.base, best.change)
    return torch.where(columns(best.found, x), rows, x), best.size


def groups_alone(
    asked: Asked, walk: Walk, x: Tensor, space: PerturbationSpace, flips: int, tries: int, generator: torch.Generator, progress: Progress
) -> None:
    """Look for up to ``flips`` changed groups that are enough by themselves."""
    for i in range(tries):
        rows = (~walk.found & (asked.left > 0)).nonzero().squeeze(1)
        if len(rows) == 0:
            return
        progress.step(0.0, f"categories alone, {i + 1} of {tries} tries")
        point = drawn_groups(x[rows], space, flips, generator)
        won = asked(rows, point)
        walk.base[rows[won]] = point[won]
        walk.size[rows[won]] = 0.0


def drawn_groups(x: Tensor, space: PerturbationSpace, flips: int, generator: torch.Generator) -> Tensor:
    """x with up to ``flips`` groups drawn anew."""
    point = x
    for _ in range(flips):
        point = flipped(point, point, x, space, flips, generator)
    return point


def begin(
    asked: Asked,
    walk: Walk,
    x: Tensor,
    others: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    flips: int,
    tries: int,
    generator: torch.Generator,
    progress: Progress,
    given: Tensor | None = None,
) -> None:
    """Find a misclassified point for each row: the numbers of the nearest of ``others``, then numbers at random."""
    low, high = space.room(x)
    near, possible = _nearest(x, others, space, norm, tries - 1, None if given is None else given == asked.y[:, None])
    for i in range(tries):
        rows = (~walk.found & (asked.left > 0)).nonzero().squeeze(1)
        if len(rows) == 0:
            break
        progress.step(0.0, f"a point to start from, {i + 1} of {tries} tries")
        base = drawn_groups(x[rows], space, flips, generator) if flips and i % 2 else x[rows]
        change = (low + (high - low) * torch.rand(x.shape, generator=generator, dtype=x.dtype))[rows]
        if i < near.shape[1]:
            there = torch.clamp(space.change(x[rows], others[near[rows, i]]), low[rows], high[rows])
            change = torch.where(columns(possible[rows, i], x), there, change)
        won = asked(rows, space.moved(base, change))
        walk.base[rows[won]], walk.change[rows[won]] = base[won], change[won]
        walk.size[rows[won]] = length(change[won], norm)
    _shortened(asked, walk, walk.found.nonzero().squeeze(1), space, norm)


def _nearest(x: Tensor, others: Tensor, space: PerturbationSpace, norm: Norm, most: int, barred: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which of ``others`` are nearest to each row by its numbers, int64 (n, at most ``most``), and which of these are not ``barred`` (n, m)."""
    count = min(most, len(others))
    if count <= 0:
        return torch.zeros((len(x), 0), dtype=torch.int64), torch.zeros((len(x), 0), dtype=torch.bool)
    flat = [(t / space.scale * space.free).nan_to_num(nan=0.0).flatten(1) for t in (x, others)]
    apart = torch.cdist(flat[0], flat[1], p=torch.inf if norm == "linf" else 2.0)
    apart = apart if barred is None else apart.masked_fill(barred, torch.inf)
    found = apart.topk(count, 1, largest=False)
    return found.indices, found.values.isfinite()


def tolerance(d: int) -> float:
    """How exactly the boundary is found, as a share of the distance."""
    return float(min(d**-1.5, 0.01 / math.sqrt(d)))


def bisections(d: int) -> int:
    """Answers that one search for the boundary costs."""
    return math.ceil(-math.log2(tolerance(d)))


def able(asked: Asked, walk: Walk, d: int) -> Tensor:
    """Rows that have a point to walk from and answers left for another step, int64."""
    return (walk.found & (walk.size > 0) & (asked.left >= FEWEST + HALVINGS + bisections(d))).nonzero().squeeze(1)


def hop(asked: Asked, walk: Walk, rows: Tensor, space: PerturbationSpace, norm: Norm, step: int, generator: torch.Generator) -> None:
    """One step of the rows: the direction of the boundary, a jump along it, and back to the boundary."""
    d, size = space.dimensions, walk.size[rows]
    radius = size * (START if step == 1 else math.sqrt(d) * tolerance(d)) * (math.sqrt(d) if norm == "linf" and step > 1 else 1.0)
    spare = asked.left[rows] - HALVINGS - bisections(d)
    counts = spare.clamp_max(round((FIRST_DRAWING if asked.draws else FIRST) * math.sqrt(step)))
    if not asked.draws:  # what is left would be no step
        counts = torch.where(spare - counts < FEWEST + HALVINGS + bisections(d), spare, counts)
    toward = direction(asked, walk, rows, counts, radius, space, norm, generator)
    jumped = jump(asked, walk, rows, toward, size / math.sqrt(step), space)
    walk.change[rows], walk.size[rows] = jumped, length(jumped, norm)
    _shortened(asked, walk, rows, space, norm)


def regroup(asked: Asked, walk: Walk, x: Tensor, space: PerturbationSpace, norm: Norm, flips: int, generator: torch.Generator) -> None:
    """Try other groups with a part of the change: where that is enough, the row walks on from there."""
    for _ in range(REGROUPS):
        rows = able(asked, walk, space.dimensions)
        if len(rows) == 0:
            return
        base = drawn_groups(x[rows], space, flips, generator)
        change = between(walk.change[rows], torch.full((len(rows),), PART, dtype=x.dtype), norm)
        won = asked(rows, space.moved(base, change))
        walk.base[rows[won]], walk.change[rows[won]] = base[won], change[won]
        walk.size[rows[won]] = length(space.change(base, space.moved(base, change)), norm)[won]
        walk.learned[rows[won]] = 0.0  # other categories, another boundary


def direction(
    asked: Asked, walk: Walk, rows: Tensor, counts: Tensor, radius: Tensor, space: PerturbationSpace, norm: Norm, generator: torch.Generator
) -> Tensor:
    """Where misclassification lies, by ``counts`` answers around each row; unit l2 rows, or signs for linf."""
    owner = torch.repeat_interleave(torch.arange(len(rows)), counts)
    at, low, high = walk.change[rows], *space.room(walk.base[rows])
    shape = (len(owner), *at.shape[1:])
    ray = (
        torch.randn(shape, generator=generator, dtype=at.dtype)
        if norm == "l2"
        else torch.rand(shape, generator=generator, dtype=at.dtype) * 2 - 1
    )
    ray = ray * space.free
    ray = ray * columns(radius[owner] / length(ray, "l2").clamp_min(1e-30), ray)
    ray = torch.clamp(at[owner] + ray, low[owner], high[owner]) - at[owner]
    answers = asked(rows[owner], space.moved(walk.base[rows][owner], at[owner] + ray)).to(at.dtype) * 2 - 1
    mean = torch.zeros(len(rows), dtype=at.dtype).index_add(0, owner, answers) / counts
    weight = torch.where(mean.abs()[owner] < 1, answers - mean[owner], answers)
    total = torch.zeros_like(at).index_add(0, owner, ray * columns(weight / radius[owner].clamp_min(1e-30), ray))
    total = total if asked.draws else total + REMEMBERED * walk.learned[rows]
    walk.learned[rows] = total
    return total.sign() if norm == "linf" else total * columns(1 / length(total, "l2").clamp_min(1e-30), total)


def jump(asked: Asked, walk: Walk, rows: Tensor, toward: Tensor, first: Tensor, space: PerturbationSpace) -> Tensor:
    """The change after the longest of halved steps that stays misclassified; the change as it was where none does."""
    at, low, high = walk.change[rows], *space.room(walk.base[rows])
    jumped, stride, open_ones = at.clone(), first.clone(), torch.arange(len(rows))
    for _ in range(HALVINGS):
        if len(open_ones) == 0:
            break
        trial = torch.clamp(at + toward * columns(stride, at), low, high)[open_ones]
        won = asked(rows[open_ones], space.moved(walk.base[rows[open_ones]], trial))
        jumped[open_ones[won]] = trial[won]
        open_ones = open_ones[~won]
        stride = stride / 2
    return jumped


def _shortened(asked: Asked, walk: Walk, rows: Tensor, space: PerturbationSpace, norm: Norm) -> None:
    """Pull misclassified changes back towards their rows until they are just so: on a line for l2, into a smaller box for linf."""
    if len(rows) == 0:
        return
    far = walk.change[rows]
    least, most = torch.zeros(len(rows), dtype=far.dtype), torch.ones(len(rows), dtype=far.dtype)
    for _ in range(bisections(space.dimensions)):
        ready = (asked.left[rows] > 0) & (walk.size[rows] > 0)
        if not bool(ready.any()):
            break
        middle = (least + most) / 2
        trial = between(far, middle, norm)
        won = torch.zeros(len(rows), dtype=torch.bool)
        won[ready] = asked(rows[ready], space.moved(walk.base[rows[ready]], trial[ready]))
        most, least = torch.where(ready & won, middle, most), torch.where(ready & ~won, middle, least)
    walk.change[rows] = between(far, most, norm)
    moved = space.change(walk.base[rows], space.moved(walk.base[rows], walk.change[rows]))
    walk.size[rows] = length(moved, norm)


def between(change: Tensor, share: Tensor, norm: Norm) -> Tensor:
    """A change between none and ``change``: ``share`` (n,) of it, or cut to that share of its largest coordinate."""
    if norm == "l2":
        return change * columns(share, change)
    edge = columns(share * length(change, "linf"), change)
    return torch.clamp(change, -edge, edge)
