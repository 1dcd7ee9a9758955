"""Search over a table's rows by scores alone: every column is asked by itself first, then the best moves together, then at random from there.

What MOEVA does by a population (Simonetto et al. 2022, arXiv:2112.01156) is done by a row and its best point: a move that leaves the margin as it
is is taken too, so that the search walks over the plateaus of trees. Every point is repaired onto the relations between columns before it is asked.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..progress import Progress
from .categorical_moves import changed_groups, regrouped, set_columns
from .limits import Limits
from .norms import Norm, Radius, columns, each, project_within
from .perturbation_space import Attacked, PerturbationSpace, judged
from .repairing import repaired
from .score_search import unsettled

PROBED = 0.6  # of the queries at most, for the columns one by one
EDGE, SEVERAL, BACK = 0.4, 0.4, 0.15


@dataclass(frozen=True)
class Ball:
    """How far a row may be changed: numbers within ``eps`` by ``norm``, and ``flips`` categories or emptied numbers.

    ``eps`` is one number, or where no relation and no limit is to be kept one a row.
    """

    space: PerturbationSpace
    norm: Norm
    eps: Radius
    flips: int

    def of(self, rows: Tensor) -> "Ball":
        """The ball of these rows (m,) of those that it was made for."""
        return replace(self, eps=self.eps[rows]) if isinstance(self.eps, Tensor) else self

    @property
    def limits(self) -> Limits | None:
        """What the changes of a row may cost."""
        return self.space.repair.limits if self.space.repair else None

    def made(self, x: Tensor, change: Tensor, grouped: Tensor, worth: Tensor | None = None) -> Tensor:
        """Valid rows (n, d) at ``change`` from x with the categories of ``grouped``; what cannot be repaired is x.

        ``worth`` (n, features) says what is kept where not all can be paid; None: what is moved farthest.
        """
        change = project_within(change, self.norm, self.eps, *self.space.room(x))
        if self.limits is not None:
            grouped, change = self.limits.kept(self.space, x, grouped, change, worth)
        if self.space.repair is None:
            return self.space.moved(grouped, change)
        eps = float(self.eps)
        rows = replace(self.space, repair=None).moved(grouped, self.space.related(x, change, None, eps))
        return repaired(self.space.repair, self.space, x, rows, eps, self.flips)

    def room(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How far each number alone may go down and up."""
        low, high = self.space.room(x)
        eps = columns(each(self.eps, x), x)
        return torch.maximum(low, -eps), torch.minimum(high, eps)


@dataclass
class Search:
    """n rows, the best point of each so far and its margin, and how many queries it has left; ``owner`` as in `search`."""

    module: nn.Module
    x: Tensor
    y: Tensor
    ball: Ball
    left: int
    enough: float
    owner: Tensor | None = None

    def __post_init__(self) -> None:
        self.best = self.x.clone()
        self.margin = judged(self.module, self.x, self.y).margin
        self.left -= 1

    @property
    def alive(self) -> Tensor:
        """Numbers of the rows that are not fooled yet, nor at a smaller eps, int64."""
        return unsettled(self.margin - self.enough, each(self.ball.eps, self.x), self.owner).nonzero().squeeze(1)

    def ask(self, rows: Tensor, points: Tensor, ties: bool = False) -> Tensor:
        """The margins of ``points`` (m, d) of ``rows`` (m,), one query each; what is better, or with ``ties`` no worse, is kept."""
        margin = judged(self.module, points, self.y[rows]).margin
        gain = margin >= self.margin[rows] if ties else margin > self.margin[rows]
        won = rows[gain]
        self.best[won], self.margin[won] = points[gain], margin[gain]
        self.left -= 1
        return margin


