"""A model of two columns of which only the first counts, and rows for it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(Feature(name="a", kind="continuous", low=-9, high=9), Feature(name="b", kind="continuous", low=-9, high=9)),
    label="y",
    classes=("no", "yes"),
)


def scored(x: NDArray[np.float32]) -> NDArray[np.float64]:
    p = 1 / (1 + np.exp(-x[:, 0].astype(np.float64)))
    return np.column_stack([1 - p, p])


def drawn(n: int, seed: int, shift: float = 0.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(shift, 1, (n, 2)).astype(np.float32).clip(-9, 9)


@pytest.fixture(scope="module")
def model() -> tuple[FunctionTarget, Dataset]:
    x = drawn(2000, 0)
    return FunctionTarget(scored, SCHEMA.classes, SCHEMA, "a function"), Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA, "rows")
