"""PGD and FGSM on a linear model, whose exact smallest change is known, and on rows that must stay valid."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled
from tiltyard.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from tiltyard.attacks.norms import Norm
    from tiltyard.attacks.perturbation_space import PerturbationSpace


NORMS: "tuple[Norm, ...]" = ("linf", "l2", "l1")
every_norm = pytest.mark.parametrize("norm", NORMS)


def seeded(seed: int = 0) -> "torch.Generator":
    import torch

    return torch.Generator().manual_seed(seed)


def wide(d: int) -> "PerturbationSpace":
    """Numbers from -50 to 50 whose range counts as 1, so that bounds are far and ranges are units."""
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace

    ones = torch.ones(d)
    return PerturbationSpace(ones, -50 * ones, -49 * ones, ones, torch.zeros(d, dtype=torch.bool), (), plain=True)


def linear(d: int = 10) -> "tuple[nn.Linear, Tensor, Tensor, PerturbationSpace]":
    """Two classes by a plane; rows with the label the model gives."""
    import torch
    from torch import nn

    from tiltyard.attacks.perturbation_space import PerturbationSpace

    torch.manual_seed(0)
    model = nn.Linear(d, 2)
    x = torch.randn(40, d, generator=seeded(1))
    y = model(x).argmax(1).detach()
    one = torch.ones(d)

    class Unbounded(PerturbationSpace):
        """A space whose bounds are too far to matter."""

        def room(self, x: "Tensor") -> "tuple[Tensor, Tensor]":
            return torch.full_like(x, -100.0), torch.full_like(x, 100.0)

    return (
        model.requires_grad_(requires_grad=False),
        x,
        y,
        Unbounded(one, 0 * one, one, one, torch.zeros(d, dtype=torch.bool), (), plain=True),
    )


def smallest(model: "nn.Linear", x: "Tensor", y: "Tensor", norm: "Norm") -> "Tensor":
    """The exact distance of each row to the plane: the gap of its logits over the dual norm of the weights' difference."""
    from tiltyard.attacks.norms import dual
    from tiltyard.attacks.perturbation_space import margins

    weights = model.weight[1] - model.weight[0]
    return -margins(model(x), y) / dual(weights[None], norm)


def scaled_rows(x: "Tensor", y: "Tensor", model: "nn.Linear", norm: "Norm", eps: float) -> "Tensor":
    """Rows moved along the plane's normal so that each lies at exactly ``eps`` from it."""
    import torch

    from tiltyard.attacks.norms import dual

    weights = model.weight[1] - model.weight[0]
    side = torch.where(y == 1, 1.0, -1.0)[:, None]
    gap = (eps - smallest(model, x, y, norm)) * dual(weights[None], norm)
    return x + side * gap[:, None] * weights / weights.square().sum()


@every_norm
@pytest.mark.parametrize("way", ["pgd", "fgsm"])
def test_success_begins_at_the_exact_smallest_change(norm: "Norm", way: str) -> None:
    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import Attacked, fgsm

    model, x, y, space = linear()
    at = scaled_rows(x, y, model, norm, 0.5)

    def run(eps: float) -> Attacked:
        if way == "fgsm":
            return fgsm(model, at, y, space, norm, eps)
        return pgd(model, at, y, space, norm, eps, 100, seeded())

    assert not run(0.5 * 0.99).fooled.any()
    assert run(0.5 * 1.02).fooled.all()


@every_norm
def test_changes_stay_in_the_ball(norm: "Norm") -> None:
    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.norms import length
    from tiltyard.attacks.perturbation_space import fgsm

    model, x, y, space = linear()
    for found in (pgd(model, x, y, space, norm, 0.3, 20, seeded(), 2), fgsm(model, x, y, space, norm, 0.3)):
        assert float(length(found.x - x, norm).max()) <= 0.3 * (1 + 1e-3)


