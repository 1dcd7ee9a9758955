"""The rows of an evaluation in stages: the best point of each so far, which still stand, and what they cost.

Passes are made only over rows that still stand; rows that fell leave as soon as they are a twentieth of the batch.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..progress import Progress
from .losses import Loss
from .norms import Norm, columns, length, project_within, scaled_within
from .perturbation_space import Attacked, PerturbationSpace, ascended, blocks, margins
from .sparse_ascent import SparseAscent, sparse

MOMENTUM = 0.75
MOST_STANDING = 0.95  # below it fallen rows are put out of the batch: leaving it costs as much as a step of a small network
TINY = 1e-30
FULL = 2.0  # the first step, in eps, of an ascent that begins anew


@dataclass(frozen=True)
class Stage:
    """What a stage did: how many rows it was given, the numbers of those that fell, and what it cost in all."""

    name: str
    given: int
    fell: tuple[int, ...]
    gradients: int
    queries: int

    @property
    def share(self) -> float:
        """Of the rows given, how many fell; 0 of none."""
        return len(self.fell) / max(self.given, 1)


@dataclass
class Standing:
    """n rows under attack within ``eps`` by ``norm``.

    Attributes
    ----------
    origin : (n, *shape)
        The row that a change is measured from: x, with other categories where a stage changed these.
    best, logits, margin
        The best point found, the logits (n, k) there and the largest wrong logit less the true one (n,); a row fell where that
        is above ``enough``.
    gradients, queries
        Rows sent through the module so far with a gradient, and without.
    """

    module: nn.Module
    x: Tensor
    y: Tensor
    space: PerturbationSpace
    norm: Norm
    eps: float
    enough: float = 0.0
    gradients: int = 0
    queries: int = 0
    stages: list[Stage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.origin, self.best = self.x.clone(), self.x.clone()
        self.logits = torch.cat([self.asked(self.x[rows]) for rows in blocks(self.x)]) if len(self.x) else torch.zeros(0, 2)
        self.margin = margins(self.logits, self.y).nan_to_num(nan=-torch.inf)

    def asked(self, x: Tensor) -> Tensor:
        """Logits without gradient; counted."""
        self.queries += len(x)
        with torch.no_grad():
            out: Tensor = self.module(x)
            return out

    @property
    def alive(self) -> Tensor:
        """Numbers of the rows that stand, int64."""
        return (self.margin <= self.enough).nonzero().squeeze(1)

    def nearest(self, share: float, least: int = 30) -> Tensor:
        """Of the rows that stand the ``share`` nearest to an error, at least ``least`` where there are so many."""
        rows = self.alive
        count = max(least, math.ceil(share * len(rows)))
        return rows[self.margin[rows].argsort(descending=True, stable=True)][:count]

    def room(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """How far each coordinate of these rows may go down and up; in linf within eps."""
        low, high = self.space.room(self.origin[rows])
        return (low.clamp_min(-self.eps), high.clamp_max(self.eps)) if self.norm == "linf" else (low, high)

    def keep(self, rows: Tensor, points: Tensor, logits: Tensor) -> Tensor:
        """Take over the points that are better than the best so far; the margins there, (m,)."""
        margin = margins(logits, self.y[rows]).nan_to_num(nan=-torch.inf)
        if self.space.repair is not None:  # measured from the row itself, not from one with other categories
            margin = margin.masked_fill(self.space.repair.over(self.x[rows], points), -torch.inf)
        gain = (margin > self.margin[rows]).nonzero().squeeze(1)
        won = rows[gain]
        self.margin[won], self.logits[won] = margin[gain], logits.detach()[gain]
        self.best.index_copy_(0, won, points.detach().index_select(0, gain))
        return margin

    def written(self, rows: Tensor, found: Attacked) -> None:
        """Take over what another attack found for these rows, where it is better."""
        gain = found.margin > self.margin[rows]
        if bool(gain.any()):
            won = rows[gain]
            self.keep(won, found.x[gain], self.asked(found.x[gain]))

    def change(self, rows: Tensor) -> Tensor:
        """The change that leads to the best points of these rows, in ranges."""
        return self.space.change(self.origin[rows], self.best[rows])

    def noted(self, name: str, rows: Tensor, gradients: int, queries: int) -> Stage:
        """Remember a stage that was given ``rows`` and began at these counts."""
        fell = rows[self.margin[rows] > self.enough]
        stage = Stage(name, len(rows), tuple(fell.tolist()), self.gradients - gradients, self.queries - queries)
        self.stages.append(stage)
        return stage


@dataclass(frozen=True)
class Ascent:
    """How to climb: the loss, how many steps, and the first of them in eps; they fall in a line to half of the last.

    In l1 the steps are those of `SparseAscent`: a ``first`` of 2 begins in a larger ball, a smaller one stays in the ball with half of it.
    """

    loss: Loss
    steps: int
    first: float = 2.0


def climb(standing: Standing, rows: Tensor, ascent: Ascent, start: Tensor, toward: Tensor | None, progress: Progress) -> None:
    """Projected ascent with APGD's momentum (arXiv:2003.01690) from ``start``, changes of ``rows`` in ranges, which may lie outside the ball."""
    parts = blocks(start)
    for place in parts:
        part = progress.part(len(rows[place]) / max(len(rows), 1))
        ascend = _climb_sparsely if standing.norm == "l1" else _climb
        ascend(standing, rows[place], ascent, start[place], None if toward is None else toward[place], part)


