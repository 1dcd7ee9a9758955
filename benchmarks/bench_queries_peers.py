"""HopSkipJump and Square beside ART, foolbox and torchattacks at equal queries: ``python benchmarks/bench_queries_peers.py --rows 300``.

A small convolutional network on scikit-learn's digits (8 × 8) and an MLP on its breast cancer table, both norms, the same rows. Robust accuracy is
the share of rows that are right and that no point within eps turned. Of a peer *every* point that it asked within the queries counts, whether it
gave it back or not, and what it asks to start from is free: HopSkipJump starts at the nearest row that is answered otherwise. Of ours only what the
check gives back counts, and what it asks before and after is in the queries. A peer that is not installed is left out.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tiltyard.attacks.norms import Norm, length
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.square import Square
from tiltyard.targets.torch_target import TorchTarget


class Enough(Exception):
    """A row's queries are spent."""


@dataclass(frozen=True)
class Task:
    """Rows (n, *shape) in the unit of their ranges, their classes, what the network answers, and what may be asked at most."""

    name: str
    target: TorchTarget
    rows: Dataset
    module: nn.Module
    x: Tensor
    y: Tensor
    answers: Tensor
    eps: dict[Norm, float]
    budgets: tuple[int, ...]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Rows that need an attack."""
        return (self.answers == self.y).numpy()


class Watched(nn.Module):
    """A network that notes how near the points asked about one row came that turn it, after so many queries."""

    def __init__(self, task: Task, norm: Norm) -> None:
        super().__init__()
        self.task, self.norm = task, norm
        self.turned = np.full((len(task.budgets), len(task.x)), np.inf)
        self.row, self.asked = 0, 0

    def at(self, row: int) -> None:
        """The next points are about this row."""
        self.row, self.asked = row, 0

    def forward(self, x: Tensor) -> Tensor:
        """Logits; `Enough` once more than the largest budget was asked."""
        x, task = x.float(), self.task
        with torch.no_grad():
            out: Tensor = task.module(x)
        near = length(x - task.x[self.row : self.row + 1], self.norm)
        near = torch.where(out.argmax(1) != task.y[self.row], near, torch.inf)
        for i, budget in enumerate(task.budgets):
            if (left := budget - self.asked) > 0:
                self.turned[i, self.row] = min(self.turned[i, self.row], float(near[:left].min()))
        self.asked += len(x)
        if self.asked >= task.budgets[-1]:
            raise Enough
        return out


def starts(task: Task, norm: Norm) -> Tensor:
    """The nearest row of those that are answered otherwise, for each."""
    apart = torch.cdist(task.x.flatten(1), task.x.flatten(1), p=np.inf if norm == "linf" else 2.0)
    return task.x[apart.masked_fill(task.answers[None] == task.y[:, None], np.inf).argmin(1)]


def robust(task: Task, turned: NDArray[np.float64], eps: float) -> list[float]:
    """Robust accuracy at each budget."""
    return [float(np.mean(task.right & ~(one <= eps * (1 + 1e-6)))) for one in turned]


def arts_walk(task: Task, norm: Norm, seed: int) -> list[float]:
    """ART's HopSkipJump."""
    from art.attacks.evasion import HopSkipJump as Peer
    from art.estimators.classification import PyTorchClassifier

    watched, start = Watched(task, norm), starts(task, norm)
    shape, classes = tuple(task.x.shape[1:]), len(task.target.classes)
    model = PyTorchClassifier(watched, nn.CrossEntropyLoss(), shape, classes, clip_values=(0, 1), device_type="cpu")
    for i in map(int, np.flatnonzero(task.right)):
        watched.at(i)
        np.random.seed(seed + i)  # noqa: NPY002 (ART draws from it)
        attack = Peer(model, norm=np.inf if norm == "linf" else 2, max_iter=64, init_size=1, verbose=False)
        label = np.eye(classes, dtype=np.float32)[task.y[i : i + 1].numpy()]
        with suppress(Enough):
            attack.generate(task.x[i : i + 1].numpy(), y=label, x_adv_init=start[i : i + 1].numpy())
    return robust(task, watched.turned, task.eps[norm])


