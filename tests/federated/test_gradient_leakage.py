"""Gradient inversion: a row of a table comes back whole, noise hides it, and noise is what is said."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.check import named
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.federated.gradient_leakage import GradientLeakage
from tiltyard.federated.leaking.outcome import psnr
from tiltyard.result import Status

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget


SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous", low=-2, high=2) for i in range(8)), label="y", classes=("a", "b"))
PIXELS = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 28, 28)),), label="y", classes=("a", "b"))


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(rng.uniform(-2, 2, (300, 8)), rng.integers(0, 2, 300), SCHEMA)


@pytest.fixture(scope="module")
def target() -> "TorchTarget":
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fresh

    module = fresh(build(mlp(8, (16,), 2, [0.0] * 8, [1.0] * 8)), 0)
    return TorchTarget(module, SCHEMA.classes, SCHEMA, "small")


def test_a_row_comes_back_from_its_gradient_and_not_through_noise(target, data):
    result = GradientLeakage(batches=4, steps=150, noise_multiplier=1.0)(target, data).result
    assert result.status is Status.FINDING
    assert result.metric("psnr_bare").value > 30
    assert result.metric("recognized_bare").value == 1
    assert result.metric("psnr_noised").value < result.metric("psnr_mean").value + 1
    assert result.metric("recognized_noised").value < 0.5
    assert [f.evidence.metrics for f in result.findings] == [("gain_bare",)]


def test_without_noise_and_clip_both_ways_are_one(target, data):
    result = GradientLeakage(batches=2, steps=60, noise_multiplier=0.0, clip=1000.0)(target, data).result
    assert result.metric("psnr_noised").value > result.metric("psnr_mean").value


def test_an_image_is_shown_beside_what_came_back():
    from tiltyard.targets.architecture import build, cnn
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fresh

    rng = np.random.default_rng(1)
    x = np.zeros((40, 1, 28, 28), np.float32)
    for i in range(40):
        x[i, 0, rng.integers(2, 14) :, rng.integers(2, 14) : 20] = 0.9
    module = fresh(build(cnn((2, 2), 8, 2)), 0)
    result = GradientLeakage(batches=2, steps=3)(
        TorchTarget(module, PIXELS.classes, PIXELS, "pictures"), Dataset(x, rng.integers(0, 2, 40), PIXELS)
    ).result
    (gallery,) = result.galleries
    assert (len(gallery.rows), len(gallery.heads)) == (2, 3)
    assert all(picture.png and picture.alt for row in gallery.rows for picture in row)


def test_one_row_is_no_answer(target, data):
    result = GradientLeakage(batches=1, steps=3)(target, data).result
    assert result.status is Status.INCOMPLETE
    assert result.metric("psnr_bare").low is None


def test_noise_is_of_the_norm_that_is_said():
    import torch

    from tiltyard.federated.leaking.inversion import apart, noised

    sent = (torch.full((100_000,), 3.0),)
    made = noised(sent, 2.0, 0.5, torch.Generator().manual_seed(0))[0]
    assert float(made.std()) == pytest.approx(1.0, rel=0.02)
    (cut,) = noised(sent, 2.0, 0.0, torch.Generator())
    assert float(cut.norm()) == pytest.approx(2.0, rel=1e-4)
    assert float(apart(sent, (cut,))) == pytest.approx(0, abs=1e-4)


def test_psnr_by_hand():
    zero, tenth = np.zeros((1, 4), np.float32), np.full((1, 4), 0.1, np.float32)
    assert psnr(zero, tenth)[0] == pytest.approx(20, abs=1e-4)
    assert psnr(zero, zero)[0] == 100


def test_a_gradient_knows_no_order():
    import torch

    from tiltyard.federated.leaking.inversion import matched

    true = torch.tensor([[0.0], [1.0], [0.5]])
    assert matched(torch.tensor([[0.9], [0.6], [0.1]]), true).flatten().tolist() == pytest.approx([0.1, 0.9, 0.6])


def test_a_module_without_weights_is_said(data):
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    module = torch.nn.Sequential(torch.nn.Flatten())
    two = Schema(features=SCHEMA.features[:2], label="y", classes=("a", "b"))
    small = Dataset(data.x[:, :2], data.y, two)
    result = named(GradientLeakage, {"batches": 1})(TorchTarget(module, two.classes, two, "nothing"), small).result
    assert "a module with weights to train" in result.summary


def test_the_gradient_is_torch_s_own(target, data):
    import torch

    from tiltyard.federated.leaking.inversion import gradient

    module = target.trainable()
    x, y = torch.from_numpy(data.encoded[:5]), torch.from_numpy(data.y[:5].copy())
    found = gradient(module, x, y)
    torch.nn.functional.cross_entropy(module(x), y).backward()
    for ours, parameter in zip(found, module.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)
