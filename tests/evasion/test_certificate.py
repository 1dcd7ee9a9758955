"""Certified radii: never beyond the exact distance of a plane and near to it, bounds that hold as often as they say, nothing proven by a coin."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion.certificate import Certificate, radius, surely
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load_data
from tiltyard.targets.target import Target

SIGMA, N = 0.1, 24


def plane(constant: bool = False) -> tuple[Target, Dataset, NDArray[np.float64]]:
    """A linear model of pictures, whose smoothed one is itself; rows at 0.02 to 0.4 from it, and these distances."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    weights = np.random.default_rng(0).normal(size=784)
    weights /= np.linalg.norm(weights)
    model = nn.Linear(784, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-weights, weights])) * (0 if constant else 1)
        model.bias[:] = torch.tensor([1.0, -1.0]) * (1 if constant else float(weights.sum() / 2))
    distance = np.linspace(0.02, 0.4, N)
    y = np.arange(N) % 2
    x = (0.5 + (distance * np.where(y == 1, 1, -1))[:, None] * weights).reshape(N, 1, 28, 28).astype(np.float32)
    schema = load_data("digits").schema.model_copy(update={"classes": ("no", "yes")})
    return TorchTarget(nn.Sequential(nn.Flatten(), model), ("no", "yes"), schema, "plane"), Dataset(x, y.astype(np.int64), schema), distance


def test_of_a_plane_the_radius_is_near_its_distance_and_never_beyond() -> None:
    target, data, distance = plane()
    found = Certificate(sigma=SIGMA, draws=1000, chosen=50).certified(target, data, Progress())
    told = found.labels >= 0
    assert told.mean() > 0.8 and (found.labels[told] == data.y[told]).all()
    assert (found.radius <= distance + 1e-6).all()
    near = (distance > 0.05) & (distance < 2 * SIGMA)  # beyond that a thousand draws prove no more
    assert (found.radius[near] > 0.6 * distance[near]).all()
    assert found.radius.max() == pytest.approx(radius(1000, 1000, SIGMA, 0.001))


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for share in (0.6, 0.9, 0.99):
        bounds = {hits: surely(hits, 200, 0.05) for hits in range(201)}
        missed = np.mean([bounds[int(hits)] > share for hits in rng.binomial(200, share, 4000)])
        assert missed <= 0.05 + 0.01
    assert surely(1000, 1000, 0.001) == pytest.approx(0.001 ** (1 / 1000))
    assert radius(500, 1000, SIGMA, 0.001) == 0.0


def test_a_result_passes_by_what_is_proven_and_a_constant_model_proves_nothing() -> None:
    target, data, distance = plane()
    asked = {"sigma": SIGMA, "draws": 300, "chosen": 30, "rows": N}
    result = Certificate(**asked, eps=0.05)(target, data).result  # type: ignore[arg-type]
    held = result.metric("certified_accuracy")
    assert held.value == pytest.approx(float((distance > 0.08).mean()), abs=0.13)
    assert result.status is Status.PASSED, result.summary
    assert Certificate(**asked, eps=0.3)(target, data).result.status is Status.INCOMPLETE  # type: ignore[arg-type]
    constant = plane(constant=True)[0]
    assert Certificate(**asked, eps=0.05)(constant, data).result.status is Status.INCOMPLETE  # type: ignore[arg-type]