def foolboxes_walk(task: Task, norm: Norm, seed: int) -> list[float]:
    """Foolbox's HopSkipJump."""
    import foolbox

    watched, start = Watched(task, norm), starts(task, norm)
    model = foolbox.PyTorchModel(watched.eval(), bounds=(0, 1), device="cpu")  # type: ignore[attr-defined]
    attack = foolbox.attacks.HopSkipJumpAttack(steps=64, constraint=norm)  # type: ignore[arg-type, attr-defined]
    for i in map(int, np.flatnonzero(task.right)):
        watched.at(i)
        torch.manual_seed(seed + i)
        np.random.seed(seed + i)  # noqa: NPY002
        wanted = foolbox.criteria.Misclassification(task.y[i : i + 1])
        with suppress(Enough):
            attack.run(model, task.x[i : i + 1], wanted, starting_points=start[i : i + 1])
    return robust(task, watched.turned, task.eps[norm])


def checked(kind: Callable[..., HopSkipJump | Square], task: Task, norm: Norm, seed: int) -> list[float]:
    """One of our checks at each budget."""
    found = []
    for budget in task.budgets:
        before = task.target.queries
        check = kind(rows=len(task.x), norm=norm, eps=task.eps[norm], query_budget=budget, seed=seed, curve=False)
        found.append(float(check(task.target, task.rows).result.metric("robust_accuracy").value or 0.0))
        asked = (task.target.queries - before) / len(task.x)
        assert asked <= budget + 6, (asked, budget)  # the evaluation's own lines ask a few rows more
    return found


def pictures(task: Task) -> Tensor:
    """The rows as gray pictures, as the peers' Square wants them: a table's columns row by row in a rectangle."""
    return task.x if task.x.ndim == 4 else task.x.reshape(len(task.x), 1, 5, -1)


def stand(task: Task, found: Tensor, norm: Norm) -> float:
    """The share that is right and stands; rows outside eps count as standing."""
    with torch.no_grad():
        lost = task.module(found.reshape(task.x.shape)).argmax(1) != task.y
    lost &= length(found.reshape(task.x.shape) - task.x, norm) <= task.eps[norm] * (1 + 1e-4)
    return float(np.mean(task.right & ~lost.numpy()))


class Pictured(nn.Module):
    """A network on rows as `pictures` has them."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        out: Tensor = self.task.module(x.reshape(-1, *self.task.x.shape[1:]).float())
        return out


def authors_square(task: Task, norm: Norm, seed: int) -> list[float]:
    """Square as the authors' code has it, by torchattacks; it asks one query more."""
    from torchattacks.attacks.square import Square as Peer  # type: ignore[import-not-found]

    x, name = pictures(task), {"linf": "Linf", "l2": "L2"}[norm]
    module = Pictured(task)
    made = [Peer(module, norm=name, eps=task.eps[norm], n_queries=n, n_restarts=1, seed=seed)(x, task.y) for n in task.budgets]
    return [stand(task, one, norm) for one in made]


def arts_square(task: Task, norm: Norm, seed: int) -> list[float]:
    """ART's Square."""
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import PyTorchClassifier

    x, classes = pictures(task), len(task.target.classes)
    model = PyTorchClassifier(Pictured(task), nn.CrossEntropyLoss(), tuple(x.shape[1:]), classes, clip_values=(0, 1), device_type="cpu")
    found = []
    for n in task.budgets:
        np.random.seed(seed)  # noqa: NPY002
        attack = SquareAttack(model, norm=np.inf if norm == "linf" else 2, eps=task.eps[norm], max_iter=n, batch_size=512, verbose=False)
        made = attack.generate(x.numpy(), y=np.eye(classes, dtype=np.float32)[task.y.numpy()])
        found.append(stand(task, torch.from_numpy(made), norm))
    return found


