"""A tiny table and tiny images with a small network each, on which every check runs in about a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tiltyard.check import Step, named
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Feature, Schema
from tiltyard.defense import Defense
from tiltyard.progress import Progress, Report
from tiltyard.result import Record
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

FEW = 3
SMALL = {"table": {"rows": 200}, "images": {"rows": 20}}  # enough to speak of two groups


@dataclass(frozen=True)
class Ground:
    """A target and data to try a step on."""

    target: Target
    data: Dataset

    def labels_only(self) -> "Ground":
        """The same answers from a target that gives nothing but labels."""
        inner = self.target
        answers = FunctionTarget(inner.labels, inner.classes, inner.schema, "labels only", outputs="labels")  # type: ignore[arg-type]
        return Ground(answers, self.data)

    def bare(self) -> "Ground":
        """The same rows without sensitive columns and without a word on which were trained on."""
        return Ground(self.target, replace(self.data, sensitive={}, member=None))


def table() -> Ground:
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit, fresh

    rng = np.random.default_rng(0)
    n = 480
    features = (
        Feature(name="height", kind="continuous", low=0, high=10, unit="cm"),
        Feature(name="count", kind="integer", low=0, high=20),
        Feature(name="color", kind="categorical", categories=("red", "green", "blue")),
        Feature(name="fixed", kind="continuous", low=-1, high=1, mutable=False),
        Feature(name="side", kind="categorical", categories=("left", "right"), mutable=False),
    )
    schema = Schema(features=features, label="good", classes=("no", "yes"), sensitive=("side",))
    color, side = rng.integers(0, 3, n), rng.integers(0, 2, n)
    numbers = np.column_stack([rng.uniform(0, 10, n), rng.integers(0, 21, n)])
    x = np.column_stack([numbers, np.eye(3)[color], rng.uniform(-1, 1, n), np.eye(2)[side]]).astype(np.float32)
    y = (x[:, 0] + 0.4 * x[:, 1] + 2 * (color == 0) + 1.5 * side + rng.normal(0, 1.5, n) > 10).astype(np.int64)
    member = np.arange(n) < n // 2
    sensitive = {"side": np.where(side == 0, "left", "right"), "half": np.where(rng.random(n) < 0.5, "a", "b")}
    data = Dataset(x, y, schema, "tiny table", sensitive, member)
    architecture = mlp(8, (8,), 2, x.mean(0).tolist(), (x.std(0) + 1e-6).tolist())
    recipe = Recipe(epochs=3, batch_size=32, rate=0.02)
    module = fit(fresh(build(architecture), 0), x[member], y[member], recipe, 0, Progress())
    return Ground(TorchTarget(module, schema.classes, schema, "tiny network", recipe=recipe, architecture=architecture), data)


def images() -> Ground:
    from tiltyard.targets.architecture import build, cnn
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit, fresh

    rng = np.random.default_rng(1)
    n = 80
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 28, 28)),), label="half", classes=("top", "middle", "bottom"))
    y = rng.integers(0, 3, n)
    x = rng.uniform(0, 0.4, (n, 1, 28, 28)).astype(np.float32)
    for i, k in enumerate(y):
        x[i, 0, 9 * k : 9 * k + 9] += 0.5
    member = np.arange(n) < n // 2
    data = Dataset(x, y, schema, "tiny images", {}, member)
    architecture = cnn((2, 2), 8, 3)
    recipe = Recipe(epochs=3, batch_size=16, rate=0.01)
    module = fit(fresh(build(architecture), 0), x[member], y[member], recipe, 0, Progress())
    return Ground(TorchTarget(module, schema.classes, schema, "tiny pictures", recipe=recipe, architecture=architecture), data)


@pytest.fixture(scope="session")
def grounds() -> dict[str, Ground]:
    return {"table": table(), "images": images()}


def smallest(cls: type[Step], ground: str, seed: int = 0) -> Step:
    """The step with every count as small as its bounds allow; a class may say better in ``tiny``."""
    values: dict[str, object] = {"seed": seed}
    for name, field in cls.model_fields.items():
        low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
        if name != "seed" and field.annotation is int and low is not None:
            values[name] = max(int(low), min(int(field.default), SMALL[ground].get(name, FEW)))
    return named(cls, {**values, **cls.tiny})


def called(step: Step, ground: Ground, progress: Progress | None = None) -> tuple[Record, Target | None]:
    """Record and, of a defense, the target it made."""
    if isinstance(step, Defense):
        outcome = step(ground.target, ground.data, progress)
        return outcome.record, outcome.target
    return step(ground.target, ground.data, progress), None  # type: ignore[operator]


class Interrupted(Progress):
    """Cancels itself at step ``at`` and remembers the seconds of processor time that were spent; counts the steps."""

    def __init__(self, at: int) -> None:
        self.count = 0
        self.when = 0.0
        self.at = at
        super().__init__(listener=self._listen)

    def _listen(self, report: Report) -> None:
        self.count += 1
        if self.count == self.at:
            self.when = time.process_time()
            self.cancel()


@pytest.fixture
def small() -> Callable[..., Step]:
    return smallest


@pytest.fixture
def call() -> Callable[..., tuple[Record, Target | None]]:
    return called


@pytest.fixture
def interrupted() -> type[Interrupted]:
    return Interrupted
