"""Small torch models in files, for the tests of what opens them."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Rows, Schema
from tiltyard.errors import Problem
from tiltyard.targets.architecture import build, mlp
from tiltyard.targets.opening import open_target
from tiltyard.targets.torch_target import TorchTarget

SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-1, high=1) for i in range(5)),
    label="label",
    classes=("no", "yes", "maybe"),
)
ARCHITECTURE = mlp(5, (8,), 3, [0.1] * 5, [2.0] * 5)


def drawn(n: int = 200, schema: Schema = SCHEMA) -> Rows:
    """Rows whose numbers float32 holds too."""
    return np.random.default_rng(3).uniform(-1, 1, (n, *schema.shape)).astype(np.float32).astype(schema.dtype)


def module() -> nn.Module:
    torch.manual_seed(5)
    return build(ARCHITECTURE).eval()


def expected(net: nn.Module, x: Rows) -> NDArray[np.float32]:
    with torch.inference_mode():
        return torch.softmax(net(torch.from_numpy(x).float()), 1).numpy()


def data() -> Dataset:
    x = drawn()
    return Dataset(x, expected(module(), x).argmax(1).astype(np.int64), SCHEMA)


def state(net: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.contiguous().clone() for k, v in net.state_dict().items()}


def plain_safetensors(path: Path, net: nn.Module | None = None) -> Path:
    from safetensors.torch import save_file

    save_file(state(net or module()), path)
    return path


def script(path: Path, net: nn.Module | None = None) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(net or module()), path)
    return path


def same(path: Path, net: nn.Module | None = None, **given: object) -> TorchTarget:
    target = open_target(path, **given)  # type: ignore[arg-type]
    x = drawn()
    np.testing.assert_allclose(target.scores(x), expected(net or module(), x), atol=1e-5)
    assert "file" in target.offers
    assert target.origin == str(path)
    return target  # type: ignore[return-value]


def problem(path: Path | str, **given: object) -> Problem:
    with pytest.raises(Problem) as caught:
        open_target(path, **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value
