"""The stages of the strong evaluation: few gradient steps for all rows, more for those that are nearest to an error, then queries alone.

Against AutoAttack (Croce and Hein 2020, arXiv:2003.01690) its savings are that rows leave soon after they fall, that the expensive
stages see only the rows nearest to an error, and that Square (arXiv:1912.00049) goes on from the best point of the gradients.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..progress import Progress
from . import losses
from .categorical_moves import attack as moved_categories
from .categorical_moves import regrouped
from .norms import drawn, each
from .perturbation_space import Attacked
from .score_search import first, search, share
from .smallest import shrunk
from .square_rounds import Box, rounds
from .standing import Ascent, Standing, climb

FIRST, LONG, AGAIN = 20, 50, 50
QUARTER, TENTH, TWENTIETH = 0.25, 0.1, 0.05
NEAREST = ("nearest", "second", "third", "fourth", "fifth")
FROM_BEST, SENTINEL, CONFIRM = 500, 100, 5000
LEAST_SENTINEL = 30
SUSPECT, UNLUCKY, LATE, LATE_UNLUCKY = 0.03, 1, 0.1, 3  # above these a search without gradients finds more than chance leaves it
OUTSIDE, OUTSIDE_STEPS = 0.5, 40  # rows and steps of the search from outside of the ball
SMALL_SQUARES = 0.02  # done already, so that the first squares cover a small part of the picture


@dataclass(frozen=True)
class Plan:
    """Which stages are made beside those always made: ``search`` (queries alone), ``confirm``, and how many categories may change."""

    search: bool = True
    confirm: bool = False
    flips: int = 0
    factor: float = 1.0

    def steps(self, n: int) -> int:
        """``n`` steps by the factor, at least 1."""
        return max(1, round(n * self.factor))


def run_stages(standing: Standing, plan: Plan, generator: torch.Generator, progress: Progress) -> bool:
    """All stages in order; True where queries alone felled so many that the gradients cannot be trusted, and the full search was made."""
    by_gradients(standing, plan, generator, progress.part(0.6))
    return by_queries(standing, plan, generator, progress.part(1.0)) if plan.search else False


def by_gradients(standing: Standing, plan: Plan, generator: torch.Generator, progress: Progress) -> None:
    """The stages that climb."""
    every = standing.alive
    _climbed(
        standing,
        "cross-entropy without scale, all rows",
        every,
        Ascent(losses.scale_free, plan.steps(FIRST)),
        generator,
        None,
        progress.part(0.5),
    )
    if plan.flips and standing.space.parts:
        _flipped(standing, plan, generator, progress.part(0.2))
    classes = NEAREST[: standing.logits.shape[1] - 1]
    for place, name in enumerate(classes):
        rows = standing.nearest(QUARTER)
        toward = losses.nearest_classes(standing.logits[rows], standing.y[rows], place)
        part = progress.part(0.3 / len(classes))
        _climbed(standing, f"{name} class, nearest quarter", rows, Ascent(losses.targeted, plan.steps(FIRST)), generator, toward, part)
    late, words = (QUARTER, "quarter") if standing.norm == "l1" else (TENTH, "tenth")
    _climbed(
        standing,
        f"margin, nearest {words}",
        standing.nearest(late),
        Ascent(losses.margin, plan.steps(LONG)),
        generator,
        None,
        progress.part(0.1),
    )
    _from_outside(standing, plan, progress.part(0.2))
    rows = standing.nearest(late)
    before = standing.gradients, standing.queries
    climb(standing, rows, Ascent(losses.scale_free, plan.steps(AGAIN), 0.5), standing.change(rows), None, progress.part(0.1))
    standing.noted(f"from the best point, nearest {words}", rows, *before)


def _from_outside(standing: Standing, plan: Plan, progress: Progress) -> None:
    """In l2, where ascent within the ball ends early: over the border farther out, and back along it."""
    if standing.norm == "l2":
        rows, before = standing.nearest(OUTSIDE), (standing.gradients, standing.queries)
        shrunk(standing, rows, plan.steps(OUTSIDE_STEPS), progress)
        standing.noted("smallest radius, nearest rows", rows, *before)


def _climbed(
    standing: Standing, name: str, rows: Tensor, ascent: Ascent, generator: torch.Generator, toward: Tensor | None, progress: Progress
) -> None:
    before = standing.gradients, standing.queries
    start = drawn(standing.x[rows], standing.norm, standing.eps, generator, standing.space.free)
    climb(standing, rows, ascent, start, toward, progress)
    standing.noted(name, rows, *before)


def _flipped(standing: Standing, plan: Plan, generator: torch.Generator, progress: Progress) -> None:
    """Tables: categories changed by gradient and tried, with steps on the numbers after each; what stands goes on from these categories."""
    rows, before = standing.alive, (standing.gradients, standing.queries)
    if len(rows):
        x, y = standing.x[rows], standing.y[rows]
        found = moved_categories(
            standing.module, x, y, standing.space, standing.norm, standing.eps, plan.steps(FIRST), generator, 1, plan.flips, progress
        )
        standing.gradients += len(rows) * plan.steps(FIRST) * (1 + min(plan.flips, len(standing.space.parts)))
        standing.written(rows, found)
        standing.origin[rows] = regrouped(x, standing.best[rows], standing.space)
    standing.noted("categories, all rows", rows, *before)


def by_queries(standing: Standing, plan: Plan, generator: torch.Generator, progress: Progress) -> bool:
    """The stages without gradients; True where they felled more than they do of a model whose gradients are right."""
    late = searched(
        standing, "Square from the best point, nearest tenth", standing.nearest(TENTH), FROM_BEST, generator, progress.part(0.3), best=True
    )
    rows = sentinel_rows(standing, generator)
    sentinel = searched(standing, "sentinel, a random twentieth", rows, SENTINEL, generator, progress.part(0.1))
    suspect = sentinel > max(UNLUCKY, SUSPECT * len(rows)) or late > max(LATE_UNLUCKY, LATE * standing.stages[-2].given)
    if suspect:
        searched(standing, "Square on all rows: escalated", standing.alive, CONFIRM, generator, progress.part(1.0))
    elif plan.confirm:
        searched(standing, "Square, nearest twentieth: confirmed", standing.nearest(TWENTIETH, 15), CONFIRM, generator, progress.part(1.0))
    return suspect


def sentinel_rows(standing: Standing, generator: torch.Generator) -> Tensor:
    """A random twentieth of the rows that stand, at least 30."""
    rows = standing.alive
    count = max(LEAST_SENTINEL, len(rows) // 20)
    return rows[torch.randperm(len(rows), generator=generator)[:count]]


def searched(
    standing: Standing, name: str, rows: Tensor, queries: int, generator: torch.Generator, progress: Progress, best: bool = False
) -> int:
    """Random search with ``queries`` a row, from its best point or from stripes; how many rows fell."""
    before = standing.gradients, standing.queries
    if len(rows):
        shares = _small if best else share
        in_box = standing.norm == "linf" and standing.x.ndim == 4 and standing.space.plain
        ask = _in_rounds if in_box else _one_by_one
        standing.written(rows, ask(standing, rows, queries, generator, progress, shares, best))
    return len(standing.noted(name, rows, *before).fell)


def _one_by_one(
    standing: Standing,
    rows: Tensor,
    queries: int,
    generator: torch.Generator,
    progress: Progress,
    shares: Callable[[float], float],
    best: bool,
) -> Attacked:
    start = standing.change(rows) if best else None
    return search(
        _Counting(standing), standing.origin[rows], standing.y[rows], standing.space, standing.norm, standing.eps, queries, generator, 0,
        progress, enough=standing.enough, start=start, shares=shares,
    )  # fmt: skip


def _in_rounds(
    standing: Standing,
    rows: Tensor,
    queries: int,
    generator: torch.Generator,
    progress: Progress,
    shares: Callable[[float], float],
    best: bool,
) -> Attacked:
    origin = standing.origin[rows]
    low, high = standing.room(rows)
    low, high = origin + low, origin + high
    striped = origin + first(origin, standing.space, standing.norm, each(standing.eps, origin), generator)
    start = torch.clamp(standing.best[rows] if best else striped, low, high)
    box = Box(low.flatten(2), high.flatten(2))
    return rounds(_Counting(standing), start, standing.y[rows], box, queries, generator, shares, standing.enough, progress)


def _small(done: float) -> float:
    return share(SMALL_SQUARES + 0.01 + done)


class _Counting(torch.nn.Module):
    """The module of an evaluation, whose queries the evaluation counts."""

    def __init__(self, standing: Standing) -> None:
        super().__init__()
        self.standing = standing

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        return self.standing.asked(x)
