"""Ascent in l1: a step is shared by the steepest coordinates, about as many as the change itself has, and begins in a larger ball.

After APGD for l1: Croce and Hein 2021, arXiv:2103.01208. Departures: one larger ball of twice the radius for half of the steps (theirs are
thrice and twice); how many coordinates share a step is taken from the point itself, not from the best one seen, which is not returned
to; and coordinates that are at the end of their range share in no step.
"""

import torch
from torch import Tensor

from .norms import columns, project_within

OUTER, OUTER_SHARE = 2.0, 0.5  # the larger ball in eps, and its share of the steps
FIRST_SHARE = 0.2  # of the coordinates, in the first step
SPARSER = 1.5  # a step is shared by the coordinates changed, divided by this
SHORTER, SHORTEST = 1.5, 0.1  # the next step where a change is no longer growing sparser; the least, in the first step
STILL_FALLING = 0.95  # of the coordinates before: a change with fewer grows sparser yet
FIXED = 0.05  # of the coordinates, in a step that knows nothing of those before


class SparseAscent:
    """The steps of a batch of rows, which remembers of each row how long the next step is and how many coordinates share it.

    ``steps`` are made in all, ``first`` is the longest of them in radii of the ball. ``wide``: begin in the larger ball.
    """

    def __init__(self, eps: float, steps: int, first: float = 1.0, wide: bool = True) -> None:
        self.eps, self.first = eps, first
        self.outer, self.steps = int(steps * OUTER_SHARE) if wide else 0, steps
        self.count: Tensor | None = None
        self.rate: Tensor | None = None

    def inside(self, i: int) -> bool:
        """Whether the point before step ``i`` is within eps itself."""
        return i >= self.outer

    def radius(self, i: int) -> float:
        """Of the ball that the point before step ``i`` is in."""
        return self.eps if self.inside(i) else OUTER * self.eps

    def _longest(self, i: int) -> float:
        """In first steps: falls in a line in each ball, so that rows whose sparsity swings to and fro settle."""
        done, steps = (i - self.outer, self.steps - self.outer) if self.inside(i) else (i, self.outer)
        return max(1 - done / max(steps, 1), 0.5 / max(steps, 1))

    def left(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone, int64 (m,)."""
        if self.count is not None and self.rate is not None:
            self.count, self.rate = self.count.index_select(0, rows), self.rate.index_select(0, rows)

    def moved(self, i: int, gradient: Tensor, change: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The change after step ``i``, in the ball that follows and between ``low`` and ``high``; all (n, *shape) in ranges."""
        share, rate = self._next(i, change)
        radius = self.radius(i)
        stepped = change + along(gradient, change, share, rate * radius, low, high)
        return project_within(stepped, "l1", self.radius(i + 1), low, high)

    def _next(self, i: int, change: Tensor) -> tuple[Tensor, Tensor]:
        """How many coordinates (n,) share the step from ``change``, and its length (n,) in radii."""
        now = (change != 0).flatten(1).sum(1) / SPARSER
        longest = torch.full_like(now, self.first * self._longest(i))
        if self.count is None or self.rate is None:
            first = FIRST_SHARE * change.flatten(1).shape[1]
            self.count, self.rate = torch.full_like(now, first) if self.outer else now.clamp_max(first), longest
            return self.count, self.rate
        shorter = (self.rate / SHORTER).clamp_min(SHORTEST * self.first).minimum(longest)
        self.rate = longest if i == self.outer else torch.where(now < STILL_FALLING * self.count, longest, shorter)
        self.count = now
        return self.count, self.rate


def along(gradient: Tensor, change: Tensor, share: Tensor, rate: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """A step of length ``rate`` (n,) in l1, shared evenly by the ``share`` (n,) steepest coordinates that can still move, at least one."""
    can = torch.where(gradient > 0, change < high, change > low)
    size = torch.where(can, gradient.abs(), 0.0).flatten(1)
    if len(size) == 0:
        return torch.zeros_like(gradient)
    count = share.long().clamp(1, size.shape[1])
    steepest = size.topk(int(count.max()), 1).values
    taken = (size >= steepest.gather(1, count[:, None] - 1)) & (size > 0)
    each = rate / taken.sum(1).clamp_min(1)
    return taken.reshape(gradient.shape) * gradient.sign() * columns(each, gradient)


def sparse(gradient: Tensor, change: Tensor, rate: float, low: Tensor, high: Tensor) -> Tensor:
    """An l1 step of length ``rate`` shared by the steepest coordinates that can still move (5 %, at least one)."""
    share = torch.full((len(gradient),), FIXED * gradient.flatten(1).shape[1], dtype=gradient.dtype)
    return along(gradient, change, share, torch.full_like(share, rate), low, high)
