"""People in two groups with a built-in disparity; a model that has it, and one that treats all alike."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(
        Feature(name="skill", kind="continuous", low=-6, high=6),
        Feature(name="luck", kind="continuous", low=-6, high=6),
        Feature(name="sex", kind="categorical", categories=("F", "M"), mutable=False),
    ),
    label="hired",
    classes=("no", "yes"),
    sensitive=("sex",),
)


def draw(n: int, seed: int = 0, member: bool = True) -> Dataset:
    rng = np.random.default_rng(seed)
    male = rng.random(n) < 0.6
    skill = rng.normal(size=n) + 0.9 * male
    luck = rng.normal(size=n)
    y = (skill + luck + rng.normal(size=n) * 0.7 > 0.6).astype(np.int64)
    x = np.stack([skill.clip(-6, 6), luck.clip(-6, 6), male], 1).astype(np.float64)
    seen = np.arange(n) < n // 2
    sensitive = {"sex": np.where(male, "M", "F")}
    return Dataset(x, y, SCHEMA, "hiring", sensitive, seen if member else None)


@pytest.fixture(scope="session")
def hiring() -> Dataset:
    return draw(4000)


@pytest.fixture(scope="session")
def many_hiring() -> Dataset:
    """As many as settle whether a gap is closed, and what that does to another."""
    return draw(20_000)


@pytest.fixture(scope="session")
def biased() -> FunctionTarget:
    return FunctionTarget(lambda x: 1 / (1 + np.exp(-2 * (x[:, 0] + x[:, 1] - 0.6))), SCHEMA.classes, SCHEMA, "biased")


@pytest.fixture(scope="session")
def constant() -> FunctionTarget:
    return FunctionTarget(lambda x: np.full(len(x), 0.9), SCHEMA.classes, SCHEMA, "constant")
