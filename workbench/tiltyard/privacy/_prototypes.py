"""Class prototypes from a model alone: up its gradients under a prior, or by its labels alone, away from the border.

No row of the data is used: a prototype that began at one would be near it by itself.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.schema import Rows
from ..progress import Progress
from ..targets.target import Target
from ._prototype_space import PrototypeSpace

RATE = 0.05
PRIOR = 0.02  # weight of the squared distance to the middle of the range
DIRECTIONS = 32
GROWTH = 1.3
START = 0.1  # of the cube's diagonal, the first radius
SEARCH = 0.4  # of the queries, to find points of the class


@dataclass(frozen=True)
class Prototypes:
    """Rows ``x`` that stand for the class ``label`` (n,), in the order of classes, and how surely each does: the surest of a class has the largest ``strength``."""

    x: Rows
    label: NDArray[np.int64]
    strength: NDArray[np.float64]


def roughness(x: Tensor) -> Tensor:
    """Total variation of pictures (n, channels, height, width), a mean over pixels of each, float32 (n,); 0 of rows of a table."""
    if x.ndim != 4:
        return torch.zeros(len(x))
    return x.diff(dim=2).abs().mean((1, 2, 3)) + x.diff(dim=3).abs().mean((1, 2, 3))


def climbed(
    module: nn.Module, space: PrototypeSpace, classes: int, each: int, steps: int, smooth: float, seed: int, progress: Progress
) -> Tensor:
    """``each`` points a class (classes * each, *shape), by Adam from random starts (Fredrikson et al. 2015).

    The cross-entropy is minimized, which is flat once a point is of the class, and the logit of the class is raised, which is not
    (Nguyen et al. 2023, arXiv 2304.01669); half of the points are held to the middle of the range, so that they do not all end in a
    corner of it. ``smooth`` weighs total variation, of pictures only. The rate falls tenfold for the last third of the steps.
    """
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(classes).repeat_interleave(each)
    held = PRIOR * (torch.arange(each).repeat(classes) % 2 == 1)
    points = space.fine(torch.rand((len(y), *space.coarse), generator=source)).clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=RATE)
    falls = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2 * steps // 3], gamma=0.1)
    for i in range(steps):
        progress.step(i / steps, f"climbing, step {i + 1} of {steps}")
        out = module(space.encoded(points))
        entropy = nn.functional.cross_entropy(out, y, reduction="none")
        far = (points - 0.5).flatten(1).square().sum(1)
        loss = entropy - out.gather(1, y[:, None])[:, 0] + held * far + smooth * roughness(points)
        optimizer.zero_grad(set_to_none=True)
        (points.grad,) = torch.autograd.grad(loss.sum(), [points])
        optimizer.step()
        falls.step()
        with torch.no_grad():
            points.clamp_(0, 1)
    return points.detach()


def started(target: Target, space: PrototypeSpace, each: int, budget: int, source: torch.Generator, progress: Progress) -> list[Tensor]:
    """Of random points up to ``each`` that the target gives each class; fewer, or none, where ``budget`` queries find no more."""
    found: list[list[Tensor]] = [[] for _ in target.classes]
    size, asked = 1024, 0
    while asked < budget and any(len(part) < each for part in found):
        progress.step(asked / budget, "looking for points of each class")
        n = min(size, budget - asked)
        points = _random(space, n, source)
        labels = target.labels(space.rows(space.fine(points)))
        for k, part in enumerate(found):
            part.extend(points[torch.from_numpy(np.flatnonzero(labels == k))][: each - len(part)])
        asked += n
    return [torch.stack(part) if part else torch.empty((0, *space.coarse)) for part in found]


def _random(space: PrototypeSpace, n: int, source: torch.Generator) -> Tensor:
    """Uniform points, pushed towards the ends by a contrast of their own: a corner of the range is rare among uniform ones."""
    points = torch.rand((n, *space.coarse), generator=source)
    contrast = 1 + 4 * torch.rand((n, *(1,) * len(space.coarse)), generator=source)
    shift = torch.rand((n, *(1,) * len(space.coarse)), generator=source)
    return ((points - shift) * contrast + shift).clamp(0, 1)


def repelled(
    target: Target, space: PrototypeSpace, start: Tensor, label: int, budget: int, source: torch.Generator, progress: Progress
) -> tuple[Tensor, NDArray[np.float64]]:
    """Points of the class ``label`` moved away from its border by labels alone (BREP-MI: Kahla et al. 2022, arXiv 2203.06580).

    Each point asks on a sphere around it. Where all of the sphere is of the class its radius grows; else the point moves away from
    where it is not, and stays where that would leave the class. Returns the points and the largest radius that each filled, in the
    cube's own unit.
    """
    points, n, d = start.clone(), len(start), int(np.prod(start.shape[1:]))
    radius, filled = np.full(n, START * d**0.5), np.zeros(n)
    rounds = max(1, budget // (n * (DIRECTIONS + 1)))
    for i in range(rounds):
        progress.step(i / rounds, f"repelling, round {i + 1} of {rounds}")
        way = torch.randn((n, DIRECTIONS, d), generator=source)
        way /= way.norm(dim=2, keepdim=True)
        there = points.flatten(1)[:, None] + torch.from_numpy(radius).float()[:, None, None] * way
        asked = there.clamp(0, 1).reshape(-1, *start.shape[1:])
        outside = torch.from_numpy((target.labels(space.rows(space.fine(asked))) != label).reshape(n, DIRECTIONS)).float()
        push = -(outside[:, :, None] * way).mean(1)
        full = (outside.sum(1) == 0).numpy()
        filled = np.where(full, np.maximum(filled, radius), filled)
        step = torch.from_numpy(np.where(full, 0.0, radius / 3)).float()[:, None]
        moved = (points.flatten(1) + step * push / push.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp(0, 1).reshape(start.shape)
        kept = torch.from_numpy(target.labels(space.rows(space.fine(moved))) == label)
        points[kept] = moved[kept]
        radius = np.where(full, np.minimum(radius * GROWTH, d**0.5), radius)
    return points, filled


def by_gradients(target: Target, module: nn.Module, each: int, steps: int, smooth: float, seed: int, progress: Progress) -> Prototypes:
    """``each`` prototypes a class, of those the ones that the target then decides as that class; by its scores the surest are told."""
    space, k = PrototypeSpace(target.encoding), len(target.classes)
    x = space.rows(climbed(module, space, k, each, steps, smooth, seed, progress))
    label = np.repeat(np.arange(k), each)
    answer = target.predictions(x)
    kept = answer.labels == label
    return Prototypes(x[kept], label[kept], answer.scores[np.arange(len(x)), label][kept])


def by_labels(target: Target, each: int, query_budget: int, seed: int, progress: Progress) -> Prototypes:
    """As `by_gradients` from labels alone, within about ``query_budget`` queries; the surest filled the largest sphere."""
    space, source = PrototypeSpace(target.encoding), torch.Generator().manual_seed(seed)
    starts = started(target, space, each, int(SEARCH * query_budget), source, progress.part(SEARCH))
    reached = [k for k, start in enumerate(starts) if len(start)]
    share = int((1 - SEARCH) * query_budget) // max(1, len(reached))
    x, label, strength = [np.empty((0, *target.schema.shape), target.schema.dtype)], [np.empty(0, np.int64)], [np.empty(0)]
    for k in reached:
        points, filled = repelled(target, space, starts[k], k, share, source, progress.part((1 - SEARCH) / len(reached)))
        x.append(space.rows(space.fine(points)))
        label.append(np.full(len(points), k))
        strength.append(filled)
    return Prototypes(np.concatenate(x), np.concatenate(label), np.concatenate(strength))
