"""Square on pictures in linf (arXiv:1912.00049), with several proposals of a row in one batch.

The paper asks one square after the other. Most are refused, and as long as they are it makes no difference whether they are asked together:
so a round asks as many as it takes until about half of the rows have one that helps, and goes on from the best. A row is asked as often as
in the paper; the batches are fewer and larger.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..progress import Progress
from .perturbation_space import BLOCK, LEAST, Attacked, judged

PER_ROUND = 0.5  # rows that go on after a round, about
MOST = 16  # proposals of a row in a round
MEMORY = 0.9  # of the share of proposals that helped, from round to round


@dataclass(frozen=True)
class Box:
    """How low and how high each number of the rows under attack may be, both (n, c, h * w)."""

    low: Tensor
    high: Tensor

    def take(self, rows: Tensor) -> "Box":
        """These rows."""
        return Box(self.low.index_select(0, rows), self.high.index_select(0, rows))


def rounds(
    module: nn.Module,
    start: Tensor,
    y: Tensor,
    box: Box,
    queries: int,
    generator: torch.Generator,
    shares: Callable[[float], float],
    enough: float = 0.0,
    progress: Progress | None = None,
) -> Attacked:
    """Squares at the ends of the box, kept where they raise the margin, until a row fools or was asked ``queries`` times.

    Parameters
    ----------
    start : float (n, c, h, w)
        Where to begin, within the box.
    shares
        The share of the picture that a square covers, by the share of the queries done.
    enough
        The margin above which a row is left.
    """
    first = judged(module, start, y)
    found, margin = start.clone(), first.margin.clone()
    rows = torch.arange(len(start))
    point, now, helped, done = found, margin, PER_ROUND, 1
    while done < queries:
        left = (now <= enough).nonzero().squeeze(1)
        if len(left) < len(rows):
            rows, point, now, y, box = rows[left], point.index_select(0, left), now[left], y[left], box.take(left)
        if len(rows) == 0:
            break
        room = max(BLOCK // start[0].numel(), LEAST) // len(rows)
        each = max(1, min(round(PER_ROUND / max(helped, PER_ROUND / MOST)), room, MOST, queries - done))
        if progress:
            progress.step(done / queries, f"query {done} of {queries}, {len(rows)} rows left")
        candidates = squared(point, box, each, shares(done / queries), generator)
        tried = judged(module, candidates, y.repeat_interleave(each)).margin.reshape(len(rows), each)
        helped = MEMORY * helped + (1 - MEMORY) * float((tried > now[:, None]).float().mean())
        best = tried.max(1)
        won = (best.values > now).nonzero().squeeze(1)
        better = candidates.index_select(0, won * each + best.indices[won])
        point = point.index_copy(0, won, better) if point is found else point.index_copy_(0, won, better)
        now = now.index_copy(0, won, best.values[won])
        found.index_copy_(0, rows[won], better)
        margin[rows[won]] = now[won]
        done += each
    return Attacked(found, margin, torch.zeros(len(start), dtype=torch.bool))


def squared(point: Tensor, box: Box, times: int, part: float, generator: torch.Generator) -> Tensor:
    """``times`` copies of each row, (n * times, c, h, w), with a random square set to an end of the box, a channel at a time.

    The square covers ``part`` of the picture. Where it would change nothing it is set to the other end.
    """
    n, c, h, w = point.shape
    side = max(1, min(round((part * h * w) ** 0.5), h, w))
    corner = torch.randint(0, h - side + 1, (n * times, 1), generator=generator) * w
    corner += torch.randint(0, w - side + 1, (n * times, 1), generator=generator)
    offsets = (torch.arange(side)[:, None] * w + torch.arange(side)).reshape(1, -1)
    where = (corner + offsets)[:, None].expand(-1, c, -1)
    up = torch.randint(0, 2, (n * times, c, 1), generator=generator) > 0
    owner = torch.arange(n).repeat_interleave(times)
    changed = point.flatten(2).repeat_interleave(times, 0)
    place = (owner[:, None, None], torch.arange(c)[None, :, None], where)
    low, high, was = box.low[place], box.high[place], changed.gather(2, where)
    new = torch.where(up, high, low)
    still = (new == was).flatten(1).all(1)[:, None, None]
    new = torch.where(still, torch.where(up, low, high), new)
    return changed.scatter_(2, where, new).reshape(n * times, c, h, w)
