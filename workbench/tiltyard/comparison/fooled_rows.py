"""The rows of a data set that an attack's record says were fooled, by number."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..catalogue import effective, find
from ..datasets.conditions import RowNumbers, some
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem
from ..evasion.attack import Evasion
from ..result import Metric, Record

BEFORE, AFTER = "clean_accuracy", "robust_accuracy"


def fooled_rows(record: Record, data: Dataset) -> RowNumbers | None:
    """Rows that were right and that the attack turned; None where the record does not say, or is of other rows, or none was fooled."""
    found = tried_rows(record, data)
    if found is None or not found.fooled:
        return None
    return RowNumbers(numbers=tuple(sorted(found.fooled)), data=data.fingerprint, why=f"fooled by {record.title}")


def most_fooled(records: Sequence[Record], data: Dataset) -> RowNumbers | None:
    """Rows that more than half of the attacks turned which tried them, of at least two; None where there are none, or fewer than two attacks.

    An attack tries a row that is right before it. One record of each attack is meant, all of one model.
    """
    found = [(record.title, tried) for record in records if (tried := tried_rows(record, data)) is not None]
    tries = Counter(chain.from_iterable(tried.right for _, tried in found))
    turns = Counter(chain.from_iterable(tried.fooled for _, tried in found))
    numbers = tuple(sorted(row for row, n in tries.items() if n > 1 and 2 * turns[row] > n))
    titles = some([title for title, _ in found])
    why = f"fooled by most of the attacks that tried them ({titles})"
    return RowNumbers(numbers=numbers, data=data.fingerprint, why=why) if numbers else None


class Tried(NamedTuple):
    """Rows by number: those that were ``right`` before an attack, and those of them that it ``fooled``."""

    right: frozenset[int]
    fooled: frozenset[int]


def tried_rows(record: Record, data: Dataset) -> Tried | None:
    """What an attack's record says of the rows of ``data``; None where it does not say, or is of other rows."""
    step = find(record.check)
    kept = {m.name: m for m in record.result.metrics if m.outcomes is not None}
    if not issubclass(step, Evasion) or not {BEFORE, AFTER} <= kept.keys() or record.data.fingerprint != data.fingerprint:
        return None
    sample = step.model_validate(effective(record)).attacked(data)
    before, after = (kept[name] for name in (BEFORE, AFTER))
    if before.outcomes is None or sample.fingerprint != before.outcomes.rows:
        return None
    right = _bits(before)
    turned = right & ~_bits(after)
    return Tried(
        *(frozenset(row_numbers(sample.take(np.flatnonzero(rows)), data)) if rows.any() else frozenset() for rows in (right, turned))
    )


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


def row_number(x: Rows, y: int, data: Dataset) -> int:
    """Where the row ``x``, of the class ``y``, stands in ``data``, the first of equal ones; a `Problem` where it is none of them."""
    found = row_numbers(replace(data.take(np.zeros(1, np.intp)), x=x[None], y=np.array([y])), data)
    if not found:
        raise Problem("a row of these data", "another", "Choose a row of them")
    return found[0]


def _key(data: Dataset, row: int) -> bytes:
    return np.ascontiguousarray(data.x[row]).tobytes() + int(data.y[row]).to_bytes(8, "little")


def _sums(data: Dataset) -> NDArray[np.float64]:
    """A number for each row, equal for equal rows."""
    flat = np.nan_to_num(data.x.reshape(len(data), -1), nan=-1.5).astype(np.float64)
    total = np.zeros(len(flat))
    for column in flat.T[:64]:
        total = total * 0.5 + column
    return total
