"""A model that says the same of every row holds against every attack and leaks nothing: that must not pass for a virtue."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.catalogue import checks
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.target import Target

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

# What may pass, and why that does not mislead.
MAY_PASS = {
    "privacy.attribute_inference": "what is said of every row alike tells no column of one; a model of a coin must pass too",
    "privacy.audit_epsilon": "a lower bound, called one: at least 0",
    "explanation.shap": "it says that nothing moves the answer",
    "poisoning.training_rows": "it compares rows with rows and asks no model",
    "validation.guard_roc": "the guard is built from the rows, not from the model",
    "federated.gradient_leakage": "rows rebuilt from gradients, not from answers",
}


@pytest.fixture(scope="module")
def idle() -> "tuple[TorchTarget, Dataset]":
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe

    class Idle(TorchTarget):
        """Learns nothing, however often it is trained."""

        def retrain(self, x: Any, y: Any, seed: int, progress: Progress) -> Target:
            progress.step(1.0, "learning nothing")
            return self

    rng = np.random.default_rng(0)
    features = (
        *(Feature(name=name, kind="continuous", low=0, high=1) for name in ("a", "b", "c")),
        Feature(name="side", kind="categorical", categories=("left", "right")),
    )
    schema = Schema(features=features, label="good", classes=("no", "yes"), sensitive=("side",))
    side = rng.integers(0, 2, 600)
    x = np.column_stack([rng.random((600, 3)), side])
    sensitive = {"side": np.where(side == 0, "left", "right")}
    data = Dataset(x, (x[:, 0] > 0.6).astype(np.int64), schema, "rows", sensitive, np.arange(600) < 300)
    architecture = mlp(5, (4,), 2, [0.5] * 5, [0.5] * 5)
    module = build(architecture)
    for weight in module.parameters():
        weight.data.zero_()
    return Idle(module, schema.classes, schema, "says no", recipe=Recipe(epochs=1), architecture=architecture), data


@pytest.mark.parametrize("cls", list(checks().values()), ids=list(checks()))
def test_a_constant_model_passes_nothing_that_it_has_not_earned(cls: type[Check], idle: "tuple[TorchTarget, Dataset]") -> None:
    target, data = idle
    result = cls.model_validate({**cls.quick, **cls.tiny})(target, data).result
    assert (result.status is Status.PASSED) <= (cls.id in MAY_PASS), result.summary
    assert result.status is not Status.FAILED, result.summary
