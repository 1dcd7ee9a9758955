"""PGD against as many raw forward and backward passes, on networks of several kinds: ``python benchmarks/bench_passes.py``.

The raw passes are made on all rows at once and in the blocks that the attack takes, and the quicker counts. Processor seconds of one run,
interleaved; the ratio is the median over rounds. Never a timed test.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from bench_strong import Residual, layers, residual, strided
from torch import Tensor, nn

from tiltyard.attacks.perturbation_space import PerturbationSpace, blocks, pgd


@dataclass(frozen=True)
class Net:
    """A network with random weights, the shape of its rows, how many of them and how many steps."""

    name: str
    module: nn.Module
    shape: tuple[int, int, int]
    rows: int
    steps: int


def large() -> nn.Module:
    """Convolutions for 224 × 224 × 3."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 7, 4, 3), nn.BatchNorm2d(16), nn.ReLU(), Residual(16), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def nets() -> tuple[Net, ...]:
    """One of each kind."""
    torch.manual_seed(0)
    return (
        Net("MLP 784-128-128-10", layers(784, 10), (1, 28, 28), 300, 40),
        Net("strided CNN", strided(), (1, 28, 28), 300, 40),
        Net("residual, batch norm", residual(), (1, 28, 28), 300, 40),
        Net("224 × 224 × 3", large(), (3, 224, 224), 8, 40),
    )


def raw(net: Net, parts: list[slice], x: Tensor, y: Tensor) -> None:
    """Forward passes, losses and gradients by the input, and nothing else."""
    for rows in parts:
        for _ in range(net.steps):
            leaf = x[rows].detach().requires_grad_()
            loss = nn.functional.cross_entropy(net.module(leaf), y[rows], reduction="sum")
            torch.autograd.grad(loss, leaf)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for net in nets():
        net.module.eval().requires_grad_(requires_grad=False)
        x = torch.rand(net.rows, *net.shape, generator=torch.Generator().manual_seed(0))
        y, one = torch.arange(net.rows) % 10, torch.ones(net.shape)
        space = PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)
        ways: dict[str, Callable[[], object]] = {
            "whole": lambda net=net, x=x, y=y: raw(net, [slice(0, len(x))], x, y),  # type: ignore[misc]
            "blocks": lambda net=net, x=x, y=y: raw(net, blocks(x), x, y),  # type: ignore[misc]
            "pgd": lambda net=net, x=x, y=y, space=space: pgd(  # type: ignore[misc]
                net.module, x, y, space, "linf", 0.1, net.steps, torch.Generator().manual_seed(0)
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds + 1):
            for name, way in ways.items():
                start = time.process_time()
                way()
                seconds[name].append(time.process_time() - start)
        middle = {name: statistics.median(times[1:]) for name, times in seconds.items()}
        ratio = statistics.median(
            pgd_took / min(a, b) for pgd_took, a, b in zip(seconds["pgd"][1:], seconds["whole"][1:], seconds["blocks"][1:], strict=True)
        )
        taken = ", ".join(f"{name} {value:.3f} s" for name, value in middle.items())
        print(f"{net.name:22s} {net.rows:4d} rows, {net.steps} steps: {taken}; {ratio:.3f} of the quicker raw passes", flush=True)


if __name__ == "__main__":
    main()
