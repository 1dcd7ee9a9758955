"""Rows as vectors in which distance means something."""

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of


def scaled(data: Dataset) -> NDArray[np.float32]:
    """Rows as vectors in which distance means something, float32 (n, width): images as they are, numbers and groups by their spread.

    A number that a row lacks stands in the middle of the others.
    """
    if data.schema.images:
        pixels: NDArray[np.float32] = data.x.reshape(len(data), -1).astype(np.float32)
        return pixels
    encoding = encoding_of(data.schema)
    grouped = encoding.spread({f.name: float(f.grouped) for f in data.schema.features}) > 0
    encoded = encoding.encode(data.x, np.float64)
    there = ~np.isnan(encoded)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, encoded, 0).sum(0) / count
    moved = np.where(there, encoded - mean, 0)
    spread = np.sqrt((moved**2).sum(0) / count)
    spread = np.where(grouped, np.maximum(spread, 0.3), np.where(spread > 0, spread, 1.0))
    out: NDArray[np.float32] = (moved / spread).astype(np.float32)
    return out
