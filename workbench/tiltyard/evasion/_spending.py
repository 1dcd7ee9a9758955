"""What the changes of rows cost by the schema, in money and in columns: counted on a person's own rows, apart from the attack that kept it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ._evaluation import Line

if TYPE_CHECKING:
    from ..attacks.limits import Limits

CLOSE = 1e-6


@dataclass(frozen=True)
class Allowed:
    """What the changes of a row may take: so many columns and so much money; 0 is no limit."""

    columns: int = 0
    money: float = 0.0

    @property
    def any(self) -> bool:
        """Is there a limit?"""
        return bool(self.columns or self.money)

    @property
    def words(self) -> str:
        """As a phrase for summaries: ``, at most 2 columns, for at most 500 of money``; empty without a limit."""
        columns = f", at most {self.columns} column{'s' * (self.columns != 1)}" if self.columns else ""
        return columns + (f", for at most {self.money:g} of money" if self.money else "")

    def limits(self, schema: Schema) -> "Limits | None":
        """As attacks keep it; None without a limit. A `Problem` where the schema knows no columns, or no costs."""
        if not self.any:
            return None
        if schema.images:
            raise Problem("a table, for limits by columns or money", "images", "Leave max_changes and max_cost at 0")
        if self.money and not priced(schema):
            raise Problem(
                "costs of columns in the schema, for a limit by money", "none", "Give features a cost_per_unit or a cost_per_change"
            )
        from ..attacks.limits import Limits

        return Limits.of(schema, self.columns or np.inf, self.money or np.inf)


def priced(schema: Schema) -> bool:
    """Does any column that an attacker may change cost something?"""
    return any((f.cost_per_change or f.cost_per_unit) and f.mutable for f in schema.features)


@dataclass(frozen=True)
class Spent:
    """Of each row: money (n,), and how many columns differ (n,); derived columns are free and not counted."""

    money: NDArray[np.float64]
    columns: NDArray[np.int64]


def spent(schema: Schema, was: Rows, now: Rows) -> Spent:
    """What it costs to turn rows ``was`` (n, columns) into ``now``."""
    money, columns = np.zeros(len(was)), np.zeros(len(was), np.int64)
    derived = {d.name for d in schema.related.derived}
    for feature in schema.features:
        if feature.name in derived:
            continue
        one, other = was[:, schema.slices[feature.name]], now[:, schema.slices[feature.name]]
        differs = ((one != other) & ~(np.isnan(one) & np.isnan(other))).any(1)
        columns += differs
        money += feature.cost_per_change * differs
        if feature.cost_per_unit:
            money += feature.cost_per_unit * np.nan_to_num(np.abs(other - one)[:, 0])
    return Spent(money, columns)


def within(allowed: Allowed, schema: Schema, was: Rows, now: Rows) -> Rows:
    """``now``, and ``was`` in rows that cost more than is allowed: no attack is credited with them."""
    return np.where(beyond(allowed, schema, was, now)[:, None], was, now) if allowed.any else now


def beyond(allowed: Allowed, schema: Schema, was: Rows, now: Rows) -> NDArray[np.bool_]:
    """Which rows (n,) cost more than is allowed."""
    cost = spent(schema, was, now)
    over = np.zeros(len(was), bool)
    if allowed.columns:
        over |= cost.columns > allowed.columns
    if allowed.money:
        over |= cost.money > allowed.money * (1 + CLOSE) + CLOSE
    return over


def kept_limits(allowed: Allowed, sample: Dataset, x: Rows, fooled: NDArray[np.bool_]) -> tuple[Line, ...]:
    """Do all fooling rows cost no more than is allowed? No line without a limit."""
    if not allowed.any:
        return ()
    name = "Fooling rows cost no more than is allowed"
    if not fooled.any():
        return (Line(name, None, "no row was fooled"),)
    cost = spent(sample.schema, sample.x[fooled], x[fooled])
    over = int(beyond(allowed, sample.schema, sample.x[fooled], x[fooled]).sum())
    found = f"at most {cost.columns.max()} columns and {cost.money.max():.6g} of money; {over} of {int(fooled.sum())} rows cost more"
    return (Line(name, over == 0, found, "Report this: an attack of ours spent more"),)
