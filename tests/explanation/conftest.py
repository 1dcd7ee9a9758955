"""Small data with every kind of column, a linear target whose Shapley values are known, and a torch network."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(
        Feature(name="income", kind="continuous", low=-5, high=5, unit="kUSD"),
        Feature(name="age", kind="integer", low=18, high=80, unit="years", mutable=False),
        Feature(name="town", kind="categorical", categories=("east", "west", "north")),
    ),
    label="loan",
    classes=("no", "yes"),
    sensitive=("age",),
)
WEIGHTS = np.array([0.8, 0.05, 0.5, -0.5, 0.0])


@pytest.fixture(scope="session")
def loans() -> Dataset:
    rng = np.random.default_rng(0)
    n = 400
    x = np.zeros((n, 3))
    x[:, 0] = rng.normal(size=n).clip(-5, 5)
    x[:, 1] = rng.integers(18, 81, n)
    x[:, 2] = rng.integers(0, 3, n)
    y = (encoding_of(SCHEMA).encode(x, np.float64) @ WEIGHTS - 2.5 + rng.normal(size=n) * 0.5 > 0).astype(np.int64)
    return Dataset(x, y, SCHEMA, "loans", {"age": x[:, 1].astype(int).astype(str)}, np.arange(n) < 200)


@pytest.fixture(scope="session")
def linear() -> FunctionTarget:
    return FunctionTarget(lambda x: 1 / (1 + np.exp(-((x * WEIGHTS).sum(1) - 2.5))), SCHEMA.classes, SCHEMA, "linear in log-odds")


@pytest.fixture(scope="session")
def network(loans):
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit

    recipe = Recipe(epochs=30, batch_size=64, rate=0.01)
    module = build(mlp(5, (16,), 2, [0, 49, 0, 0, 0], [1, 18, 1, 1, 1]))
    seen = loans.seen
    from tiltyard.progress import Progress

    fit(module, seen.encoded, seen.y, recipe, 0, Progress())
    return TorchTarget(module, SCHEMA.classes, SCHEMA, "loan network", recipe=recipe)
