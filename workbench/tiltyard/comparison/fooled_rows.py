"""The rows of a data set that an attack's record says were fooled, by number."""

import base64

import numpy as np
from numpy.typing import NDArray

from ..catalogue import effective, find
from ..datasets.conditions import RowNumbers
from ..datasets.dataset import Dataset
from ..evasion.attack import Evasion
from ..result import Metric, Record

BEFORE, AFTER = "clean_accuracy", "robust_accuracy"


def fooled_rows(record: Record, data: Dataset) -> RowNumbers | None:
    """Rows that were right and that the attack turned; None where the record does not say, or is of other rows, or none was fooled."""
    step = find(record.check)
    kept = {m.name: m for m in record.result.metrics if m.outcomes is not None}
    if not issubclass(step, Evasion) or not {BEFORE, AFTER} <= kept.keys() or record.data.fingerprint != data.fingerprint:
        return None
    sample = step.model_validate(effective(record)).attacked(data)
    before, after = (kept[name] for name in (BEFORE, AFTER))
    if before.outcomes is None or sample.fingerprint != before.outcomes.rows:
        return None
    turned = _bits(before) & ~_bits(after)
    numbers = row_numbers(sample.take(np.flatnonzero(turned)), data) if turned.any() else ()
    return RowNumbers(numbers=numbers, data=data.fingerprint, why=f"fooled by {record.title}") if numbers else None


def _bits(metric: Metric) -> NDArray[np.bool_]:
    assert metric.outcomes is not None
    return np.unpackbits(np.frombuffer(base64.b64decode(metric.outcomes.hits), np.uint8), count=metric.n).astype(bool)


def row_numbers(some: Dataset, data: Dataset) -> tuple[int, ...]:
    """Where the rows of ``some`` stand in ``data``; of equal rows the first that is not taken yet."""
    places: dict[bytes, list[int]] = {}
    wanted = {_key(some, i) for i in range(len(some))}
    likely = np.flatnonzero(np.isin(_sums(data), _sums(some)))
    for i in likely.tolist():
        if (key := _key(data, i)) in wanted:
            places.setdefault(key, []).append(i)
    found = [places[key].pop(0) for i in range(len(some)) if places.get(key := _key(some, i))]
    return tuple(sorted(found))


def _key(data: Dataset, row: int) -> bytes:
    return np.ascontiguousarray(data.x[row]).tobytes() + int(data.y[row]).to_bytes(8, "little")


def _sums(data: Dataset) -> NDArray[np.float64]:
    """A number for each row, equal for equal rows."""
    flat = np.nan_to_num(data.x.reshape(len(data), -1), nan=-1.5).astype(np.float64)
    total = np.zeros(len(flat))
    for column in flat.T[:64]:
        total = total * 0.5 + column
    return total
