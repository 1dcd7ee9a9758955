"""Rows that an attack moved, brought back onto the relations between columns: within bounds, whole numbers, eps, costs and what may change.

Sums are kept by projection (Dykstra's method, as CAPGD repairs, arXiv:2406.00775), of columns of which one may be above zero the one that
gains most is kept, implied values follow or what implied them is taken back, and derived columns are recomputed. No coordinate is moved
farther than the row was; where nothing else helps a row goes back towards the row it came from, and at last it is that row.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.relation_kinds import Derived, OneAboveZero, Relation, Sum
from ..datasets.schema import Schema
from .limits import Limits
from .norms import Norm


class Space(Protocol):
    """A `PerturbationSpace`, as far as a repair looks at it."""

    @property
    def scale(self) -> Tensor: ...

    @property
    def low(self) -> Tensor: ...

    @property
    def high(self) -> Tensor: ...

    @property
    def free(self) -> Tensor: ...

    @property
    def whole(self) -> Tensor: ...

    @property
    def groups(self) -> tuple[slice, ...]: ...

    @property
    def optional(self) -> tuple[int, ...]: ...

    @property
    def closed(self) -> tuple[int, ...]: ...

    @property
    def repair(self) -> "Repair | None": ...

    def room(self, x: Tensor) -> tuple[Tensor, Tensor]: ...

    def change(self, x: Tensor, other: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class EncodedCells:
    """Encoded rows (n, width) as a relation looks at them."""

    z: Tensor
    encoding: Encoding
    maths: Any = field(default=torch)

    def number(self, name: str) -> Tensor:
        """A column's numbers, (n,)."""
        return self.z[:, self.encoding.slices[name].start]

    def among(self, name: str, values: tuple[str, ...]) -> Tensor:
        """Where a category is one of ``values``, bool (n,)."""
        (feature,) = (f for f in self.encoding.features if f.name == name)
        start = self.encoding.slices[name].start
        return self.z[:, [start + feature.values.index(value) for value in values]].sum(1) > 0.5


@dataclass
class Tally:
    """How many rows were repaired, and how many of them could not be and were put back."""

    repaired: int = 0
    put_back: int = 0


@dataclass(frozen=True)
class Repair:
    """The relations of a schema over its encoded columns, and what the changes of a row may cost.

    Attributes
    ----------
    norm
        How the size of a change is measured: a repaired change is no larger than it was.
    flips
        Parts of a row (categories, emptied numbers) that may differ from the row as it was, those that follow from a relation counted.
    limits
        What the changes of a row may cost, kept by the same repair; None where that is not limited.
    """

    encoding: Encoding
    every: tuple[Relation, ...]
    derived: tuple[Derived, ...]
    norm: Norm = "linf"
    flips: int = 0
    tally: Tally = field(default_factory=Tally)
    limits: Limits | None = None

    @staticmethod
    def of(schema: Schema) -> "Repair | None":
        """None where the schema states no relation."""
        related = schema.related
        return Repair(encoding_of(schema), related.every, related.derived) if related.every else None

    @cached_property
    def sums(self) -> tuple[Sum, ...]:
        """The relations that are sums."""
        return tuple(r for r in self.every if isinstance(r, Sum))

    @cached_property
    def exclusive(self) -> tuple[tuple[int, ...], ...]:
        """The encoded columns of which at most one is above zero."""
        return tuple(self.places(r.columns) for r in self.every if isinstance(r, OneAboveZero))

    def places(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The encoded columns of these numbers."""
        return tuple(self.encoding.slices[name].start for name in names)

    @cached_property
    def recomputed_columns(self) -> tuple[int, ...]:
        """The encoded columns that are derived, which no attack moves by itself."""
        return self.places(tuple(d.name for d in self.derived))

    @cached_property
    def summed(self) -> tuple[int, ...]:
        """The encoded columns that stand in a sum."""
        return self.places(tuple(dict.fromkeys(name for r in self.sums for name in r.columns)))

    @cached_property
    def factors(self) -> Tensor:
        """A row for each inequality, a sum that equals a number being two: its coefficients over `summed`, float64 (m, k)."""
        rows = []
        for relation in self.sums:
            terms = dict(zip(self.places(relation.columns), (factor for _, factor in relation.terms), strict=True))
            row = [terms.get(place, 0.0) for place in self.summed]
            rows += [row, [-factor for factor in row]] if relation.equal else [row]
        return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(self.summed))

    @cached_property
    def bounds(self) -> Tensor:
        """What each row of `factors` may come to at most, float64 (m,)."""
        found: list[float] = []
        for relation in self.sums:
            found += [relation.bound + relation.within, relation.within - relation.bound] if relation.equal else [relation.bound]
        return torch.tensor(found, dtype=torch.float64)

    @cached_property
    def equal_rows(self) -> Tensor:
        """Of `factors` those of sums that equal a number, float64 (e, k)."""
        kinds = [equal for r in self.sums for equal in ([True, False] if r.equal else [False])]
        return self.factors[torch.tensor(kinds, dtype=torch.bool)]

    def over(self, origin: Tensor, rows: Tensor) -> Tensor:
        """Which rows, made of ``origin`` by changes, are beyond the limits, bool (n,)."""
        return torch.zeros(len(rows), dtype=torch.bool) if self.limits is None else self.limits.over(origin, rows)

    def broken(self, z: Tensor) -> Tensor:
        """Which encoded rows break a relation, bool (n,)."""
        cells, found = EncodedCells(z, self.encoding), torch.zeros(len(z), dtype=torch.bool)
        for relation in self.every:
            found |= relation.broken(cells)
        return found

    def recomputed(self, z: Tensor) -> Tensor:
        """Rows with the derived columns made anew; their gradient goes on to the columns they are made of."""
        for one, place in zip(self.derived, self.recomputed_columns, strict=True):
            cells = EncodedCells(z, self.encoding)
            wanted = one.value(cells)
            if next(f for f in self.encoding.features if f.name == one.name).whole:
                wanted = wanted.round()
            anew = one.broken(cells) & wanted.isfinite()
            column = torch.where(anew, wanted.nan_to_num(), z[:, place] + (wanted - wanted.detach()).nan_to_num())
            z = torch.cat([z[:, :place], column[:, None], z[:, place + 1 :]], 1)
        return z


class Related(nn.Module):
    """A module asked about rows whose derived columns are recomputed; a row that breaks a relation is answered by NaN, so it fools nobody."""

    def __init__(self, inner: nn.Module, repair: Repair) -> None:
        super().__init__()
        self.inner = inner
        self.repair = repair

    def forward(self, z: Tensor) -> Tensor:
        """As the inner module, NaN in rows that break a relation."""
        z = self.repair.recomputed(z)
        out: Tensor = self.inner(z)
        return torch.where(self.repair.broken(z.detach())[:, None], torch.nan, out)


def related(module: nn.Module, space: "Space") -> nn.Module:
    """The module as an attack in ``space`` is to see it."""
    return module if space.repair is None else Related(module, space.repair)