def search(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    norm: Norm,
    eps: Radius,
    queries: int,
    generator: torch.Generator,
    flips: int = 0,
    progress: Progress | None = None,
    start: Tensor | None = None,
    enough: float = 0.0,
    owner: Tensor | None = None,
) -> Attacked:
    """The best valid rows within ``eps`` of x (n, d) that at most ``queries`` answers a row find.

    Parameters
    ----------
    module
        From encoded rows to logits or log scores; no gradient is asked for.
    start : (n, d)
        Valid rows within eps to go on from, as an attack by gradients found them; None: x.
    enough
        The margin above which a row is left.
    owner : int64 (n,)
        Which rows of x are the same row at several sizes: once a smaller size fools it is asked no more at larger ones.
    """
    ball = Ball(space, norm, eps, min(flips, len(space.parts)))
    found, progress = Search(module, x, y, ball, queries, enough, owner), progress or Progress()
    if start is not None and found.left > 0:
        found.ask(torch.arange(len(x)), start)
    if found.left > 0:
        _together(found, *_probed(found, generator, progress.part(PROBED)))
    whole = max(found.left, 1)
    while found.left > 0 and len(rows := found.alive):
        progress.step(1 - found.left / whole, f"{found.left} queries left, {len(rows)} rows stand")
        found.ask(rows, _varied(found, rows, generator), ties=True)
    return Attacked(found.best, found.margin, torch.zeros(len(x), dtype=torch.bool))


def _moves(ball: Ball) -> list[tuple[int, int]]:
    """Single moves: a column with -1 (down) or 1 (up), or with 0 for the 1 of its group, or an emptied number."""
    space = ball.space
    numbers = [(int(j), way) for j in space.free.nonzero().squeeze(1) for way in (-1, 1)]
    if not ball.flips:
        return numbers
    places = [j for group in space.groups for j in range(group.start, group.stop) if j not in space.closed]
    return [*numbers, *((j, 0) for j in (*places, *space.optional))]


def _probed(found: Search, generator: torch.Generator, progress: Progress) -> tuple[list[tuple[int, int]], Tensor]:
    """Single moves from x, so many as the queries allow, and what each gains (moves, n); -inf where it was not asked."""
    moves = _moves(found.ball)
    most = int(PROBED * found.left)
    if len(moves) > most:
        moves = [moves[i] for i in torch.randperm(len(moves), generator=generator)[:most].tolist()]
    gains = torch.full((len(moves), len(found.x)), -torch.inf, dtype=found.x.dtype)
    at = found.margin.clone() if torch.equal(found.best, found.x) else judged(found.module, found.x, found.y).margin
    for i, move in enumerate(moves):
        rows = found.alive
        if len(rows) == 0:
            break
        progress.step(i / len(moves), f"column by column, {i + 1} of {len(moves)} moves, {len(rows)} rows stand")
        ball = found.ball.of(rows)
        change, grouped = _single(ball, found.x[rows], move)
        gains[i, rows] = found.ask(rows, ball.made(found.x[rows], change, grouped)) - at[rows]
    return moves, gains


