"""The strong evaluation against AutoAttack: ``python benchmarks/bench_strong.py [--rows 100]``, with the authors' code or torchattacks installed.

Small networks are trained here, none of which the recipe was tuned on. Each way runs on the same rows in one process; printed are robust
accuracy, processor seconds, the ratio to ours, and the rows on which a way and ours disagree: those that only this way leaves standing,
and those that only ours does. What is not installed is said so.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tiltyard.attacks.climbing import pgd
from tiltyard.attacks.norms import length
from tiltyard.attacks.perturbation_space import PerturbationSpace
from tiltyard.attacks.standing import Standing
from tiltyard.attacks.strong_stages import Plan, run_stages
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load_data

Norm = Literal["linf", "l2", "l1"]
PAPER_STEPS, PAPER_CLASSES = 100, 9  # of AutoAttack standard
NAMES = {"linf": "Linf", "l2": "L2", "l1": "L1"}


@dataclass(frozen=True)
class Trained:
    """A network, and the norm and eps at which it is attacked."""

    name: str
    module: nn.Module
    norm: Norm
    eps: float
    x: Tensor
    y: Tensor
    classes: int


@dataclass(frozen=True)
class Rows:
    """Rows to train with and rows to attack: x (n, 1, h, w) from 0 to 1, y (n,)."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor

    @property
    def space(self) -> PerturbationSpace:
        """Every pixel may move from 0 to 1."""
        one = torch.ones(self.x.shape[1:])
        return PerturbationSpace(one, 0 * one, one, one, one > 2, (), plain=True)


def digits() -> Rows:
    """The shipped digits."""
    data = load_data("digits")
    seen, held = data.seen, data.unseen
    return Rows(torch.from_numpy(seen.x), torch.from_numpy(seen.y), torch.from_numpy(held.x), torch.from_numpy(held.y))