def _climb(standing: Standing, rows: Tensor, ascent: Ascent, start: Tensor, toward: Tensor | None, progress: Progress) -> None:
    space, norm, eps = standing.space, standing.norm, standing.eps
    origin = standing.origin[rows]
    low, high = standing.room(rows)
    now = before = space.related(origin, project_within(start, norm, eps, low, high), None, eps)
    aim = standing.y[rows] if toward is None else toward
    for i in range(ascent.steps):
        progress.step(i / ascent.steps, f"step {i + 1} of {ascent.steps}, {len(rows)} rows stand")
        point = space.moved(origin, now)
        gradient, logits = _gradient(standing, point, standing.y[rows], aim, ascent.loss)
        stands = (standing.keep(rows, point, logits) <= standing.enough).nonzero().squeeze(1)
        if len(stands) == 0:
            return
        if len(stands) < MOST_STANDING * len(rows):
            rows, aim = rows[stands], aim[stands]
            origin, now, before, low, high, gradient = (t.index_select(0, stands) for t in (origin, now, before, low, high, gradient))
        rate = ascent.first * eps * max(1 - i / ascent.steps, 0.5 / ascent.steps)
        if space.plain and norm == "linf":
            now, before = _along_signs(gradient, now, before, rate, low, high, momentum=i > 0), now
            continue
        stepped = step(gradient, now, norm, rate, low, high)
        moved = _within(now + (space.steered(stepped, gradient, rate) if norm == "linf" else stepped), norm, eps, low, high)
        if i:
            moved = _within(now + MOMENTUM * (moved - now) + (1 - MOMENTUM) * (now - before), norm, eps, low, high)
        before, now = now, space.related(origin, moved, gradient, eps)
    point = space.moved(origin, now)
    standing.keep(rows, point, standing.asked(point))


def _climb_sparsely(standing: Standing, rows: Tensor, ascent: Ascent, start: Tensor, toward: Tensor | None, progress: Progress) -> None:
    """As `_climb` in l1: without momentum, and what is found outside of the ball counts for nothing."""
    space, eps, origin = standing.space, standing.eps, standing.origin[rows]
    low, high = space.room(origin)
    wide = ascent.first >= FULL and space.repair is None
    steps = SparseAscent(eps, ascent.steps, min(ascent.first, 1.0), wide)
    now = space.related(origin, project_within(start, "l1", steps.radius(0), low, high), None, eps)
    aim = standing.y[rows] if toward is None else toward
    for i in range(ascent.steps):
        progress.step(i / ascent.steps, f"step {i + 1} of {ascent.steps}, {len(rows)} rows stand")
        point = space.moved(origin, now)
        gradient, logits = _gradient(standing, point, standing.y[rows], aim, ascent.loss)
        if steps.inside(i):
            stands = (standing.keep(rows, point, logits) <= standing.enough).nonzero().squeeze(1)
            if len(stands) == 0:
                return
            if len(stands) < MOST_STANDING * len(rows):
                rows, aim = rows[stands], aim[stands]
                origin, now, low, high, gradient = (t.index_select(0, stands) for t in (origin, now, low, high, gradient))
                steps.left(stands)
        now = space.related(origin, steps.moved(i, gradient, now, low, high), gradient, eps)
    point = space.moved(origin, now)
    standing.keep(rows, point, standing.asked(point))


def _within(change: Tensor, norm: Norm, eps: float, low: Tensor, high: Tensor) -> Tensor:
    return scaled_within(change, eps, low, high) if norm == "l2" else project_within(change, norm, eps, low, high)


def _along_signs(gradient: Tensor, now: Tensor, before: Tensor, rate: float, low: Tensor, high: Tensor, momentum: bool) -> Tensor:
    """The next change in linf, within ``low`` and ``high``, written over ``gradient``: a step is memory more than arithmetic."""
    moved = gradient.sign_().mul_(rate).add_(now)
    torch.clamp(moved, low, high, out=moved)
    if momentum:
        moved.mul_(MOMENTUM).add_(now, alpha=2 * (1 - MOMENTUM)).sub_(before, alpha=1 - MOMENTUM)
        torch.clamp(moved, low, high, out=moved)
    return moved


def _gradient(standing: Standing, point: Tensor, y: Tensor, toward: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The gradient in ranges of ``loss`` at these points, 0 where it is no number, and the logits."""
    gradient, logits = ascended(standing.module, point, lambda out: loss(out, y, toward), not standing.space.plain)
    standing.gradients += len(point)
    return (gradient if standing.space.plain else gradient * standing.space.scale * standing.space.free), logits


def step(gradient: Tensor, change: Tensor, norm: Norm, rate: float, low: Tensor, high: Tensor) -> Tensor:
    """A step of length ``rate`` in the norm: along the sign, along the gradient, or shared by its steepest coordinates."""
    if norm == "linf":
        return gradient.sign() * rate
    if norm == "l2":
        return gradient * columns(rate / length(gradient, "l2").clamp_min(TINY), gradient)
    return sparse(gradient, change, rate, low, high)
