"""A row that the endpoint answers, for whoever writes a client or probes it; nobody's own row."""

from typing import TYPE_CHECKING, Any

from ..datasets.schema import Schema
from ..targets.trying import middle, snapped

if TYPE_CHECKING:
    from ..validation.guard import Guard


def exemplary(schema: Schema, guard: "Guard | None") -> list[Any] | None:
    """The middle of the bounds; where a guard stands before the model, the mean of the rows it knows if it takes that, else the middle, else None."""
    rows = [middle(schema)]
    if guard is not None:
        mean = (guard.reference.mean(0) * guard.scale + guard.mean).ravel()
        rows = [row for row in (snapped(mean, schema), *rows) if not guard.refused(row).any()]
    return rows[0][0].tolist() if rows else None