def test_equal_seeds_give_equal_rows_and_others_do_not() -> None:
    import torch

    from tiltyard.attacks.climbing import pgd

    model, x, y, space = linear()
    one, two, three = (pgd(model, x, y, space, "l2", 0.1, 3, seeded(s)).x for s in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_a_constant_model_cannot_be_fooled_and_has_no_slope() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    model = nn.Linear(4, 2)
    nn.init.zeros_(model.weight)
    x = torch.rand(8, 4)
    y = model(x).argmax(1)
    ones = torch.ones(4)
    space = PerturbationSpace(ones, 0 * ones, ones, ones, torch.zeros(4, dtype=torch.bool), (), plain=True)
    found = pgd(model, x, y, space, "linf", 1.0, 10, seeded())
    assert not found.fooled.any()
    assert found.flat.all()


def test_the_kept_row_is_the_one_that_was_judged() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.climbing import pgd
    from tiltyard.attacks.perturbation_space import PerturbationSpace, judged

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)).requires_grad_(requires_grad=False)
    x = torch.rand(50, 6)
    y = model(x).argmax(1)
    ones = torch.ones(6)
    space = PerturbationSpace(ones, 0 * ones, ones, ones, torch.zeros(6, dtype=torch.bool), (), plain=True)
    found = pgd(model, x, y, space, "l2", 0.4, 15, seeded(), 3)
    torch.testing.assert_close(judged(model, found.x, y).margin, found.margin)


def test_a_first_layer_that_works_in_place_changes_nothing_of_what_is_found_or_counted() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.climbing import pgd

    model, x, y, space = linear()
    asked = []

    class InPlace(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            out: Tensor = model(x.mul_(1.0).add_(0.0))
            asked.append(len(x))
            return out

    plainly, found = (pgd(one, x, y, space, "linf", 0.2, 5, seeded()) for one in (model, InPlace()))
    assert torch.equal(plainly.x, found.x) and torch.equal(plainly.margin, found.margin)
    assert sum(asked) == 6 * len(x)


@every_norm
def test_a_number_whose_derivative_is_none_stands_still_and_the_others_move(norm: "Norm") -> None:
    from torch import nn

    from tiltyard.attacks.climbing import pgd

    model, x, y, space = linear()
    x[:, 0] = 0.0

    class Rooted(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            out: Tensor = model(x) + 0 * (x[:, :1] * 0).sqrt()  # at 0 the derivative of a root is infinite, and times 0 none
            return out

    found = pgd(Rooted(), x, y, space, norm, 0.3, 20, seeded())
    whole = pgd(model, x, y, space, norm, 0.3, 20, seeded())
    assert not found.flat.any() and found.x.isfinite().all()
    assert (found.margin > pgd(model, x, y, space, norm, 0.01, 1, seeded()).margin).all()
    assert (found.margin <= whole.margin + 1e-4).all()


def test_cancel_is_heard_between_steps() -> None:
    from tiltyard.attacks.climbing import pgd

    model, x, y, space = linear()
    count = 0

    def listen(report: object) -> None:
        nonlocal count
        count += 1
        if count == 5:
            progress.cancel()

    progress = Progress(listen)
    with pytest.raises(Cancelled):
        pgd(model, x, y, space, "linf", 0.1, 1000, seeded(), progress=progress)
    assert count == 5


def test_blocks_cover_all_rows_once() -> None:
    import torch

    from tiltyard.attacks.perturbation_space import blocks

    x = torch.zeros(1000, 500)
    covered = [i for part in blocks(x) for i in range(1000)[part]]
    assert covered == list(range(1000))


TABLE = Schema(
    features=(
        Feature(name="length", kind="continuous", low=-2, high=6),
        Feature(name="count", kind="integer", low=0, high=7),
        Feature(name="color", kind="categorical", categories=("red", "green", "blue")),
        Feature(name="fixed", kind="integer", low=0, high=5, mutable=False),
        Feature(name="shape", kind="onehot", columns=("round", "square")),
        Feature(name="kept", kind="categorical", categories=("a", "b"), mutable=False),
        Feature(name="one value", kind="continuous", low=3, high=3),
    ),
    label="y",
    classes=("no", "yes"),
)
ENCODING = encoding_of(TABLE)


def table_rows(seed: int, n: int = 30) -> "Tensor":
    import torch

    rng = np.random.default_rng(seed)
    parts = [rng.uniform(-2, 6, (n, 1)), rng.integers(0, 8, (n, 1)), np.eye(3)[rng.integers(0, 3, n)], rng.integers(0, 6, (n, 1))]
    parts += [np.eye(2)[rng.integers(0, 2, n)], np.eye(2)[rng.integers(0, 2, n)], np.full((n, 1), 3.0)]
    return torch.from_numpy(np.concatenate(parts, 1).astype(np.float32))


def table_model(seed: int) -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(seed)
    width = ENCODING.shape[0]
    return nn.Sequential(nn.Linear(width, 12), nn.ReLU(), nn.Linear(12, 2)).requires_grad_(requires_grad=False)


def assert_valid(x: "Tensor", origin: "Tensor", eps: float, norm: "Norm", flips: int) -> None:
    import torch

    from tiltyard.attacks.categorical_moves import changed_groups
    from tiltyard.attacks.norms import length
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    space = PerturbationSpace.of(TABLE)
    low, high = torch.from_numpy(ENCODING.low), torch.from_numpy(ENCODING.high)
    assert bool(((x >= low - 1e-5) & (x <= high + 1e-5)).all())
    assert torch.equal(x[:, space.whole], x[:, space.whole].round())
    for group in ENCODING.groups:
        assert bool((x[:, group].sum(1) == 1).all() and ((x[:, group] == 0) | (x[:, group] == 1)).all())
    fixed = ~torch.from_numpy(ENCODING.mutable)
    assert torch.equal(x[:, fixed], origin[:, fixed])
    assert int(changed_groups(x, origin, space).sum(1).max()) <= flips
    assert float(length(space.change(origin, x), norm).max()) <= eps * (1 + 2e-3)


@every_norm
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), eps=st.floats(0.01, 1), flips=st.integers(0, 3))
def test_rows_of_a_table_stay_valid(norm: "Norm", seed: int, eps: float, flips: int) -> None:
    import torch

    from tiltyard.attacks.categorical_moves import attack, pruned, single_step
    from tiltyard.attacks.perturbation_space import PerturbationSpace, judged

    model, x, space = table_model(seed % 7), table_rows(seed), PerturbationSpace.of(TABLE)
    y = model(x).argmax(1)
    for found in (
        attack(model, x, y, space, norm, eps, 5, seeded(seed), flips=flips),
        single_step(model, x, y, space, norm, eps, flips),
    ):
        assert_valid(found.x, x, eps, norm, flips)
        torch.testing.assert_close(judged(model, found.x, y).margin, found.margin)
        less = pruned(model, found, x, y, tuple(ENCODING.slices.values()))
        assert_valid(less.x, x, eps, norm, flips)
        assert torch.equal(less.fooled, found.fooled)
        assert bool(((less.x != x).sum(1) <= (found.x != x).sum(1)).all())


