"""PGD against as many raw forward and backward passes, on networks of several kinds: ``python benchmarks/bench_passes.py``.

The raw passes are made in batches of several sizes and the quickest count. Processor seconds of one run, interleaved; of every way the least
of all rounds, for what else a machine does only adds. Never a timed test.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from bench_strong import Residual, layers, residual, strided
from torch import Tensor, nn

from tiltyard.attacks.climbing import pgd
from tiltyard.attacks.perturbation_space import PerturbationSpace, blocks

SIZES = (4, 8, 32, 128, 512)


@dataclass(frozen=True)
class Net:
    """A network with random weights, the shape of its rows, how many of them and how many steps."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    rows: int
    steps: int


def normed(before: int, after: int, size: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution, its batch norm and ReLU."""
    return [nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def ended(parts: list[nn.Module], width: int) -> nn.Module:
    """Parts, the mean over places, and ten classes."""
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def pooling() -> nn.Module:
    """Two convolutions for 28 × 28, each with max pooling."""
    parts = (nn.Conv2d(1, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(1568, 10))


def small_residual() -> nn.Module:
    """A residual network for 32 × 32 × 3."""
    return ended([*normed(3, 16), Residual(16), *normed(16, 32, 3, 2), Residual(32), *normed(32, 64, 3, 2), Residual(64)], 64)


def large() -> nn.Module:
    """Few convolutions for 224 × 224 × 3: a row is large, and a pass over it cheap."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, 4, 3), nn.BatchNorm2d(16), nn.ReLU(), Residual(16), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def mobile() -> nn.Module:
    """Depthwise and pointwise convolutions for 224 × 224 × 3, as MobileNet at a quarter of its width."""
    parts, widths = (
        normed(3, 8, 3, 2),
        ((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2)),
    )
    for before, after, stride in widths:
        parts += [*normed(before, before, 3, stride, before), *normed(before, after, 1)]
    return ended(parts, 256)


def nets() -> tuple[Net, ...]:
    """One of each kind."""
    torch.manual_seed(0)
    table = nn.Sequential(nn.Linear(30, 100), nn.ReLU(), nn.Linear(100, 2))
    return (
        Net("table MLP 30-100-2", table, (30,), 1000, 40),
        Net("MLP 784-128-128-10", layers(784, 10), (1, 28, 28), 300, 40),
        Net("strided CNN", strided(), (1, 28, 28), 300, 40),
        Net("CNN with pooling", pooling(), (1, 28, 28), 300, 20),
        Net("residual, batch norm", residual(), (1, 28, 28), 300, 20),
        Net("residual, 32 × 32 × 3", small_residual(), (3, 32, 32), 100, 20),
        Net("mobile, 224 × 224 × 3", mobile(), (3, 224, 224), 8, 20),
        Net("few layers, 224 × 224 × 3", large(), (3, 224, 224), 8, 40),
    )


def raw(net: Net, parts: list[slice], x: Tensor, y: Tensor) -> None:
    """Forward passes, losses and gradients by the input, and nothing else."""
    for rows in parts:
        for _ in range(net.steps):
            leaf = x[rows].detach().requires_grad_()
            loss = nn.functional.cross_entropy(net.module(leaf), y[rows], reduction="sum")
            torch.autograd.grad(loss, leaf)


def sliced(rows: int, size: int) -> list[slice]:
    """Slices of at most ``size`` rows."""
    return [slice(start, start + size) for start in range(0, rows, size)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for net in (net for net in nets() if given.only in net.name):
        net.module.eval().requires_grad_(requires_grad=False)
        x = torch.rand(net.rows, *net.shape, generator=torch.Generator().manual_seed(0))
        y, one = torch.arange(net.rows) % net.module(x[:2]).shape[1], torch.ones(net.shape)
        space = PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)
        ways: dict[str, Callable[[], object]] = {
            "pgd": lambda net=net, x=x, y=y, space=space: pgd(  # type: ignore[misc]
                net.module, x, y, space, "linf", 0.1, net.steps, torch.Generator().manual_seed(0)
            )
        }
        for parts in [blocks(x, net.module), *(sliced(len(x), size) for size in SIZES if size >= len(x) // 20)]:
            name = f"{min(parts[0].stop, len(x))} rows"
            ways[name] = lambda net=net, x=x, y=y, parts=parts: raw(net, parts, x, y)  # type: ignore[misc]
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds + 1):
            for name, way in ways.items():
                start = time.process_time()
                way()
                seconds[name].append(time.process_time() - start)
        least = {name: min(times) for name, times in seconds.items()}
        quickest = min((name for name in least if name != "pgd"), key=lambda name: least[name])
        print(
            f"{net.name:26s} {net.rows:4d} rows, {net.steps} steps: PGD {least['pgd']:.3f} s, raw {least[quickest]:.3f} s "
            f"in batches of {quickest}; {least['pgd'] / least[quickest]:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
