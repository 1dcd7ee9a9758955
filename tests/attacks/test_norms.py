"""Projections, lengths and steepest directions against their definitions and closed forms."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from torch import Tensor

    from tiltyard.attacks.norms import Norm


NORMS: "tuple[Norm, ...]" = ("linf", "l2", "l1")
every_norm = pytest.mark.parametrize("norm", NORMS)


def rows(seed: int, n: int = 20, d: int = 7) -> "Tensor":
    import torch

    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@every_norm
@settings(deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.01, 5))
def test_a_projection_is_in_the_ball_and_leaves_what_is_inside(norm: "Norm", seed: int, radius: float) -> None:
    import torch

    from tiltyard.attacks.norms import length, project

    change = rows(seed)
    projected = project(change, norm, radius)
    assert bool((length(projected, norm) <= radius * (1 + 1e-4)).all())
    inside = length(change, norm) <= radius
    torch.testing.assert_close(projected[inside], change[inside])


@every_norm
@settings(deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.05, 3))
def test_no_point_of_the_ball_is_nearer_than_the_projection(norm: "Norm", seed: int, radius: float) -> None:
    import torch

    from tiltyard.attacks.norms import drawn, project

    change = rows(seed, 5)
    nearest = (project(change, norm, radius) - change).norm(dim=1)
    for other in range(20):
        point = drawn(change, norm, radius, torch.Generator().manual_seed(other))
        assert bool(((point - change).norm(dim=1) >= nearest - 1e-4).all())


def test_the_l1_projection_by_hand() -> None:
    import torch

    from tiltyard.attacks.norms import project

    change = torch.tensor([[3.0, -1.0, 0.0], [0.2, 0.3, -0.4]])
    torch.testing.assert_close(project(change, "l1", 2.0), torch.tensor([[2.0, 0.0, 0.0], [0.2, 0.3, -0.4]]))
    torch.testing.assert_close(project(torch.tensor([[3.0, -2.0, 1.0]]), "l1", 3.0), torch.tensor([[2.0, -1.0, 0.0]]))


@every_norm
@settings(deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.05, 3))
def test_within_bounds_it_is_the_nearest_of_ball_and_bounds(norm: "Norm", seed: int, radius: float) -> None:
    import torch

    from tiltyard.attacks.norms import drawn, length, project_within

    change = rows(seed, 5) * 2
    low, high = -rows(seed + 1, 5).abs(), rows(seed + 2, 5).abs()
    point = project_within(change, norm, radius, low, high)
    assert bool(((point >= low) & (point <= high)).all())
    assert bool((length(point, norm) <= radius * (1 + 1e-3)).all())
    nearest = (point - change).norm(dim=1)
    for other in range(20):
        inside = torch.clamp(drawn(change, norm, radius, torch.Generator().manual_seed(other)), low, high)
        assert bool(((inside - change).norm(dim=1) >= nearest - 1e-3).all())


@every_norm
def test_the_steepest_change_gains_the_dual_norm(norm: "Norm") -> None:
    import torch

    from tiltyard.attacks.norms import dual, steepest

    gradient = rows(3)
    wide = torch.full_like(gradient, 100.0)
    best = steepest(gradient, norm, 0.7, -wide, wide)
    torch.testing.assert_close((best * gradient).sum(1), 0.7 * dual(gradient, norm), rtol=1e-3, atol=1e-4)


@every_norm
@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_within_bounds_no_random_change_gains_more(norm: "Norm", seed: int) -> None:
    import torch

    from tiltyard.attacks.norms import drawn, length, steepest

    gradient = rows(seed, 4)
    low, high = -rows(seed + 1, 4).abs(), rows(seed + 2, 4).abs()
    best = steepest(gradient, norm, 1.0, low, high)
    assert bool((length(best, norm) <= 1.001).all())
    assert bool(((best >= low) & (best <= high)).all())
    for other in range(20):
        point = torch.clamp(drawn(gradient, norm, 1.0, torch.Generator().manual_seed(other)), low, high)
        assert bool(((point * gradient).sum(1) <= (best * gradient).sum(1) + 1e-3).all())


@every_norm
def test_random_points_fill_the_ball_and_keep_to_the_free_columns(norm: "Norm") -> None:
    import torch

    from tiltyard.attacks.norms import drawn, length

    free = torch.tensor([1.0, 1.0, 0.0])
    points = drawn(torch.zeros(4000, 3), norm, 2.0, torch.Generator().manual_seed(0), free)
    sizes = length(points, norm)
    assert float(sizes.max()) <= 2.0 + 1e-5
    assert bool((points[:, 2] == 0).all())
    # In two dimensions the share of a ball's area within half its radius is a quarter.
    assert abs(float((sizes < 1.0).float().mean()) - 0.25) < 0.04


def test_lengths_by_hand() -> None:
    import torch

    from tiltyard.attacks.norms import dual, length

    change = torch.tensor([[3.0, -4.0]])
    assert [float(length(change, norm)[0]) for norm in NORMS] == pytest.approx([4.0, 5.0, 7.0])
    assert np.isclose(float(dual(change, "l1")[0]), 4.0)


def test_what_is_clipped_leaves_its_room_to_the_others_in_l2() -> None:
    """By hand: of (3, 4) within a radius of 2.5 and 0.7 in the first, the second takes the square root of 2.5² - 0.7²."""
    import torch

    from tiltyard.attacks.norms import scaled_within

    change, end = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.9, 0.4]]), torch.tensor([[0.7, 9.0]]).expand(3, 2)
    torch.testing.assert_close(scaled_within(change, 2.5, -end, end), torch.tensor([[0.7, 2.4], [0.3, 0.4], [0.7, 0.4]]))


@pytest.mark.parametrize("radius", [0.05, 1.5, 6.0])
def test_scaled_is_the_nearest_as_by_bisection(radius: float) -> None:
    import torch

    from tiltyard.attacks.norms import length, project_within, scaled_within

    change = torch.cat([rows(0, 60), rows(1, 60) * 30, rows(2, 60) * 0.01])
    low, high = -rows(3, 180).abs(), rows(4, 180).abs()
    found = scaled_within(change, radius, low, high)
    torch.testing.assert_close(found, project_within(change, "l2", radius, low, high), atol=1e-4 * radius, rtol=1e-4)
    assert bool((length(found, "l2") <= radius * (1 + 1e-6)).all())
