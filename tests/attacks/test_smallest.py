"""The smallest radius of each row: the exact distance to a plane in each norm, from whatever eps it begins."""

import numpy as np
import pytest

DUAL = {"linf": 1, "l2": 2, "l1": np.inf}


@pytest.mark.parametrize("eps", [0.001, 0.03, 1.0])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_distance_to_a_plane_is_found_from_any_eps(norm: str, eps: float) -> None:
    """The l1 optimum moves one of 100 numbers alone; that no row is left without a radius matters as much."""
    import torch
    from torch import nn

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.smallest import smallest
    from tiltyard.attacks.standing import Standing
    from tiltyard.datasets.feature import Feature
    from tiltyard.datasets.schema import Schema
    from tiltyard.progress import Progress

    schema = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(100)), label="y", classes=("no", "yes"))
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=100), rng.uniform(0.4, 0.6, (30, 100))
    margin = rng.uniform(0.02, 0.4, 30)  # small enough that no number reaches the end of its range
    x += ((margin - x @ weights) / (weights @ weights))[:, None] * weights
    module = nn.Linear(100, 2).double()
    with torch.no_grad():
        module.weight[:] = torch.from_numpy(np.stack([-weights / 2, weights / 2]))
        module.bias.zero_()
    y = torch.ones(30, dtype=torch.int64)
    space = PerturbationSpace.of(schema, torch.float64)
    standing = Standing(module, torch.from_numpy(x), y, space, norm, eps)  # type: ignore[arg-type]
    found = smallest(standing, 60, Progress()).radius.numpy()
    ratio = found / (margin / np.linalg.norm(weights, DUAL[norm]))
    assert ratio.min() >= 1 - 1e-6
    assert ratio.max() < 1.05
    assert np.median(ratio) < 1.01
