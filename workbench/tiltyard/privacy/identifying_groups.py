"""What a group of rows that look alike gives away of a sensitive column: l-diversity and t-closeness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .identifying_columns import Values, grouped


@dataclass(frozen=True)
class Diversity:
    """Of a sensitive column over groups of rows: the fewest values in a group, rows in groups of one value, and the largest distance.

    ``fewest`` is distinct l-diversity (Machanavajjhala et al. 2007), ``t`` the largest distance of a group's values from all rows' (Li et al.
    2007): between categories the total variation, between numbers the earth mover's distance over their order, both 0 to 1. ``t`` counts
    groups of at least ``k`` rows, of which ``t`` is None where there are none. The ``lacking`` rows, which have no value, give none away:
    they are left out, and ``fewest`` is None where none is left.
    """

    column: str
    fewest: int | None
    alike: int
    t: float | None
    n: int
    lacking: int = 0


def diversity(known: list[Values], secret: Values, k: int) -> Diversity:
    """How much a group of rows equal in ``known`` gives away of ``secret``."""
    there = ~np.isin(secret.codes, secret.empty)
    lacking = int((~there).sum())
    if not there.any():
        return Diversity(secret.name, None, 0, None, 0, lacking)
    table = _counted(grouped(known)[there], np.asarray(secret.codes[there], np.int64))
    sizes = table.sum(1)
    kinds = (table > 0).sum(1)
    apart = table / sizes[:, None] - table.sum(0) / sizes.sum()
    if (secret.whole or secret.measured) and table.shape[1] > 1:
        distance = np.abs(np.cumsum(apart, 1)[:, :-1]).sum(1) / (table.shape[1] - 1)
    else:
        distance = np.abs(apart).sum(1) / 2
    large = sizes >= k
    t = float(distance[large].max()) if large.any() else None
    return Diversity(secret.name, int(kinds.min()), int(sizes[kinds == 1].sum()), t, int(sizes.sum()), lacking)


def _counted(groups: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows of each group (rows) with each value (columns), those that no row has left out."""
    (rows, group), (columns, value) = np.unique(groups, return_inverse=True), np.unique(values, return_inverse=True)
    cells = np.bincount(group * len(columns) + value, minlength=len(rows) * len(columns))
    return cells.reshape(len(rows), len(columns)).astype(np.float64)
