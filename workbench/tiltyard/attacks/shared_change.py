"""One change for all rows: a universal perturbation, or a patch put anywhere, fitted on some rows by their gradients.

The change is led by batches of rows (Shafahi et al. 2018, arXiv:1811.11304): projected ascent of a loss that a row leaves once it is well
over the border, so that a few rows do not take all of the change. Departures: the loss is the margin over the spread of the logits, which
no scale of them hides; steps fall in a line from all that is allowed; the change that fools most of the rows after an epoch is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ..progress import Progress
from .norms import Norm, drawn, project_within
from .perturbation_space import PerturbationSpace, ascended, blocks, margins
from .standing import step

OVER = 0.25  # of the spread of the logits: how far over the border a row still counts
BATCH = 32
TINY = 1e-12


@dataclass(frozen=True)
class Put:
    """Rows (n, *shape) with the change on them, and what takes their gradients (n, *shape) to that of the change."""

    points: Tensor
    pulled: Callable[[Tensor], Tensor]


class Shape(Protocol):
    """What a change is: where it starts, how it is put on rows, and how it moves."""

    def start(self, generator: torch.Generator) -> Tensor:
        """A random change."""

    def put(self, change: Tensor, x: Tensor, generator: torch.Generator) -> Put:
        """The change on rows; where that has a place it is drawn."""

    def stepped(self, change: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """The change after a step of length ``rate``, a share of what is allowed, along ``gradient``."""


@dataclass(frozen=True)
class Noise:
    """One change added to every row, within ``eps`` by ``norm``, in ranges; of each row as much of it as the row's bounds allow."""

    space: PerturbationSpace
    norm: Norm
    eps: float

    def start(self, generator: torch.Generator) -> Tensor:
        """A random point of the ball, (*shape)."""
        like = self.space.free[None]
        return project_within(drawn(like, self.norm, self.eps, generator, self.space.free), self.norm, self.eps, -like, like)[0]

    def put(self, change: Tensor, x: Tensor, generator: torch.Generator) -> Put:
        """Valid rows; a coordinate at the end of a row's room pulls the change back only."""
        low, high = self.space.room(x)
        moved = self.space.moved(x, torch.minimum(torch.maximum(change, low), high))

        def pulled(gradient: Tensor) -> Tensor:
            mine = gradient if self.space.plain else gradient * self.space.scale * self.space.free
            beyond = ((change >= high) & (mine > 0)) | ((change <= low) & (mine < 0))
            return mine.masked_fill(beyond, 0.0).sum(0)

        return Put(moved, pulled)

    def stepped(self, change: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """A step in the norm, projected back into the ball."""
        free = self.space.free[None]
        now = change[None]
        moved = now + step(gradient[None], now, self.norm, rate * self.eps, -free, free)
        return project_within(moved, self.norm, self.eps, -free, free)[0]


@dataclass(frozen=True)
class Patch:
    """A square of ``edge`` pixels that covers what is there, put at a place drawn for each row; pixels from ``low`` to ``high``.

    ``shape`` is that of a row: channels, height, width.
    """

    shape: tuple[int, int, int]
    edge: int
    low: float
    high: float

    def start(self, generator: torch.Generator) -> Tensor:
        """Uniform noise (channels, edge, edge)."""
        return torch.rand((self.shape[0], self.edge, self.edge), generator=generator) * (self.high - self.low) + self.low

    def places(self, n: int, generator: torch.Generator) -> Tensor:
        """The upper left corners of n patches, int64 (n, 2), wholly within the picture."""
        _, height, width = self.shape
        down = torch.randint(height - self.edge + 1, (n,), generator=generator)
        return torch.stack([down, torch.randint(width - self.edge + 1, (n,), generator=generator)], 1)

    def covered(self, change: Tensor, x: Tensor, places: Tensor) -> Tensor:
        """Rows with the patch at these places."""
        out = x.clone()
        out[self._index(places)] = change.expand(len(x), *change.shape)
        return out

    def put(self, change: Tensor, x: Tensor, generator: torch.Generator) -> Put:
        """The patch at places drawn anew."""
        places = self.places(len(x), generator)
        index = self._index(places)
        return Put(self.covered(change, x, places), lambda gradient: gradient[index].sum(0))

    def stepped(self, change: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """A step of half as much of the range along the sign, cut to the range."""
        return (change + gradient.sign() * rate / 2 * (self.high - self.low)).clamp(self.low, self.high)

    def _index(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        n, side = len(places), torch.arange(self.edge)
        rows = torch.arange(n)[:, None, None, None]
        channels = torch.arange(self.shape[0])[None, :, None, None]
        down = (places[:, :1] + side)[:, None, :, None]
        across = (places[:, 1:] + side)[:, None, None, :]
        return rows, channels, down, across


def truncated(logits: Tensor, y: Tensor, toward: int | None = None) -> Tensor:
    """The margin over the row's spread, top 1 less top 3, (n,), no more than `OVER`, where its gradient ends.

    With ``toward`` it is the margin of that class over all others, which rows of it have already.
    """
    ordered = logits.detach().sort(1).values
    spread = (ordered[:, -1] - ordered[:, -min(3, logits.shape[1])]).clamp_min(TINY)
    margin = margins(logits, y) if toward is None else -margins(logits, torch.full_like(y, toward))
    return (margin / spread).clamp_max(OVER)


@dataclass(frozen=True)
class Plan:
    """How long a change is fitted: epochs over the rows from each of ``restarts`` random starts.

    Every second start aims at the class that the best change so far is answered with most, for universal changes tend to lead to one.
    """

    epochs: int
    restarts: int = 1


@dataclass(frozen=True)
class Fitted:
    """The change that fooled most of the rows it was fitted on, what share of them, and the wrong class that is answered most."""

    change: Tensor
    success: float
    commonest: int | None = None


def fit(module: nn.Module, x: Tensor, y: Tensor, shape: Shape, plan: Plan, generator: torch.Generator, progress: Progress) -> Fitted:
    """The one change that turns most of the rows x (n, *shape) away from their classes y (n,), n > 0."""
    best = Fitted(shape.start(generator), -1.0)
    steps = plan.epochs * -(-len(x) // BATCH)
    for restart in range(plan.restarts):
        part = progress.part(1 / plan.restarts)
        change, done = shape.start(generator), 0
        toward = best.commonest if restart % 2 else None
        for epoch in range(plan.epochs):
            part.step(epoch / plan.epochs, f"start {restart + 1}, epoch {epoch + 1} of {plan.epochs}")
            for rows in torch.split(torch.randperm(len(x), generator=generator), BATCH):
                part.check()
                gradient = _led(module, x[rows], y[rows], shape, change, toward, generator)
                change = shape.stepped(change, gradient, max(1 - done / steps, 1 / steps))
                done += 1
            found = judged(module, x, y, shape, change, generator)
            best = found if found.success > best.success else best
    return best


def _led(module: nn.Module, x: Tensor, y: Tensor, shape: Shape, change: Tensor, toward: int | None, generator: torch.Generator) -> Tensor:
    """The gradient by the change of these rows' loss."""
    there = shape.put(change, x, generator)
    gradient, _ = ascended(module, there.points, lambda logits: truncated(logits, y, toward))
    return there.pulled(gradient)


def judged(module: nn.Module, x: Tensor, y: Tensor, shape: Shape, change: Tensor, generator: torch.Generator) -> Fitted:
    """How many of the rows lose their class under the change."""
    with torch.no_grad():
        logits = torch.cat([module(shape.put(change, x[rows], generator).points) for rows in blocks(x)])
    lost = margins(logits, y) > 0
    wrong = logits.scatter(1, y[:, None], -torch.inf).argmax(1)[lost]
    return Fitted(change.clone(), float(lost.float().mean()), int(wrong.bincount().argmax()) if len(wrong) else None)
