"""What DP-SGD costs beside a plain epoch: Tiltyard, Opacus's hooks and its ghost clipping, as ratios in one run.

    python benchmarks/bench_dp_sgd.py

The same loop reads the same rows in all; every figure is the least of several turns that take places in a circle, so that a busy machine
slows them alike. Memory is the growth of the resident peak in a child of its own, libraries loaded before.
"""

import ctypes
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from rich.console import Console
from rich.table import Table
from torch import nn

from tiltyard.privacy._dp_training.chance import Seeded, drawn
from tiltyard.privacy._dp_training.loop import Plan, Steps
from tiltyard.privacy._dp_training.summing import summing
from tiltyard.progress import Progress

TURNS = 5
BATCH = 256
Run = Callable[[], None]


def net(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "MLP":
        return nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 10),
    )


def rows(kind: str) -> tuple[np.ndarray, torch.Tensor]:
    rng = np.random.default_rng(0)
    n, shape = (5_120, (100,)) if kind == "MLP" else (512, (1, 28, 28))
    return rng.normal(size=(n, *shape)).astype(np.float32), torch.from_numpy(rng.integers(0, 10, n))


def plain(kind: str) -> Run:
    module, (x, y) = net(kind), rows(kind)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)

    def epoch() -> None:
        order = torch.randperm(len(x))
        for part in torch.split(order, BATCH):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(module(torch.from_numpy(x[part.numpy()])), y[part]).backward()
            optimizer.step()

    return epoch


def ours(kind: str) -> Run:
    module, (x, y) = net(kind), rows(kind)
    plan = Plan(noise=1.0, clip=1.0, batch_size=BATCH, epochs=1, rate=0.05, optimizer="sgd")
    steps, chance = Steps(summing(module, torch.from_numpy(x[:2]), y[:2]), plan, len(x)), Seeded(0)
    progress = Progress()

    def epoch() -> None:
        for i in range(len(x) // BATCH):
            progress.step(i / len(x), "epoch 1 of 1")
            steps.take(x, y, drawn(len(x), BATCH / len(x), chance), chance, progress)

    return epoch


def hooks(kind: str) -> Run:
    module, (x, y) = GradSampleModule(net(kind), loss_reduction="sum"), rows(kind)
    base = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    optimizer = DPOptimizer(base, noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=BATCH, loss_reduction="sum")

    def epoch() -> None:
        for _ in range(len(x) // BATCH):
            part = (torch.rand(len(x)) < BATCH / len(x)).nonzero().reshape(-1)
            optimizer.zero_grad(set_to_none=True)
            logits = module(torch.from_numpy(x[part.numpy()]).requires_grad_())
            nn.functional.cross_entropy(logits, y[part], reduction="sum").backward()
            optimizer.step()

    return epoch


def ghost(kind: str) -> Run:
    module, (x, y) = GradSampleModuleFastGradientClipping(net(kind), loss_reduction="sum", max_grad_norm=1.0), rows(kind)
    base = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    optimizer = DPOptimizerFastGradientClipping(
        base, noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=BATCH, loss_reduction="sum"
    )
    loss = DPLossFastGradientClipping(module, optimizer, nn.CrossEntropyLoss(reduction="sum"), "sum")

    def epoch() -> None:
        for _ in range(len(x) // BATCH):
            part = (torch.rand(len(x)) < BATCH / len(x)).nonzero().reshape(-1)
            optimizer.zero_grad(set_to_none=True)
            loss(module(torch.from_numpy(x[part.numpy()]).requires_grad_()), y[part]).backward()
            optimizer.step()

    return epoch


WAYS: dict[str, Callable[[str], Run]] = {"plain SGD": plain, "Tiltyard": ours, "Opacus, hooks": hooks, "Opacus, ghost clipping": ghost}


def seconds(kind: str) -> dict[str, float]:
    """The least of `TURNS` epochs of each way, in turn."""
    runs = {name: way(kind) for name, way in WAYS.items()}
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(TURNS):
        for name, run in runs.items():
            clock = time.perf_counter()
            run()
            found[name] = min(found[name], time.perf_counter() - clock)
    return found


def growth(kind: str, name: str) -> float:
    """MiB by which an epoch raises the peak of a new process, past that of its module and rows."""
    code = f"import sys; sys.path.insert(0, {sys.path[0]!r}); import bench_dp_sgd as b; print(b.peak({kind!r}, {name!r}))"
    return float(
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True).stdout.split()[-1]
    )


def peak(kind: str, name: str) -> float:
    """Resident memory, MiB, that an epoch takes beside what is there before it; an epoch of the MLP goes first, which loads libraries (Linux)."""
    WAYS[name]("MLP")()
    run = WAYS[name](kind)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what that epoch gave back is not there for the next
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """MiB of this process by a line of its status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def main() -> None:
    torch.set_num_threads(1)
    table = Table("net", "way", "epoch (ms)", "over plain", "memory (MiB)", title=f"Batches of {BATCH}, one thread")
    for kind in ("MLP", "CNN"):
        took = seconds(kind)
        for name, s in took.items():
            table.add_row(kind, name, f"{1000 * s:.0f}", f"{s / took['plain SGD']:.2f}", f"{growth(kind, name):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
