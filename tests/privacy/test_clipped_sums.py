"""The clipped sum against a loop over rows in float64, on random nets, shapes and clips; and what the direct way must not take on."""

import copy
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from torch import Tensor, nn


def by_hand(module: "nn.Module", x: "Tensor", y: "Tensor", clip: float) -> "list[Tensor]":
    """Each row's gradient by torch in float64, clipped, summed."""
    import torch

    module = copy.deepcopy(module).double()
    x = x.double() if x.is_floating_point() else x
    params = [p for p in module.parameters() if p.requires_grad]
    total = [torch.zeros_like(p) for p in params]
    for i in range(len(x)):
        loss = torch.nn.functional.cross_entropy(module(x[i : i + 1]), y[i : i + 1])
        grads = torch.autograd.grad(loss, params, allow_unused=True)
        found = [torch.zeros_like(p) if g is None else g for p, g in zip(params, grads, strict=True)]
        norm = torch.sqrt(sum((g**2).sum() for g in found))  # type: ignore[arg-type]
        for t, g in zip(total, found, strict=True):
            t += g * min(1.0, clip / (float(norm) + 1e-6))
    return total


def same(module: "nn.Module", x: "Tensor", y: "Tensor", clip: float, way: str) -> None:
    import torch

    from tiltyard.privacy._dp_training.summing import summing

    expected = by_hand(module, x, y, clip)
    how = summing(module, x[:2], y[:2])
    assert type(how).__name__ == way
    scale = max(float(t.abs().max()) for t in expected) + 1e-12
    for found, exact in zip(how.clipped(x, y, clip).sums, expected, strict=True):
        torch.testing.assert_close(found.double() / scale, exact / scale, atol=5e-6, rtol=1e-4)
    how.close()
    assert all(p.requires_grad for p in module.parameters())


def data(shape: tuple[int, ...], n: int, seed: int) -> "tuple[Tensor, Tensor]":
    import torch

    made = torch.Generator().manual_seed(seed)
    return torch.randn((n, *shape), generator=made), torch.randint(0, 3, (n,), generator=made)


@given(
    width=st.integers(1, 9), hidden=st.integers(1, 12), bias=st.booleans(), norm=st.booleans(), n=st.integers(1, 9), seed=st.integers(0, 99)
)
@settings(max_examples=20, deadline=None)
def test_dense_nets(width: int, hidden: int, bias: bool, norm: bool, n: int, seed: int) -> None:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    middle = [nn.LayerNorm(hidden, eps=0.1)] if norm else []  # of two numbers that are near, float32 leaves few digits
    module = nn.Sequential(nn.Linear(width, hidden, bias=bias), *middle, nn.ReLU(inplace=True), nn.Linear(hidden, 3, bias=bias))
    same(module, *data((width,), n, seed), 0.5, "Direct" if norm else "Chain")


@given(
    widths=st.lists(st.integers(1, 12), min_size=0, max_size=3),
    act=st.sampled_from(["ReLU", "Tanh", "Sigmoid"]),
    bias=st.booleans(),
    single=st.booleans(),
    clip=st.sampled_from([1e-3, 0.3, 1e3]),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_dense_layers_by_hand(widths: list[int], act: str, bias: bool, single: bool, clip: float, seed: int) -> None:
    """What has no weights before them, nested blocks, and one logit of two classes."""
    import torch
    from torch import nn

    from tiltyard.targets.architecture import Normalize
    from tiltyard.targets.torch_target import Logits

    torch.manual_seed(seed)
    sizes = [6, *widths, 1 if single else 3]
    blocks = [nn.Sequential(nn.Linear(a, b, bias=bias), getattr(nn, act)()) for a, b in pairwise(sizes[:-1])]
    module = nn.Sequential(nn.Flatten(), Normalize([0.5] * 6, [2.0] * 6), *blocks, nn.Linear(sizes[-2], sizes[-1], bias=bias))
    x, y = data((2, 3), 7, seed)
    same(Logits(module, "logits"), x, y.clamp(max=1) if single else y, clip, "Chain")


@pytest.mark.parametrize("odd", ["hook", "dropout", "twice", "shared", "probabilities", "before"])
def test_what_is_no_chain_of_dense_layers_is_not_taken_for_one(odd: str) -> None:
    from torch import nn

    from tiltyard.privacy._dp_training.clipped_sums import NotCovered
    from tiltyard.privacy._dp_training.dense_sums import Chain
    from tiltyard.targets.torch_target import Logits

    first, middle, last = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)
    module: nn.Module = nn.Sequential(first, middle, last)
    if odd == "hook":
        middle.register_forward_hook(lambda *_: None)
    elif odd == "dropout":
        module = nn.Sequential(first, nn.Dropout(0.5), last)
    elif odd == "twice":
        module = nn.Sequential(first, nn.ReLU(), nn.Tanh(), last)
    elif odd == "shared":
        module = nn.Sequential(first, middle, first, last)
    elif odd == "probabilities":
        module = Logits(nn.Sequential(module, nn.Softmax(1)), "probabilities")
    else:
        module = nn.Sequential(nn.LayerNorm(4), first, middle, last)
    with pytest.raises(NotCovered):
        Chain(module)


