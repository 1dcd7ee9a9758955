"""Metrics of an evasion result beside its accuracies: rows fooled by categories alone, rows without gradient, and what the changes cost."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..result import Metric
from ..statistics.intervals import rate
from ._spending import Allowed, priced, spent
from .outcome import AttackOutcome


class Median(Protocol):
    """`Evasion.median`."""

    def __call__(self, name: str, label: str, sizes: NDArray[np.float64], note: str, unit: str) -> Metric: ...


def alone(outcome: AttackOutcome, right: NDArray[np.bool_], flips: int) -> tuple[Metric, ...]:
    """How many of the rows that were ``right`` (n,) changed categories alone fooled; none where that was not tried."""
    if outcome.eps_values[0] > 0:
        return ()
    label = f"Rows fooled by changed categories alone (up to {flips} in a row)"
    return (rate("categories_alone", label, int((outcome.fooled_at == 0).sum()), int(right.sum()), "lower"),)


def zero_gradient(outcome: AttackOutcome, right: NDArray[np.bool_]) -> tuple[Metric, ...]:
    """How many rows have a zero gradient though the model reacts; none of an attack that asks for no gradient."""
    if outcome.zero_gradient is None:
        return ()
    label = "Zero-gradient rows, though the model reacts"
    return (rate("zero_gradient_rows", label, int(outcome.zero_gradient.sum()), int(right.sum()), "lower"),)


def spending(sample: Dataset, x: Rows, fooled: NDArray[np.bool_], allowed: Allowed, median: Median) -> tuple[Metric, ...]:
    """What the fooling rows cost: in columns where anything is limited or priced, and in money where the schema has costs."""
    if sample.schema.images or not (allowed.any or priced(sample.schema)):
        return ()
    cost, note = spent(sample.schema, sample.x[fooled], x[fooled]), "no row was fooled"
    columns = median("median_columns", "Median columns changed in fooled rows", cost.columns.astype(np.float64), note, "columns")
    money = median("median_cost", "Median cost of the changes in fooled rows", cost.money, note, "money")
    return (columns, money) if priced(sample.schema) else (columns,)