def test_a_flip_is_found_where_only_a_category_matters() -> None:
    import torch
    from torch import nn

    from tiltyard.attacks.categorical_moves import attack
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    model = nn.Linear(ENCODING.shape[0], 2).requires_grad_(requires_grad=False)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    blue = ENCODING.slices["color"].start + 2
    model.weight[1, blue], model.bias[0] = 2.0, 1.0
    x = table_rows(0)
    y = model(x).argmax(1)
    space = PerturbationSpace.of(TABLE)
    assert not attack(model, x, y, space, "linf", 1.0, 5, seeded(), flips=0).fooled.any()
    found = attack(model, x, y, space, "linf", 1e-3, 5, seeded(), flips=1)
    assert found.fooled.all()
    assert torch.equal(found.x[:, blue], 1 - x[:, blue])


def test_the_gain_of_a_flip_is_exact_for_a_linear_model() -> None:
    import torch

    from tiltyard.attacks.categorical_moves import flip_gains
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    space, x = PerturbationSpace.of(TABLE), table_rows(1, 6)
    gradient = torch.randn(x.shape, generator=seeded())
    gains = flip_gains(gradient, x, x, space)
    for group in space.groups:
        for column in range(group.start, group.stop):
            moved = x.clone()
            moved[:, group] = 0.0
            moved[:, column] = 1.0
            expected = ((moved - x) * gradient).sum(1)
            free = x[:, column] == 0
            torch.testing.assert_close(gains[free, column], expected[free])
            assert bool(torch.isneginf(gains[~free, column]).all())
    assert bool(torch.isneginf(gains[:, ENCODING.slices["kept"]]).all())


def test_a_space_says_what_may_move() -> None:
    from tiltyard.attacks.perturbation_space import PerturbationSpace

    space = PerturbationSpace.of(TABLE)
    assert space.dimensions == 2
    assert not space.plain
    assert space.largest("linf") == 1.0
    assert space.largest("l2") == pytest.approx(2**0.5)
    assert len(space.groups) == 2
    assert PerturbationSpace.of(Schema(features=(Feature(name="i", kind="pixels", shape=(1, 4, 4)),), label="y", classes=("a", "b"))).plain
