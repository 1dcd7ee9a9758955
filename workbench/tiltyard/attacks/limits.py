"""What the changes of a row of a table may cost: at most so much money, and at most so many columns.

Costs are the schema's: of a column so much for any change, and of a number so much for each unit that it is moved. Derived columns follow
from others and are free. Where a row is over its limits the columns that are worth least for what they cost are put back, and the number at
which the money ends goes as far as the money reaches (a fractional knapsack, filled by worth for cost).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..datasets.encoding import encoding_of
from ..datasets.schema import Schema

CLOSE = 1e-6
LEAST = 1e-6  # of a change: less than this share is none


class Ranges(Protocol):
    """A `PerturbationSpace`, as far as limits look at it."""

    @property
    def scale(self) -> Tensor: ...


@dataclass(frozen=True)
class Limits:
    """Money and columns that the changes of an encoded row (width,) may take.

    Attributes
    ----------
    owner : int64 (width,)
        Which feature an encoded column belongs to, 0 to f - 1.
    per_unit : float64 (width,)
        Money for each unit that a number is moved; 0 in groups and in derived columns.
    per_change : float64 (f,)
        Money for any change of a feature.
    counted : float64 (f,)
        0 for derived features, which are free and not counted; else 1.
    max_changes, max_cost
        How many features may be changed, and for how much money; inf where there is no limit.
    """

    owner: Tensor
    per_unit: Tensor
    per_change: Tensor
    counted: Tensor
    max_changes: float = torch.inf
    max_cost: float = torch.inf

    @staticmethod
    def of(schema: Schema, max_changes: float = torch.inf, max_cost: float = torch.inf) -> "Limits":
        """The limits over a schema's encoded columns."""
        encoding, features = encoding_of(schema), schema.features
        derived = {d.name for d in schema.related.derived}
        owner = torch.zeros(len(encoding.low), dtype=torch.int64)
        for i, feature in enumerate(features):
            owner[encoding.slices[feature.name]] = i
        free = [0.0 if f.name in derived else 1.0 for f in features]
        units = torch.tensor([f.cost_per_unit * one for f, one in zip(features, free, strict=True)], dtype=torch.float64)
        change = torch.tensor([f.cost_per_change * one for f, one in zip(features, free, strict=True)], dtype=torch.float64)
        return Limits(owner, units[owner], change, torch.tensor(free, dtype=torch.float64), max_changes, max_cost)

    def changed(self, x: Tensor, other: Tensor) -> Tensor:
        """Which features differ, float64 (n, f); derived ones never."""
        differs = (x != other) & ~(x.isnan() & other.isnan())
        return (self._by_feature(differs.double()) > 0).double() * self.counted

    def cost(self, x: Tensor, other: Tensor) -> Tensor:
        """Money that the change from x to ``other`` costs, float64 (n,); emptying a number costs its change alone."""
        moved = (other - x).double().abs().nan_to_num(nan=0.0)
        return moved @ self.per_unit + self.changed(x, other) @ self.per_change

    def over(self, x: Tensor, other: Tensor) -> Tensor:
        """Which changes are beyond the limits, bool (n,)."""
        many = self.changed(x, other).sum(1) > self.max_changes
        return many | (self.cost(x, other) > self.max_cost * (1 + CLOSE) + CLOSE)

    def after(self, x: Tensor, other: Tensor) -> "Limits":
        """What is left once all of x are ``other``: of the row that spent most."""
        if len(x) == 0:
            return self
        changes, cost = float(self.changed(x, other).sum(1).max()), float(self.cost(x, other).max())
        return replace(self, max_changes=max(self.max_changes - changes, 0.0), max_cost=max(self.max_cost - cost, 0.0))

    def kept(self, space: Ranges, origin: Tensor, rows: Tensor, change: Tensor, worth: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Categories and emptied numbers of ``rows`` (n, width) and the ``change`` (n, width) of numbers in ranges, brought within the limits.

        Parameters
        ----------
        worth : (n, f)
            What a feature's change gains; of features of the same cost the one of most worth is kept. None: how far it is moved.
        """
        held = torch.where(change != 0, origin, rows)
        moved = torch.maximum(self.changed(origin, held), (self._by_feature(change.abs().double()) > 0) * self.counted)
        units = self._by_feature((change * space.scale).abs().double() * self.per_unit)
        fixed = moved * self.per_change
        beyond = (moved.sum(1) > self.max_changes) | ((fixed + units).sum(1) > self.max_cost)
        some = beyond.nonzero().squeeze(1)
        if len(some) == 0:
            return rows, change
        worth = torch.maximum(self._by_feature(change.abs().double()), self.changed(origin, held)) if worth is None else worth.double()
        share = torch.ones_like(moved)
        share[some] = self._shares(moved[some], fixed[some], units[some], worth[some])
        share = torch.where(self.counted > 0, share, 1.0)[:, self.owner]
        return torch.where(share > 0, rows, origin), change * share.to(change.dtype)

    def _shares(self, moved: Tensor, fixed: Tensor, units: Tensor, worth: Tensor) -> Tensor:
        """How much of each feature's change is kept, 0 to 1 (m, f): filled by worth, by worth for cost, or by worth for the share that
        it takes of both limits, whichever is worth most."""
        best = self._filled(moved, fixed, units, worth)
        if self.max_cost == torch.inf:
            return best
        cost = fixed + units
        loads = (
            (cost, 1 / max(self.max_changes, 1.0) + cost / self.max_cost) if 0 < self.max_changes < torch.inf and self.max_cost else (cost,)
        )
        for load in loads:
            other = self._filled(moved, fixed, units, worth / load.clamp_min(1e-12))
            better = (worth * other).sum(1) > (worth * best).sum(1)
            best = torch.where(better[:, None], other, best)
        return best

    def _filled(self, moved: Tensor, fixed: Tensor, units: Tensor, first: Tensor) -> Tensor:
        """How much of each feature's change is kept where those of largest ``first`` (m, f) are paid first."""
        order = torch.where(moved > 0, first, -torch.inf).argsort(1, descending=True)
        rows = torch.arange(len(moved))
        count, money = torch.full((len(moved),), self.max_changes).double(), torch.full((len(moved),), self.max_cost).double()
        share = torch.zeros_like(moved)
        for place in order[:, : int(moved.sum(1).max())].T:
            wanted, fee, way = moved[rows, place], fixed[rows, place], units[rows, place]
            reach = torch.where(way > 0, (money - fee) / way.clamp_min(1e-300), torch.inf).clamp_max(1.0)
            able = (wanted > 0) & (count >= 1) & (fee <= money) & (reach > LEAST)
            part = torch.where(able, reach, 0.0)
            share[rows, place] = part
            count -= able.double()
            money = torch.where(able, money - fee - torch.where(way > 0, part * way, 0.0), money)
        return share

    def shrunk(self, space: Ranges, change: Tensor) -> Tensor:
        """The change of numbers nearer to 0 by one factor a row, so that its money is enough; it may have grown when a sum was kept."""
        if self.max_cost == torch.inf:
            return change
        units = (change * space.scale).abs().double() @ self.per_unit
        fixed = ((self._by_feature(change.abs().double()) > 0).double() * self.counted) @ self.per_change
        share = torch.where(fixed + units > self.max_cost, (self.max_cost - fixed) / units.clamp_min(1e-300), 1.0)
        return change * share.clamp(0.0, 1.0)[:, None].to(change.dtype)

    def by_feature(self, gains: Tensor) -> Tensor:
        """Gains of encoded columns (n, width) summed by feature, float64 (n, f)."""
        return self._by_feature(gains.double())

    def _by_feature(self, of: Tensor) -> Tensor:
        out = torch.zeros(len(of), len(self.per_change), dtype=torch.float64)
        return out.index_add_(1, self.owner, of)
