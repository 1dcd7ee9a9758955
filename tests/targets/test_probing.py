"""Ten rows, one line: each thing that goes wrong is named."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.probing import Probe, probe

if TYPE_CHECKING:
    import torch
    from torch import nn


Predict = Callable[[NDArray[np.float32]], Any]
CLASSES = ("a", "b", "c")
SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous", low=0, high=1) for i in range(3)), label="y", classes=CLASSES)


def data(n: int = 300) -> Dataset:
    x = np.random.default_rng(0).uniform(0, 1, (n, 3)).astype(np.float32)
    return Dataset(x, x.argmax(1).astype(np.int64), SCHEMA)


def right(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.eye(3, dtype=np.float32)[x.argmax(1)] * 0.9 + np.float32(0.1 / 3)


def probed(predict: Predict, d: Dataset | None = None, schema: Schema = SCHEMA) -> Probe:
    found = probe(FunctionTarget(predict, schema.classes, schema, "mine"), d or data())
    assert "\n" not in found.line
    return found


def test_a_good_model_passes_with_its_time_and_interval() -> None:
    found = probed(right)
    assert found.state == "passed"
    assert found.rows == 10
    assert "10 rows answered in" in found.line
    assert "accuracy 100 % [69, 100] on these 10 rows" in found.line
    assert found.accuracy is not None
    assert found.accuracy.n == 10


def test_only_rows_not_trained_on_are_sent() -> None:
    seen: list[NDArray[np.float32]] = []

    def watched(x: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(x)
        return right(x)

    d = replace(data(), member=np.arange(300) < 250)
    probed(watched, d)
    assert all((row == d.x[250:]).all(1).any() for row in seen[0])


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (lambda x: right(x) * np.nan, "NaN"),
        (lambda x: right(x)[:, :2], "scores of shape"),
        (lambda x: np.log(right(x)), 'outputs="logits"'),
        (lambda x: x @ np.zeros((4, 3)), "ValueError"),
        (lambda x: (_ for _ in ()).throw(RuntimeError("CUDA\nis away")), "CUDA is away"),
    ],
)
def test_what_cannot_be_used_fails(predict: Predict, said: str) -> None:
    found = probed(predict)
    assert found.state == "failed"
    assert said in found.line


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (lambda x: np.full((len(x), 3), 1 / 3, np.float32), "same scores"),
        (lambda x: right(x)[:, [1, 2, 0]], "another order (a is b, b is c, c is a)"),
        (lambda x: right(x)[:, [1, 0, 2]], "another order (a is b, b is a)"),
    ],
)
def test_what_looks_wrong_is_a_finding(predict: Predict, said: str) -> None:
    found = probed(predict)
    assert found.state == "finding"
    assert said in found.line


def test_a_model_that_answers_one_class_to_all() -> None:
    def stuck(x: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.full((len(x), 3), 0.1, np.float32)
        out[:, 1] = 0.8 + 0.01 * x[:, 0]
        return out / out.sum(1, keepdims=True)

    found = probed(stuck)
    assert found.state == "finding"
    assert "'b' to all" in found.line


def test_a_weak_but_honest_model_is_not_accused() -> None:
    """Better than chance, worse than half: no other order of the classes does better."""

    def weak(x: NDArray[np.float32]) -> NDArray[np.float32]:
        out = right(x)
        lost = x.sum(1) % 0.2 < 0.12
        out[lost] = right(x[lost][:, ::-1].copy() * 1.7 % 1)
        return out

    found = probed(weak, data(2000))
    assert "another order" not in found.line


def test_other_columns_and_classes_fail_before_any_row_is_sent() -> None:
    narrow = SCHEMA.model_copy(update={"features": SCHEMA.features[:2]})
    assert "2 columns for mine; found 3" in probed(right, schema=narrow).line
    other = SCHEMA.model_copy(update={"features": (*SCHEMA.features[:2], Feature(name="g", kind="continuous"))})
    assert "'g' as column 3" in probed(right, schema=other).line
    fewer = SCHEMA.model_copy(update={"classes": ("a", "b")})
    found = probed(right, schema=fewer)
    assert found.state == "failed"
    assert f"{int((data().y == 2).sum())} of class 'c' among 300 rows" in found.line


def test_classes_are_the_same_by_name_in_whatever_order_and_beside_others() -> None:
    turned = SCHEMA.model_copy(update={"classes": ("c", "b", "a")})
    assert probed(lambda x: right(x)[:, ::-1], schema=turned).state == "passed"
    wider = SCHEMA.model_copy(update={"classes": ("a", "b", "c", "d")})
    assert probed(lambda x: np.hstack([right(x), np.zeros((len(x), 1))]), schema=wider).state == "passed"


def net(scale: float) -> "nn.Module":
    import torch
    from torch import nn

    module = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.eye(3) * scale)
    return module


def test_gradients_are_looked_at() -> None:
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    assert probe(TorchTarget(net(9), CLASSES, SCHEMA), data()).state == "passed"

    class Stepped(nn.Module):
        """Its scores are right, its gradient is zero: a masked model."""

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return torch.nn.functional.one_hot(x.argmax(1), 3).float() * 5 + 0 * x

    masked = probe(TorchTarget(Stepped(), CLASSES, SCHEMA), data())
    assert masked.state == "finding"
    assert "zero" in masked.line


def test_the_doors_open_without_torch_and_pandas() -> None:
    doors = "tiltyard.targets.opening, tiltyard.targets.probing, tiltyard.targets.model_file, tiltyard.datasets.reading"
    ask = f"import sys, {doors}; print({{'torch', 'pandas', 'sklearn', 'scipy', 'pyarrow', 'onnx'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_few_rows() -> None:
    assert probe(FunctionTarget(right, CLASSES, SCHEMA), data(3)).rows == 3


def test_images_in_another_scale_than_the_model_knows_are_named() -> None:
    image = Feature(name="image", kind="pixels", shape=(1, 2, 2), divide=255)
    schema = Schema(features=(image,), label="y", classes=("dark", "light"))
    x = np.random.default_rng(0).uniform(0, 1, (400, 1, 2, 2)).astype(np.float32)
    d = Dataset(x, (x.mean((1, 2, 3)) > 0.4).astype(np.int64), schema)

    def of_bytes(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.eye(2, dtype=np.float32)[(rows.mean((1, 2, 3)) > 102).astype(int)]

    found = probed(of_bytes, d, schema)
    assert found.state == "finding"
    assert "from 0 to 255 accuracy is 100 %" in found.line
    assert "divide = 1 (" in found.line
