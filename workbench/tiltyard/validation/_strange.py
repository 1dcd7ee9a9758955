"""Rows that do not look like the data: real ones with a column out of its range."""

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows


def outside(rows: Dataset, rng: np.random.Generator) -> Rows:
    """Each row with one column moved beyond its range by 1 % to 100 % of it; a category becomes one that there is not."""
    x = rows.x.copy()
    flat, low, high = x.reshape(len(x), -1), rows.schema.low.ravel(), rows.schema.high.ravel()
    column = rng.integers(0, flat.shape[1], len(x))
    span = np.maximum(high - low, 1e-3)[column]
    beyond = high[column] + span * rng.uniform(0.01, 1.0, len(x))
    flat[np.arange(len(x)), column] = np.where(rows.schema.integer.ravel()[column], np.ceil(beyond), beyond)
    return x