def hundred() -> Rows:
    """Noisy copies of 100 random pictures of 8 by 8, a class each."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(100, 1, 8, 8, generator=generator)
    y = torch.randint(100, (6000,), generator=generator)
    x = (pictures[y] + 0.25 * torch.randn(len(y), 1, 8, 8, generator=generator)).clamp(0, 1)
    return Rows(x[:5000], y[:5000], x[5000:], y[5000:])


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


def layers(wide: int, classes: int) -> nn.Module:
    """Two hidden layers of 128."""
    return nn.Sequential(nn.Flatten(), nn.Linear(wide, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, classes))


@dataclass(frozen=True)
class Recipe:
    """How a network is trained and attacked: ``trained`` is the eps of PGD training, 0 of training without attack; ``trades`` its beta."""

    name: str
    make: Callable[[], nn.Module]
    rows: Callable[[], Rows]
    norm: Norm
    trained: float
    eps: float
    trades: float = 0.0


RECIPES = (
    Recipe("strided CNN, PGD-trained, linf", strided, digits, "linf", 0.15, 0.15),
    Recipe("MLP, TRADES, linf", lambda: layers(784, 10), digits, "linf", 0.1, 0.1, trades=6.0),
    Recipe("residual with batch norm, linf", residual, digits, "linf", 0.15, 0.15),
    Recipe("strided CNN, PGD-trained, l2", strided, digits, "l2", 1.5, 1.5),
    Recipe("strided CNN, PGD-trained, l1", strided, digits, "l1", 12.0, 12.0),
    Recipe("100 classes, PGD-trained, linf", lambda: layers(64, 100), hundred, "linf", 0.05, 0.1),
    Recipe("strided CNN, undefended, linf", strided, digits, "linf", 0.0, 0.1),
)


def train(recipe: Recipe, rows: Rows, epochs: int) -> nn.Module:
    """The network of a recipe, trained against five PGD steps."""
    torch.manual_seed(0)
    module = recipe.make().train()
    optimizer, generator = torch.optim.Adam(module.parameters(), 2e-3), torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for part in torch.split(torch.randperm(len(rows.x), generator=generator), 64):
            loss = _loss(module, rows.x[part], rows.y[part], recipe, rows.space, generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return module.eval().requires_grad_(requires_grad=False)


def _loss(module: nn.Module, x: Tensor, y: Tensor, recipe: Recipe, space: PerturbationSpace, generator: torch.Generator) -> Tensor:
    far = pgd(module, x, y, space, recipe.norm, recipe.trained, 5, generator).x if recipe.trained else x
    if not recipe.trades:
        return nn.functional.cross_entropy(module(far), y)
    clean, moved = module(x), module(far)
    apart = nn.functional.kl_div(moved.log_softmax(1), clean.softmax(1), reduction="batchmean")
    return nn.functional.cross_entropy(clean, y) + recipe.trades * apart


def ours(net: Trained, space: PerturbationSpace, confirm: bool, search: bool = True) -> Tensor:
    """Bool (n,): rows that stand."""
    standing = Standing(net.module, net.x, net.y, space, net.norm, net.eps)
    run_stages(standing, Plan(search, confirm), torch.Generator().manual_seed(0), Progress())
    return standing.margin <= 0


def stands(net: Trained, x: Tensor) -> Tensor:
    """Bool (n,): which rows are answered rightly; a row that left its ball stands."""
    change = (x - net.x).flatten(1)
    within = length(change, net.norm) <= net.eps * (1 + 1e-4)
    right: Tensor = (net.module(x).argmax(1) == net.y) | (~within & (net.module(net.x).argmax(1) == net.y))
    return right


def authors(net: Trained) -> Tensor:
    """Bool (n,): rows that stand after AutoAttack standard, by the code of its authors."""
    from autoattack import AutoAttack  # type: ignore[import-not-found]

    attack = AutoAttack(net.module, norm=NAMES[net.norm], eps=net.eps, version="standard", device="cpu", verbose=False, seed=0)
    return stands(net, attack.run_standard_evaluation(net.x, net.y, bs=len(net.x)))


def others(net: Trained) -> Tensor:
    """Bool (n,): as `authors`, by torchattacks, whose own 10 steps are raised to the 100 of the paper, and classes lowered to its 9."""
    if net.norm == "l1":
        raise NotImplementedError("it has no l1")
    import torchattacks  # type: ignore[import-not-found]

    attack = torchattacks.AutoAttack(net.module, norm=NAMES[net.norm], eps=net.eps, version="standard", n_classes=net.classes, seed=0)
    for part in attack._autoattack.attacks[:3]:
        part.steps = PAPER_STEPS
        part.n_target_classes = min(PAPER_CLASSES, net.classes - 1)
    return stands(net, attack(net.x, net.y))


def compared(net: Trained, space: PerturbationSpace, skip: tuple[str, ...]) -> None:
    """Print the table of one network."""
    ways: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: ours(net, space, confirm=False),
        "ours, gradients only": lambda: ours(net, space, confirm=False, search=False),
        "ours, confirmed": lambda: ours(net, space, confirm=True),
        "AutoAttack, authors": lambda: authors(net),
        "AutoAttack, torchattacks": lambda: others(net),
    }
    stood: Tensor | None = None
    base = 0.0
    for name, one in ways.items():
        if name in skip:
            continue
        start = time.process_time()
        try:
            left = one()
        except (ImportError, NotImplementedError) as error:
            print(f"{net.name:32s} {name:26s} not run: {error}", flush=True)
            continue
        took = time.process_time() - start
        stood, base = (left, took) if stood is None else (stood, base)
        only, missed = ((left & ~stood).nonzero().squeeze(1).tolist(), (~left & stood).nonzero().squeeze(1).tolist())
        print(
            f"{net.name:32s} {name:26s} {100 * left.float().mean():6.2f} % {took:8.1f} s  {took / base:6.1f} ×  stand here only {only}, there only {missed}",
            flush=True,
        )


def main() -> None:
    """Train, attack, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--skip", nargs="*", default=[], help="ways to leave out, by the name that is printed")
    parser.add_argument("--only", default="", help="networks whose name holds this")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for recipe in RECIPES:
        if given.only in recipe.name:
            rows = recipe.rows()
            x, y = rows.held_x[: given.rows], rows.held_y[: given.rows]
            module = train(recipe, rows, given.epochs)
            print(
                f"{recipe.name:32s} clean {100 * (module(x).argmax(1) == y).float().mean():.1f} %, n = {len(x)}, eps {recipe.eps}",
                flush=True,
            )
            net = Trained(recipe.name, module, recipe.norm, recipe.eps, x, y, int(rows.y.max()) + 1)
            compared(net, rows.space, tuple(given.skip))


if __name__ == "__main__":
    main()