class Ranged(nn.Module):
    """A network on raw rows: they are brought to their ranges first."""

    low: Tensor
    scale: Tensor

    def __init__(self, inner: nn.Module, low: Any, scale: Any) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("low", torch.as_tensor(low, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        out: Tensor = self.inner((x.float() - self.low) / self.scale)
        return out


def trained(module: nn.Module, x: Tensor, y: Tensor, epochs: int) -> nn.Module:
    """The module after so many epochs of Adam on batches of 64."""
    optimizer = torch.optim.Adam(module.parameters(), 0.003, weight_decay=1e-4)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return module.eval()


def task(name: str, rows: int, budgets: tuple[int, ...]) -> Task:
    """The network, trained on the rows that are not attacked."""
    from sklearn.datasets import load_breast_cancer, load_digits

    torch.manual_seed(0)
    data = load_digits() if name == "digits" else load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.data))
    raw, y = data.data[order], torch.from_numpy(data.target[order]).long()
    classes = tuple(str(c) for c in data.target_names)
    if name == "digits":
        x = torch.from_numpy(raw / 16).float().reshape(-1, 1, 8, 8)
        convolved = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU())
        module: nn.Module = nn.Sequential(*convolved, nn.Flatten(), nn.Linear(512, 10))
        schema = Schema(features=(Feature(name="digit", kind="pixels", low=0, high=1, shape=(1, 8, 8)),), label="digit", classes=classes)
        held, low, scale = x.numpy(), np.float32(0), np.float32(1)
        eps: dict[Norm, float] = {"linf": 0.15, "l2": 0.8}
    else:
        low, high = raw.min(0), raw.max(0)
        held, scale = raw, high - low
        x = torch.from_numpy((raw - low) / scale).float()
        module = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
        features = tuple(
            Feature(name=str(n), kind="continuous", low=float(low[i]), high=float(high[i])) for i, n in enumerate(data.feature_names)
        )
        schema = Schema(features=features, label="diagnosis", classes=classes)
        eps = {"linf": 0.08, "l2": 0.3}
    trained(module, x[rows:], y[rows:], 20)
    with torch.no_grad():
        answers = module(x[:rows]).argmax(1)
    target = TorchTarget(Ranged(module, low, scale).eval(), classes, schema, name)
    return Task(name, target, Dataset(held[:rows], y[:rows].numpy(), schema), module, x[:rows], y[:rows], answers, eps, budgets)


WAYS: dict[str, Callable[[Task, Norm, int], list[float]]] = {
    "HopSkipJump, ours": lambda t, n, s: checked(HopSkipJump, t, n, s),
    "HopSkipJump, foolbox": foolboxes_walk,
    "HopSkipJump, ART": arts_walk,
    "Square, ours": lambda t, n, s: checked(Square, t, n, s),
    "Square, torchattacks": authors_square,
    "Square, ART": arts_square,
}


def main() -> None:
    """Print a line for each network, norm, attack and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--queries", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--only", nargs="+", default=[""], help="parts of attacks' names")
    given = parser.parse_args()
    torch.set_num_threads(1)
    norms: tuple[Norm, ...] = ("linf", "l2")
    for name in ("digits", "table"):
        one = task(name, given.rows, tuple(sorted(given.queries)))
        for norm in norms:
            print(f"{name}, {norm} {one.eps[norm]:g}, right {100 * one.right.mean():.1f} %; robust at {one.budgets} queries", flush=True)
            for way, run in WAYS.items():
                if not any(part in way for part in given.only):
                    continue
                for seed in given.seeds:
                    clock = time.process_time()
                    try:
                        left = run(one, norm, seed)
                    except (ImportError, ValueError) as error:  # ART's Square cannot take small pictures
                        print(f"  {way:22s} does not run: {error}")
                        break
                    shown = "  ".join(f"{100 * share:5.1f} %" for share in left)
                    print(f"  {way:22s} seed {seed}: {shown}  {time.process_time() - clock:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
