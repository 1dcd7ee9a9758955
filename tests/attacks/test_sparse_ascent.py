"""Ascent in l1: steps by hand, near the exact optimum of a plane within its bounds, and nothing kept from outside of the ball."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tiltyard.attacks.perturbation_space import PerturbationSpace


def unit(d: int) -> "PerturbationSpace":
    """Numbers from 0 to 1, all free."""
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace

    one = torch.ones(d)
    return PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)


def test_a_step_is_shared_by_the_steepest_coordinates_that_can_still_move() -> None:
    """By hand: the first is at its upper end already, so two of the others share a step of 0.6; one alone has a step of 0.2."""
    import torch

    from tiltyard.attacks.sparse_ascent import along

    gradient = torch.tensor([[9.0, -3.0, 2.0, 1.0], [9.0, -3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    change = torch.tensor([[0.5, 0.0, 0.0, 0.0]]).expand(3, 4)
    low, high = torch.full((3, 4), -0.5), torch.full((3, 4), 0.5)
    step = along(gradient, change, torch.tensor([2.0, 0.4, 3.0]), torch.tensor([0.6, 0.2, 0.6]), low, high)
    torch.testing.assert_close(step, torch.tensor([[0.0, -0.3, 0.3, 0.0], [0.0, -0.2, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))


def test_it_begins_in_a_ball_of_twice_the_radius_and_ends_in_its_own_with_ever_shorter_steps() -> None:
    from tiltyard.attacks.sparse_ascent import SparseAscent

    wide, narrow = SparseAscent(3.0, 6), SparseAscent(3.0, 6, 0.5, wide=False)
    assert [wide.radius(i) for i in range(6)] == [6.0, 6.0, 6.0, 3.0, 3.0, 3.0]
    assert [wide.inside(i) for i in range(6)] == [False] * 3 + [True] * 3
    assert [narrow.radius(i) for i in range(6)] == [3.0] * 6
    assert SparseAscent(3.0, 1).inside(0)


@pytest.mark.parametrize(("d", "eps"), [(12, 0.7), (784, 12.0)])
def test_of_a_plane_within_bounds_it_gains_nearly_what_is_to_be_gained_and_leaves_no_ball(d: int, eps: float) -> None:
    import torch

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.losses import margin
    from tiltyard.attacks.norms import drawn, length, steepest
    from tiltyard.attacks.standing import Ascent, Standing, climb
    from tiltyard.progress import Progress

    generator = torch.Generator().manual_seed(d)
    plane = torch.nn.Linear(d, 2).requires_grad_(requires_grad=False)
    plane.weight[:] = torch.randn(2, d, generator=generator)
    plane.bias[:] = 0.0
    x = torch.rand(30, d, generator=generator)
    x[:, ::3] = x[:, ::3].round()
    y, space = plane(x).argmax(1), unit(d)
    normal = (plane.weight[1] - plane.weight[0]) * (1 - 2 * y[:, None])
    most = (normal * steepest(normal, "l1", eps, *space.room(x))).sum(1)
    standing = Standing(plane, x, y, space, "l1", eps, enough=1e9)
    clean = standing.margin.clone()
    start = drawn(x, "l1", eps, torch.Generator().manual_seed(1))
    climb(standing, torch.arange(30), Ascent(margin, 20), start, None, Progress())
    found = pgd(plane, x, y, space, "l1", eps, 20, torch.Generator().manual_seed(1))
    for points, reached in ((standing.best, standing.margin), (found.x, found.margin)):
        gained = (reached - clean) / most
        assert bool((gained > 0.94).all()) and float(gained.mean()) > 0.98 and float(gained.max()) < 1 + 1e-3
        assert bool((length(points - x, "l1") <= eps * (1 + 1e-5)).all())
        assert bool(((points >= 0) & (points <= 1)).all())
