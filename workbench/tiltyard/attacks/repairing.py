"""Rows that an attack moved as valid rows: numbers, whole ones too, then implied values, then derived columns."""

import torch
from torch import Tensor

from ..datasets.relation_kinds import Clause, Implied
from .norms import length
from .relaxing import FINE, NEAR_ZERO, relaxed
from .repair import EncodedCells, Repair, Space

BACK = (1.0, 0.5, 0.25, 0.125, 0.0)


def repaired(repair: Repair, space: Space, origin: Tensor, rows: Tensor, eps: float | None = None, flips: int = 0) -> Tensor:
    """The rows (n, width), made of ``origin`` by changes, as valid ones; ``origin`` itself where that cannot be.

    Parameters
    ----------
    eps
        How far the numbers may move from ``origin`` in the norm; None: as far as they did.
    flips
        How many parts may differ from ``origin`` once implied categories followed.
    """
    found = repair.recomputed(rows)
    unrelated = repair.broken(found) | _outside(repair, space, found)
    bad = (unrelated | repair.over(origin, found)).nonzero().squeeze(1)
    if len(bad) == 0:
        return found
    repair.tally.repaired += int(unrelated.sum())
    found = found.clone()
    change = space.change(origin[bad], rows[bad])
    for share in BACK:
        was = origin[bad]
        tried = _tried(repair, space, was, rows[bad], change * share, eps, flips)
        found[bad] = tried
        left = repair.broken(tried) | _outside(repair, space, tried) | repair.over(was, tried)
        bad, change = bad[left], change[left]
        if len(bad) == 0:
            return found
    repair.tally.put_back += int(unrelated[bad].sum())
    found[bad] = origin[bad]
    return found


def _outside(repair: Repair, space: Space, z: Tensor) -> Tensor:
    """Rows with a derived column outside its bounds, bool (n,)."""
    places = list(repair.recomputed_columns)
    part = z[:, places]
    found: Tensor = ((part < space.low[places] - FINE) | (part > space.high[places] + FINE)).any(1)
    return found


def _tried(repair: Repair, space: Space, origin: Tensor, rows: Tensor, change: Tensor, eps: float | None, flips: int) -> Tensor:
    """One way to repair: the numbers at ``change``, then implied values, then derived columns."""
    if repair.limits is not None:
        rows, change = repair.limits.kept(space, origin, rows, change)
    emptied = rows.isnan() & ~origin.isnan()
    change = relaxed(repair, space, origin, change, None, eps)
    step = change * space.scale
    step = torch.where(space.whole, (step + 1e-4 * step.sign()).trunc(), step)
    z = torch.where(step == 0, torch.where(space.free > 0, origin, rows), torch.clamp(origin + step, space.low, space.high))
    z = torch.where(emptied, torch.nan, z)
    z = _whole_sums(repair, space, origin, _zeroed(repair, space, z))
    for _ in range(2):
        for relation in repair.every:
            if isinstance(relation, Implied):
                z = _implied(repair, space, origin, z, relation, eps, flips)
    return repair.recomputed(z)


def _zeroed(repair: Repair, space: Space, z: Tensor) -> Tensor:
    """Columns of which one may be above zero and that all but are zero, at zero."""
    for group in repair.exclusive:
        places = torch.tensor(group)
        part = z[:, places]
        many = ((part > 0).sum(1) > 1)[:, None]
        near = many & (part > 0) & (part < NEAR_ZERO * space.scale[places] + 1e-12) & (space.free[places] > 0)
        z = z.clone()
        z[:, places] = torch.where(near, 0.0, part)
    return z


def _whole_sums(repair: Repair, space: Space, origin: Tensor, z: Tensor) -> Tensor:
    """Where rounding broke a sum: whole numbers nearer to the origin, one column after the other, others by what is left."""
    if not repair.summed or not bool(space.whole[list(repair.summed)].any()):
        return z
    order = sorted(range(len(repair.summed)), key=lambda k: not bool(space.whole[repair.summed[k]]))
    z = z.clone()
    for _ in range(2 * len(repair.factors) + 1):
        clean = True
        for row, bound in zip(repair.factors, repair.bounds, strict=True):
            size = (z[:, list(repair.summed)].double().nan_to_num(0.0) * row).abs().sum(1) + bound.abs()
            for k in order:
                excess = z[:, list(repair.summed)].double().nan_to_num(0.0) @ row - bound
                excess = torch.where(excess > 1e-7 * size, excess, 0.0)
                if not bool((excess > 0).any()):
                    break
                clean = False
                _nearer(space, origin, z, repair.summed[k], float(row[k]), excess)
        if clean:
            break
    return z


