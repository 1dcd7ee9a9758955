"""What a group of rows that look alike gives away of a sensitive column: l-diversity and t-closeness."""

from dataclasses import dataclass

import numpy as np

from .identifying_columns import Values, grouped


@dataclass(frozen=True)
class Diversity:
    """Of a sensitive column over groups of rows: the fewest values in a group, rows in groups of one value, and the largest distance.

    ``fewest`` is distinct l-diversity (Machanavajjhala et al. 2007), ``t`` the largest distance of a group's values from all rows' (Li et al.
    2007): between categories the total variation, between numbers the earth mover's distance over their order, both 0 to 1. ``t`` counts
    groups of at least ``k`` rows, of which ``t`` is None where there are none.
    """

    column: str
    fewest: int
    alike: int
    t: float | None
    n: int


def diversity(known: list[Values], secret: Values, k: int) -> Diversity:
    """How much a group of rows equal in ``known`` gives away of ``secret``."""
    groups = grouped(known)
    values = np.asarray(secret.codes, np.int64)
    table = np.zeros((int(groups.max()) + 1, len(secret.distinct)))
    np.add.at(table, (groups, values), 1)
    table = table[:, table.sum(0) > 0]
    sizes = table.sum(1)
    kinds = (table > 0).sum(1)
    apart = table / sizes[:, None] - table.sum(0) / len(values)
    ordered = secret.whole or secret.measured
    if ordered and table.shape[1] > 1:
        distance = np.abs(np.cumsum(apart, 1)[:, :-1]).sum(1) / (table.shape[1] - 1)
    else:
        distance = np.abs(apart).sum(1) / 2
    large = sizes >= k
    t = float(distance[large].max()) if large.any() else None
    return Diversity(secret.name, int(kinds.min()), int(sizes[kinds == 1].sum()), t, len(values))
