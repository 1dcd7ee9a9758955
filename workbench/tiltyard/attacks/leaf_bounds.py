"""What the leaves of trees prove: rows that no change within eps makes any other class, by the worst leaf within reach of every tree.

Of each tree the leaf within reach that speaks most for another class is taken, as if all could be had at once; so what is proved holds, and
of a single tree nothing is lost. After Chen et al. 2019 (arXiv:1906.03849), whose first level this is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..targets.target import Target
from .perturbation_space import PerturbationSpace
from .tree_leaves import Leaves

Floats = NDArray[np.float64]
MOST = 4e9  # leaves times columns times rows that are looked at
PAD = 1e-4
NEAR = {True: 1e-9, False: 1e-4}


@dataclass(frozen=True)
class Proof:
    """Which rows (n,) are proved to stay right; None and why where nothing can be proved."""

    rows: NDArray[np.bool_] | None
    why: str = ""


@dataclass(frozen=True)
class Additive:
    """How scores are made of leaves: their sum and ``start`` (classes,) ranks the classes; ``near`` is what rounding may change of a margin."""

    start: Floats
    near: float


def proved(target: Target, sample: Dataset, leaves: Leaves, space: PerturbationSpace, eps: float, flips: int) -> Proof:
    """Rows of ``sample`` that the target answers rightly whatever is changed within ``eps`` ranges of each number and ``flips`` categories.

    It holds for every norm, for a change within eps by l2 or l1 is within eps in each number.
    """
    x = torch.from_numpy(target.encoding.encode(sample.x, np.float64, holding=True))
    used = np.isfinite(leaves.low).any(0) | np.isfinite(leaves.high).any(0)
    if float(len(leaves.low)) * int(used.sum()) * len(x) > MOST:
        return Proof(None, f"{len(leaves.low):,} leaves are too many to look through for {len(x):,} rows")
    if not leaves.certain:
        return Proof(None, "a step before its trees is not known to be monotone")
    if target.decision is not None:
        return Proof(None, f"the decision is not its largest score: {target.rule}")
    additive = _additive(target, sample, leaves, x.numpy())
    if additive is None:
        return Proof(None, "its scores are not the sum of its leaves")
    low, high = _reach(x, space, eps, flips)
    starts = np.flatnonzero(np.diff(leaves.tree, prepend=-1))
    held = [_holds(leaves, additive, starts, space, flips, (x[i].numpy(), low[i], high[i]), int(sample.y[i])) for i in range(len(x))]
    return Proof(np.array(held, bool))


def _additive(target: Target, sample: Dataset, leaves: Leaves, z: Floats) -> Additive | None:
    """How the target's own scores are made of the leaves, as it answers the rows itself; None where they are not."""
    whole = ~np.isnan(z).any(1)
    if not whole.any() or len(np.unique(leaves.tree)) != leaves.trees:
        return None
    scores, labels, z = target.scores(sample.x[whole]), target.labels(sample.x[whole]), z[whole]
    z = z.astype(np.float32).astype(np.float64) if leaves.narrow else z
    inside = np.stack([((row > leaves.low) & (row <= leaves.high)).all(1) for row in z])
    if not (inside.sum(1) == leaves.trees).all():
        return None
    total = inside @ leaves.value
    shares = bool(np.abs(scores - total).max() < 1e-6)
    start = np.zeros(scores.shape[1])
    if not shares:
        sure = scores.min(1) > 1e-6
        left = np.log(scores[sure]) - total[sure]
        left = left - left[:, :1]
        if not sure.any() or float(np.ptp(left, axis=0).max()) > NEAR[False]:
            return None
        start = np.median(left, 0)
    margin = np.sort(total + start, 1)
    clear = margin[:, -1] - margin[:, -2] > NEAR[shares]
    agrees = bool(((total + start).argmax(1) == labels)[clear].all())
    return Additive(start, NEAR[shares]) if agrees else None


def _reach(x: torch.Tensor, space: PerturbationSpace, eps: float, flips: int) -> tuple[Floats, Floats]:
    """The least and the largest that each number may become, (n, width); more rather than less."""
    low, high = space.room(x)
    eps = eps * (1 + PAD)
    down, up = x + low.clamp_min(-eps) * space.scale, x + high.clamp_max(eps) * space.scale
    down, up = torch.where(space.whole, (down - PAD).ceil(), down), torch.where(space.whole, (up + PAD).floor(), up)
    free = torch.zeros(x.shape[1], dtype=torch.bool)
    free[list(space.repair.recomputed_columns if space.repair else ())] = True
    free[list(space.optional if flips else ())] = True
    open_ones = free | x.isnan()
    return torch.where(open_ones, -torch.inf, down).numpy(), torch.where(open_ones, torch.inf, up).numpy()


def _holds(
    leaves: Leaves,
    additive: Additive,
    starts: NDArray[np.intp],
    space: PerturbationSpace,
    flips: int,
    row: tuple[Floats, Floats, Floats],
    y: int,
) -> bool:
    """Does no class gain more than the true one, were the worst leaf within reach of every tree taken?"""
    z, low, high = row
    numbers = np.ones(len(z), bool)
    needed = np.zeros(len(leaves.low), np.int64)
    reached = np.ones(len(leaves.low), bool)
    for group in space.groups:  # columns of groups that may not change are as numbers that may not: they reach no farther than they are
        numbers[group] = False
        own, other = _categories(leaves, group, z, space.closed)
        reached &= own | (other & (flips > 0))
        needed += ~own
    reached &= needed <= flips
    least, most = _narrowed(low, high, leaves.narrow)
    whole = space.whole.numpy()
    below = np.where(whole, np.maximum(least, np.floor(leaves.low) + 1), least)
    above = np.where(whole, np.minimum(most, np.floor(leaves.high)), most)
    inside = (most > leaves.low) & (least <= leaves.high) & (~whole | (below <= above))
    reached &= inside[:, numbers].all(1)
    if not (np.add.reduceat(reached, starts) > 0).all():
        return False
    gains = np.where(reached[:, None], leaves.value - leaves.value[:, [y]], -np.inf)
    bound = np.maximum.reduceat(gains, starts, axis=0).sum(0) + additive.start - additive.start[y]
    bound[y] = -np.inf
    return bool(bound.max() < -additive.near)


def _narrowed(low: Floats, high: Floats, narrow: bool) -> tuple[Floats, Floats]:
    """The ends as they are compared in float32 too."""
    if not narrow:
        return low, high
    return np.minimum(low, low.astype(np.float32)), np.maximum(high, high.astype(np.float32))


def _categories(leaves: Leaves, group: slice, z: Floats, closed: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which leaves (m,) the category held may be in, and which any other that an attacker may choose."""
    low, high = leaves.low[:, group], leaves.high[:, group]
    zero, one = (low < 0) & (high >= 0), (low < 1) & (high >= 1)
    allowed = one & (zero.sum(1)[:, None] - zero == zero.shape[1] - 1)
    held = int(z[group].argmax())
    others = np.array([place != held and group.start + place not in closed for place in range(zero.shape[1])])
    return allowed[:, held], (allowed & others).any(1)
