"""The strong evaluation against AutoAttack: ``python benchmarks/bench_strong.py [--rows 100]``, with the authors' code or torchattacks installed.

Small networks are trained here, none of which the recipe was tuned on. Each way runs on the same rows in one process; printed are robust
accuracy, processor seconds, the ratio to ours, and the rows on which a way and ours disagree. What is not installed is said so.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tiltyard.attacks.perturbation_space import PerturbationSpace, pgd
from tiltyard.attacks.standing import Standing
from tiltyard.attacks.strong_stages import Plan, run_stages
from tiltyard.datasets.dataset import Dataset
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load_data

Norm = Literal["linf", "l2"]
NAMES = {"linf": "Linf", "l2": "L2"}


@dataclass(frozen=True)
class Trained:
    """A network, and the norm and eps at which it is attacked."""

    name: str
    module: nn.Module
    norm: Norm
    eps: float


class Residual(nn.Module):
    """A convolution with batch norm beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)
        self.normalized = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """As x."""
        return nn.functional.relu(x + self.normalized(self.convolution(x)))


def strided() -> nn.Module:
    """Two strided convolutions."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 4, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 49, 48), nn.ReLU(), nn.Linear(48, 10)
    )  # fmt: skip


def residual() -> nn.Module:
    """A strided convolution, two residual blocks and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 4, 2, 1), nn.ReLU(), Residual(12), Residual(12), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12 * 49, 10)
    )


def trained(make: Callable[[], nn.Module], data: Dataset, norm: Norm, eps: float, epochs: int) -> nn.Module:
    """``make`` trained against three PGD steps; eps 0 trains without attack."""
    torch.manual_seed(0)
    module = make().train()
    x, y, space = torch.from_numpy(data.seen.x), torch.from_numpy(data.seen.y), PerturbationSpace.of(data.schema)
    optimizer, generator = torch.optim.Adam(module.parameters(), 3e-3), torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(x), generator=generator), 64):
            batch = pgd(module, x[rows], y[rows], space, norm, eps, 3, generator).x if eps else x[rows]
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return module.eval().requires_grad_(requires_grad=False)


def ours(net: Trained, x: Tensor, y: Tensor, space: PerturbationSpace, confirm: bool, search: bool = True) -> Tensor:
    """Bool (n,): rows that stand."""
    standing = Standing(net.module, x, y, space, net.norm, net.eps)
    run_stages(standing, Plan(search, confirm), torch.Generator().manual_seed(0), Progress())
    return standing.margin <= 0


def stands(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Bool (n,): which rows are answered rightly."""
    right: Tensor = module(x).argmax(1) == y
    return right


def authors(net: Trained, x: Tensor, y: Tensor) -> Tensor:
    """Bool (n,): rows that stand after AutoAttack standard, by the code of its authors."""
    from autoattack import AutoAttack  # type: ignore[import-not-found]

    attack = AutoAttack(net.module, norm=NAMES[net.norm], eps=net.eps, version="standard", device="cpu", verbose=False, seed=0)
    found = attack.run_standard_evaluation(x, y, bs=len(x))
    return stands(net.module, found, y)


def others(net: Trained, x: Tensor, y: Tensor) -> Tensor:
    """Bool (n,): as `authors`, by torchattacks."""
    import torchattacks  # type: ignore[import-not-found]

    attack = torchattacks.AutoAttack(net.module, norm=NAMES[net.norm], eps=net.eps, version="standard", n_classes=10, seed=0)
    return stands(net.module, attack(x, y), y)


def compared(net: Trained, x: Tensor, y: Tensor, space: PerturbationSpace, skip: tuple[str, ...]) -> None:
    """Print the table of one network."""
    ways: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: ours(net, x, y, space, confirm=False),
        "ours, gradients only": lambda: ours(net, x, y, space, confirm=False, search=False),
        "ours, confirmed": lambda: ours(net, x, y, space, confirm=True),
        "AutoAttack, authors": lambda: authors(net, x, y),
        "AutoAttack, torchattacks": lambda: others(net, x, y),
    }
    stood: Tensor | None = None
    base = 0.0
    for name, one in ways.items():
        if name in skip:
            continue
        start = time.process_time()
        try:
            left = one()
        except ImportError as error:
            print(f"{net.name:28s} {name:26s} not installed: {error}", flush=True)
            continue
        took = time.process_time() - start
        stood, base = (left, took) if stood is None else (stood, base)
        apart = (left != stood).nonzero().squeeze(1).tolist()
        print(
            f"{net.name:28s} {name:26s} {100 * left.float().mean():6.2f} % {took:8.1f} s  {took / base:6.1f} ×  rows apart {apart}",
            flush=True,
        )


def main() -> None:
    """Train, attack, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--skip", nargs="*", default=[], help="ways to leave out, by the name that is printed")
    parser.add_argument("--only", default="", help="networks whose name holds this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("digits")
    x, y = torch.from_numpy(data.unseen.x[: given.rows]), torch.from_numpy(data.unseen.y[: given.rows])
    nets: tuple[tuple[str, Callable[[], nn.Module], Norm, float, float], ...] = (
        ("strided, trained in linf", strided, "linf", 0.15, 0.15),
        ("residual, trained in linf", residual, "linf", 0.15, 0.15),
        ("strided, trained in l2", strided, "l2", 1.5, 1.5),
        ("strided, undefended", strided, "linf", 0.0, 0.1),
    )
    for name, make, norm, eps, attacked in nets:
        if given.only in name:
            module = trained(make, data, norm, eps, given.epochs)
            compared(Trained(name, module, norm, attacked), x, y, PerturbationSpace.of(data.schema), tuple(given.skip))


if __name__ == "__main__":
    main()
