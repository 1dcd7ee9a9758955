"""Square asks nothing twice: a proposal is another change than the one it starts from, wherever another is possible."""

import pytest


@pytest.mark.parametrize("part", [0.8, 0.1, 0.003])
def test_no_proposal_in_gray_pictures_is_the_change_it_starts_from(part: float) -> None:
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.score_search import first, proposed

    one = torch.ones(1, 12, 12)
    space = PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(400, 1, 12, 12, generator=generator)
    x[::2, :, :6] = 0.0  # at an end of the range, as the ground of digits
    eps = torch.full((400,), 0.2)
    low, high = (end.clamp(-0.2, 0.2) for end in space.room(x))
    change = torch.clamp(first(x, space, "linf", eps, generator), low, high)
    step = torch.clamp(proposed(change, x, (low, high), space, "linf", eps, part, generator), low, high)
    assert bool((step != change).flatten(1).any(1).all())
    assert bool((step.abs() <= 0.2 + 1e-6).all())
    again = torch.clamp(proposed(torch.zeros_like(x), x, (low, high), space, "linf", eps, part, generator), low, high)
    assert bool((again != 0).flatten(1).any(1).float().mean() > 0.9)
