"""Square with several proposals of a row in a batch: the corner of a plane is found, nothing leaves its box, nobody is asked more than is allowed."""

import pytest


def test_the_best_corner_of_a_plane_is_found_by_no_more_queries_than_allowed() -> None:
    """Squares of one pixel raise the margin of a plane until every pixel stands at its better end, whatever the order."""
    import torch
    from torch import nn

    from tiltyard.attacks.square_rounds import Box, rounds

    torch.manual_seed(0)
    plane = nn.Linear(36, 2, bias=False)
    asked: list[int] = []

    class Counted(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.append(len(x))
            out: torch.Tensor = plane(x.flatten(1)) - torch.tensor([0.0, 100.0])
            return out

    x = torch.rand(5, 1, 6, 6)
    box = Box((x - 0.1).clamp_min(0).flatten(2), (x + 0.1).clamp_max(1).flatten(2))
    y = torch.zeros(5, dtype=torch.int64)
    found = rounds(Counted(), x, y, box, 900, torch.Generator().manual_seed(0), lambda done: 0.01)
    away = plane.weight[1] - plane.weight[0]
    corner = torch.where(away > 0, box.high[:, 0], box.low[:, 0])
    torch.testing.assert_close(found.x.flatten(1), corner)
    torch.testing.assert_close(found.margin, (corner @ away).detach() - 100.0)
    assert sum(asked) == 5 * 900
    assert len(asked) < 450  # the rounds, of which late ones ask many squares of a row


@pytest.mark.parametrize("part", [0.8, 0.1, 0.003])
def test_every_proposal_is_another_change_within_the_box(part: float) -> None:
    import torch

    from tiltyard.attacks.square_rounds import Box, squared

    generator = torch.Generator().manual_seed(0)
    x = torch.rand(20, 3, 12, 12, generator=generator)
    x[::2, :, :, :6] = 0.0  # at an end of the range, as the ground of digits
    box = Box((x - 0.2).clamp_min(0).flatten(2), (x + 0.2).clamp_max(1).flatten(2))
    first = squared(x, box, 7, part, generator)
    again = squared(first, Box(*(end.repeat_interleave(7, 0) for end in (box.low, box.high))), 1, part, generator)
    assert bool((again != first).flatten(1).any(1).all())
    for points in (first, again):
        flat = points.reshape(20, 7, 3, 144)
        assert bool(((flat >= box.low[:, None]) & (flat <= box.high[:, None])).all())
    side = max(1, round((part * 144) ** 0.5))
    assert int((first.reshape(20, 7, 3, 144) != x.flatten(2)[:, None]).any(2).sum(2).max()) <= side * side


def test_a_row_that_fools_is_asked_no_more() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.square_rounds import Box, rounds

    asked: list[int] = []

    class ByFirstPixel(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.append(len(x))
            first = x[:, 0, 0, 0]
            return torch.stack([0.5 - first, first - 0.5], 1)

    x = torch.full((2, 1, 4, 4), 0.45)
    x[1] = 0.1
    box = Box((x - 0.2).flatten(2), (x + 0.2).flatten(2))
    found = rounds(ByFirstPixel(), x, torch.zeros(2, dtype=torch.int64), box, 200, torch.Generator().manual_seed(0), lambda done: 0.01)
    assert found.fooled.tolist() == [True, False]
    assert 200 < sum(asked) < 390
