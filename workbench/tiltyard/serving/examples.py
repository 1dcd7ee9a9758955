"""A row that the endpoint answers, for whoever writes a client or probes it; nobody's own row."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..targets.trying import middle, snapped

if TYPE_CHECKING:
    from ..validation.guard import FittedGuard


def exemplary(schema: Schema, guard: "FittedGuard | None") -> list[Any] | None:
    """An encoded row: the middle of the bounds; where a guard stands before the model, the mean of the rows it knows if it takes that, else the
    middle, else None."""
    rows = [middle(schema)]
    if guard is not None:
        mean = known_rows(guard).mean(0) if schema.images else _center(guard)
        rows = [row for row in (snapped(mean.ravel(), schema), *rows) if not guard.refused(row).any()]
    return encoding_of(schema).encode(rows[0], np.float64)[0].tolist() if rows else None


def known_rows(guard: "FittedGuard") -> Rows:
    """The rows that a guard compares with, as x (m, *shape)."""
    encoding = encoding_of(guard.schema)
    return encoding.decode((guard.reference * guard.scale + guard.mean).reshape(-1, *encoding.shape))


def _center(guard: "FittedGuard") -> Rows:
    """The mean of the encoded rows a guard knows, as one row of x: of a group its commonest value."""
    encoding = encoding_of(guard.schema)
    mean = (guard.reference.mean(0) * guard.scale + guard.mean).reshape(1, *encoding.shape)
    return encoding.decode(np.nan_to_num(mean))
