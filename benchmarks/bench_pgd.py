"""PGD-40 on 300 digits against the same 40 raw forward and backward passes, and against foolbox: ``python benchmarks/bench_pgd.py``.

Ratios of one run, interleaved, the median of several rounds; never a timed test.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tiltyard.attacks.climbing import pgd
from tiltyard.attacks.perturbation_space import PerturbationSpace
from tiltyard.samples.catalog import load

ROWS, STEPS, BUDGET = 300, 40, 0.2


def raw(module: nn.Module, x: Tensor, y: Tensor) -> None:
    """40 forward passes, losses and gradients by the input, and nothing else."""
    for _ in range(STEPS):
        leaf = x.detach().requires_grad_()
        loss = nn.functional.cross_entropy(module(leaf), y, reduction="sum")
        torch.autograd.grad(loss, leaf)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    sample = load("digits")
    data = sample.data.unseen
    x, y = torch.from_numpy(data.x[:ROWS]), torch.from_numpy(data.y[:ROWS])
    module, space = sample.target.module, PerturbationSpace.of(data.schema)
    ways: dict[str, Callable[[], object]] = {
        "raw passes": lambda: raw(module, x, y),
        "tiltyard pgd": lambda: pgd(module, x, y, space, "linf", BUDGET, STEPS, torch.Generator().manual_seed(0)),
    }
    try:
        import foolbox

        model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")  # type: ignore[attr-defined]
        attack = foolbox.attacks.LinfPGD(steps=STEPS)
        ways["foolbox LinfPGD"] = lambda: attack(model, x, y, epsilons=BUDGET)
    except ImportError:
        print("foolbox is not installed: not compared")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    base = statistics.median(seconds["raw passes"][1:])
    for name, times in seconds.items():
        middle = statistics.median(times[1:])
        ratio = statistics.median(a / b for a, b in zip(times[1:], seconds["raw passes"][1:], strict=True))
        print(
            f"{name:18s} {middle:7.2f} s of processor   {ratio:5.3f} of the raw passes (median of rounds; of medians {middle / base:5.3f})"
        )


if __name__ == "__main__":
    main()