def _nearer(space: Space, origin: Tensor, z: Tensor, place: int, factor: float, excess: Tensor) -> None:
    """Moves a column of ``z`` towards the origin by what takes off ``excess`` (n,), or as far as it moved."""
    step = (z[:, place] - origin[:, place]).double().nan_to_num(0.0)
    if factor == 0 or not float(space.free[place]):
        return
    wanted = excess / abs(factor)
    wanted = (wanted - 1e-6).ceil() if bool(space.whole[place]) else wanted
    left = torch.minimum(step.abs(), wanted) * step.sign() * ((step * factor) > 0)
    z[:, place] = torch.where(
        left == 0, z[:, place], torch.where(left == step, origin[:, place], (z[:, place].double() - left).to(z.dtype))
    )


def _implied(repair: Repair, space: Space, origin: Tensor, z: Tensor, relation: Implied, eps: float | None, flips: int) -> Tensor:
    """An implied value follows where that is within the budget; else what implied it is taken back."""
    bad = relation.broken(EncodedCells(z, repair.encoding)).nonzero().squeeze(1)
    if len(bad) == 0:
        return z
    z, was, now = z.clone(), origin[bad], z[bad]
    cells = EncodedCells(was, repair.encoding)
    before = torch.ones(len(bad), dtype=torch.bool)
    back = now.clone()
    for clause in relation.given:
        held = clause.holds(cells)
        before &= held
        part = repair.encoding.slices[clause.column]
        back[:, part] = torch.where(held[:, None], back[:, part], was[:, part])
    part = repair.encoding.slices[relation.then.column]
    back[:, part] = torch.where(before[:, None], was[:, part], back[:, part])
    follow = _followed(repair, space, now, relation.then)
    within = _within(repair, space, was, now, follow, eps, flips) & ~repair.over(was, follow)
    z[bad] = torch.where((within & ~before)[:, None], follow, back)
    return z


def _within(repair: Repair, space: Space, was: Tensor, now: Tensor, follow: Tensor, eps: float | None, flips: int) -> Tensor:
    """Rows (n,) whose changes to ``follow`` are within eps and flips."""
    size = length(space.change(was, follow), repair.norm)
    most = length(space.change(was, now), repair.norm) if eps is None else torch.full_like(size, eps)
    allowed = size <= most * (1 + 1e-6) + 1e-9
    low, high = space.room(was)
    change = space.change(was, follow)
    allowed &= ((change >= low - 1e-9) & (change <= high + 1e-9)).all(1)
    moved = _differing(follow, now).any(1)
    counted, grouped = _changed_parts(follow, was, space), _changed_parts(now, was, space)
    return allowed & moved & (counted <= torch.maximum(torch.full_like(counted, flips), grouped))


def _differing(one: Tensor, other: Tensor) -> Tensor:
    """Where rows differ, bool of their shape; NaN is equal to NaN."""
    return (one != other) & ~(one.isnan() & other.isnan())


def _changed_parts(one: Tensor, other: Tensor, space: Space) -> Tensor:
    """How many categories and emptied numbers differ, (n,)."""
    counted = torch.zeros(len(one), dtype=torch.int64)
    for group in space.groups:
        counted += (one[:, group] != other[:, group]).any(1)
    for column in space.optional:
        counted += one[:, column].isnan() != other[:, column].isnan()
    return counted


def _followed(repair: Repair, space: Space, z: Tensor, then: Clause) -> Tensor:
    """Rows with the implied value set, where an attacker may change the column; else as they are."""
    part = repair.encoding.slices[then.column]
    (feature,) = (f for f in repair.encoding.features if f.name == then.column)
    moved = z.clone()
    if then.sign:
        if float(space.free[part.start]) and then.sign in ("<=", ">=", "="):
            low = -torch.inf if then.sign == "<=" else then.bound
            high = torch.inf if then.sign == ">=" else then.bound
            moved[:, part] = z[:, part].clamp(low, high)
        return moved
    places = [i for i, value in enumerate(feature.values) if (value in then.values) != then.other and part.start + i not in space.closed]
    if part in space.groups and places:
        moved[:, part] = 0.0
        moved[:, part.start + places[0]] = 1.0
    return moved
