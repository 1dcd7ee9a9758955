"""Spaces whose rows cost no more than they may, and what is left of that once categories were changed."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..datasets.encoding import encoding_of
from ..datasets.schema import Schema
from .limits import Limits
from .perturbation_space import PerturbationSpace
from .repair import Repair

STEPS = 16  # rows that spent the same sixteenth of the money are attacked together


def limited(space: PerturbationSpace, schema: Schema, limits: Limits | None) -> PerturbationSpace:
    """The same space, whose rows are repaired to cost no more than ``limits``."""
    if limits is None:
        return space
    repair = space.repair or Repair(encoding_of(schema), (), ())
    return replace(space, repair=replace(repair, limits=limits), plain=False)


def spent(space: PerturbationSpace, x: Tensor, other: Tensor) -> list[tuple[Tensor, PerturbationSpace]]:
    """The rows in parts (numbers of rows, int64), each with the space that is left to it after x (n, width) became ``other``."""
    repair = space.repair
    if repair is None or repair.limits is None:
        return [(torch.arange(len(x)), space)]
    limits = repair.limits
    parts = _alike(limits, x, other)
    return [(rows, replace(space, repair=replace(repair, limits=limits.after(x[rows], other[rows])))) for rows in parts]


def _alike(limits: Limits, x: Tensor, other: Tensor) -> list[Tensor]:
    """The rows in parts that spent alike."""
    money = limits.cost(x, other) if 0 < limits.max_cost < torch.inf else torch.zeros(len(x), dtype=torch.float64)
    alike = torch.stack([limits.changed(x, other).sum(1), (money / limits.max_cost * STEPS).ceil()], 1)
    _, which = np.unique(alike.numpy(), axis=0, return_inverse=True)
    return [torch.from_numpy(np.flatnonzero(which.ravel() == k)) for k in range(int(which.max()) + 1 if len(x) else 0)]


def thinned(space: PerturbationSpace, x: Tensor, change: Tensor, generator: torch.Generator) -> Tensor:
    """The change (n, width) of numbers with any columns put back until it is within the limits; as it is without any."""
    if space.repair is None or space.repair.limits is None:
        return change
    limits = space.repair.limits
    worth = torch.rand(len(x), len(limits.per_change), generator=generator, dtype=torch.float64)
    return limits.kept(space, x, x, change, worth)[1]