@given(
    groups=st.sampled_from([1, 2]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.one_of(st.just("valid"), st.tuples(st.integers(0, 2), st.integers(0, 2))),
    dilation=st.integers(1, 2),
    mode=st.sampled_from(["zeros", "reflect", "circular"]),
    norm=st.sampled_from(["none", "group", "instance"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_convolutions(
    groups: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: "str | tuple[int, int]",
    dilation: int,
    mode: str,
    norm: str,
    seed: int,
) -> None:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    first = nn.Conv2d(2, 4, kernel, stride, padding, dilation, groups, bias=seed % 2 == 0, padding_mode=mode)
    middle = {"none": nn.Identity(), "group": nn.GroupNorm(2, 4), "instance": nn.InstanceNorm2d(4, affine=True)}[norm]
    module = nn.Sequential(first, middle, nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))
    same(module, *data((2, 9, 8), 4, seed), 0.3, "Direct")


@pytest.mark.parametrize("padding", ["same", 2])
def test_sequences_by_convolution(padding: "str | int") -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv1d(3, 4, 3, padding=padding),
        nn.InstanceNorm1d(4, affine=True),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    same(module, *data((3, 11), 6, 1), 0.2, "Direct")


@pytest.mark.parametrize(("places", "width"), [(2, 8), (12, 3)])
def test_words_with_padding_and_dense_layers_over_places(places: int, width: int) -> None:
    """Both ways to the norm of a dense layer over places; repeated words, padding that has no gradient."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Embedding(7, width, padding_idx=0), nn.Linear(width, 9), nn.LayerNorm(9), nn.Flatten(), nn.Linear(9 * places, 3)
    )
    words = torch.randint(0, 7, (8, places), generator=torch.Generator().manual_seed(1))
    same(module, words, data((1,), 8, 1)[1], 0.4, "Direct")


def recurrent() -> "nn.Module":
    from opacus.layers import DPGRU
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.read, self.out = nn.Embedding(7, 4, padding_idx=0), DPGRU(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x: "Tensor") -> "Tensor":
            found: Tensor = self.out(self.read(self.words(x))[0][:, -1])
            return found

    return Net()


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_covered_goes_by_opacus_and_padding_is_right_there_too() -> None:
    import torch

    torch.manual_seed(0)
    words = torch.randint(0, 7, (6, 5), generator=torch.Generator().manual_seed(1))
    same(recurrent(), words, data((1,), 6, 1)[1], 0.4, "PerRow")


@pytest.mark.filterwarnings("ignore")
def test_a_layer_used_twice_goes_by_opacus() -> None:
    from torch import nn

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: "Tensor") -> "Tensor":
            found: Tensor = self.out(self.inner(self.inner(x).tanh()))
            return found

    same(Twice(), *data((4,), 5, 2), 0.3, "PerRow")


def test_what_is_changed_in_place_is_not_taken_on() -> None:
    import torch
    from torch import nn

    from tiltyard.privacy._dp_training.clipped_sums import Direct, NotCovered

    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x: "Tensor") -> "Tensor":
            found: Tensor = torch.relu_(self.out(self.inner(x)))
            return found

    x, y = data((4,), 5, 2)
    with pytest.raises(NotCovered, match="in place"):
        Direct(InPlace()).clipped(x, y, 1.0)


def test_a_shared_parameter_is_refused() -> None:
    from torch import nn

    from tiltyard.privacy._dp_training.layers import faults

    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    assert "shares a parameter" in str(faults(nn.Sequential(first, second))[0])


def test_rows_are_drawn_by_coins() -> None:
    """Counts are binomial, every row comes as often as any, and neighbors are independent."""
    from tiltyard.privacy._dp_training.chance import FromSystem, Seeded, drawn

    for chance in (Seeded(0), FromSystem()):
        hits, pairs, counts = np.zeros(40), 0, []
        for _ in range(3000):
            rows = drawn(40, 0.1, chance).numpy()
            assert (np.diff(rows) > 0).all()
            hits[rows] += 1
            pairs += int((np.diff(rows) == 1).sum())
            counts.append(len(rows))
        assert np.mean(counts) == pytest.approx(4, abs=4 * np.sqrt(3.6 / 3000))
        assert np.var(counts) == pytest.approx(3.6, rel=0.15)
        assert (abs(hits - 300) < 5 * np.sqrt(270)).all()
        assert pairs / 3000 == pytest.approx(39 * 0.01, rel=0.15)


def test_noise_has_its_deviation() -> None:
    import torch
    from scipy.stats import kstest

    from tiltyard.privacy._dp_training.chance import FromSystem, Seeded

    for chance in (Seeded(0), FromSystem()):
        into = torch.empty(20_001)
        chance.fill(into, 3.0)
        assert kstest(into.numpy() / 3.0, "norm").pvalue > 1e-6


def test_an_empty_batch_is_a_step_of_noise_over_the_same_denominator() -> None:
    import torch
    from torch import nn

    from tiltyard.privacy._dp_training.chance import Seeded
    from tiltyard.privacy._dp_training.loop import Plan, Steps
    from tiltyard.privacy._dp_training.summing import summing
    from tiltyard.progress import Progress

    x, y = data((4,), 50, 0)
    module = nn.Linear(4, 3)
    plan = Plan(noise=2.0, clip=0.5, batch_size=10, epochs=1, rate=1.0, optimizer="sgd")
    steps = Steps(summing(module, x[:2], y[:2]), plan, 50)
    before, noise = steps.flat.detach().clone(), torch.empty(15)
    Seeded(3).fill(noise, 1.0)
    steps.take(x.numpy(), y, torch.zeros(0, dtype=torch.int64), Seeded(3), Progress())
    torch.testing.assert_close(steps.flat.detach(), before - noise / 10)
    assert module.weight.flatten().tolist() == steps.flat[:12].tolist()