def _single(ball: Ball, x: Tensor, move: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """One move made: the change (n, d) in ranges, and the rows with their categories."""
    place, way = move
    change, grouped = torch.zeros_like(x), x
    if way:
        low, high = ball.room(x)
        change[:, place] = (low if way < 0 else high)[:, place]
    else:
        grouped = _set(ball.space, x, place)
    return change, grouped


def _set(space: PerturbationSpace, x: Tensor, place: int) -> Tensor:
    moved = x.clone()
    for group in space.groups:
        if group.start <= place < group.stop:
            moved[:, group] = 0.0
    moved[:, place] = torch.nan if place in space.optional else 1.0
    return moved


def _together(found: Search, moves: list[tuple[int, int]], gains: Tensor) -> None:
    """All numbers that gained by themselves and the best categories at once; then the categories one after the other."""
    rows = found.alive
    if len(rows) == 0 or not moves or found.left <= 0:
        return
    x, own, ball = found.x[rows], gains[:, rows], found.ball.of(rows)
    low, high = ball.room(x)
    change, seen = torch.zeros_like(x), torch.zeros_like(x)
    for (place, way), gain in zip(moves, own, strict=True):
        if way:
            better = gain > seen[:, place]
            change[better, place] = (low if way < 0 else high)[better, place]
            seen[better, place] = gain[better]
    grouped = x.clone()
    flips = [i for i, (_, way) in enumerate(moves) if way == 0]
    for _ in range(ball.flips if flips else 0):
        grouped = _best_flip(ball, x, grouped, moves, own, flips)
    worth = _worth(ball, moves, own)
    for now in [x] if not flips else [x, grouped]:
        stand = (found.margin[rows] <= found.enough).nonzero().squeeze(1)
        if found.left > 0 and len(stand):
            found.ask(rows[stand], ball.of(stand).made(x[stand], change[stand], now[stand], None if worth is None else worth[stand]))


def _worth(ball: Ball, moves: list[tuple[int, int]], gains: Tensor) -> Tensor | None:
    """What each feature gained at best by itself, (n, features); None where nothing is limited."""
    limits = ball.limits
    if limits is None:
        return None
    worth = torch.zeros(gains.shape[1], len(limits.per_change), dtype=torch.float64)
    for (place, _), gain in zip(moves, gains, strict=True):
        owner = int(limits.owner[place])
        worth[:, owner] = torch.maximum(worth[:, owner], gain.double().clamp(0.0, 1e6))
    return worth


def _best_flip(ball: Ball, x: Tensor, grouped: Tensor, moves: list[tuple[int, int]], gains: Tensor, flips: list[int]) -> Tensor:
    """The category that gained most of those in parts that are not changed yet."""
    changed = changed_groups(grouped, x, ball.space)
    parts = ball.space.parts
    best, gained = grouped.clone(), torch.zeros(len(x), dtype=x.dtype)
    for i in flips:
        place = moves[i][0]
        part = next(k for k, p in enumerate(parts) if p.start <= place < p.stop)
        better = (gains[i] > gained) & ~changed[:, part]
        best[better] = _set(ball.space, grouped[better], place)
        gained = torch.where(better, gains[i], gained)
    return best


def _varied(found: Search, rows: Tensor, generator: torch.Generator) -> Tensor:
    """The best points with one column or a few set anew: to the edge of the ball, inside it, or back."""
    ball, x, best = found.ball.of(rows), found.x[rows], found.best[rows]
    space, n = ball.space, len(rows)
    change, grouped = space.change(x, best), regrouped(x, best, space)
    draw = torch.rand(x.shape, generator=generator, dtype=x.dtype).masked_fill(space.free == 0, 2.0)
    several = torch.rand(n, 1, generator=generator, dtype=x.dtype) < SEVERAL
    chosen = (draw == draw.amin(1, keepdim=True)) | (several & (draw < 3.0 / max(space.dimensions, 1)))
    chosen &= space.free > 0
    low, high = ball.room(x)
    inside = low + (high - low) * torch.rand(x.shape, generator=generator, dtype=x.dtype)
    edge = torch.where(torch.rand(x.shape, generator=generator) < 0.5, low, high)
    kind = torch.rand(x.shape, generator=generator)
    anew = torch.where(kind < EDGE, edge, torch.where(kind < 1 - BACK, inside, 0.0))
    group = torch.rand(n, generator=generator) < (0.0 if not ball.flips else 0.3 if space.dimensions else 1.0)
    change = torch.where(chosen & ~group[:, None], anew, change)
    if bool(group.any()):
        grouped[group] = _flipped(ball, x[group], grouped[group], generator)
    worth = None
    if ball.limits is not None:  # what is new first, of the others any
        anew = ball.limits.by_feature(chosen.double()) > 0
        worth = torch.rand(anew.shape, generator=generator, dtype=torch.float64) + anew * (~group[:, None])
    return ball.made(x, change, grouped, worth)


def _flipped(ball: Ball, x: Tensor, grouped: Tensor, generator: torch.Generator) -> Tensor:
    """One category set anew; where no more may be changed another one goes back."""
    space, moved = ball.space, grouped.clone()
    places = [j for j, way in _moves(ball) if way == 0]
    part = [next(k for k, p in enumerate(space.parts) if p.start <= place < p.stop) for place in places]
    pick = torch.randint(0, len(places), (len(x),), generator=generator)
    changed = changed_groups(grouped, x, space)
    own = changed.gather(1, torch.tensor(part)[pick, None]).squeeze(1)
    full = ~own & (changed.sum(1) >= ball.flips)
    for k, there in enumerate(space.parts):
        back = full & changed[:, k]
        moved[back, there] = x[back, there]
    return set_columns(moved, torch.tensor(places)[pick], space)
