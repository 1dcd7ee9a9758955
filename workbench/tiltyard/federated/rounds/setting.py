"""From a target, data and a plan to the things a federation starts from: weights, shards, held-out rows."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from ...attacks.triggers import Trigger, trigger
from ...datasets.dataset import Dataset
from ...errors import Problem, Unavailable
from ...progress import Progress
from ...targets.target import Target
from ...targets.torch_target import TorchTarget
from ...targets.training import Recipe, fit, fresh
from ..shards import dirichlet
from .client import Shard
from .local import InSum, Local
from .measuring import Held, Seen, seen
from .plan import Plan
from .server import Kept, Round, Weights, train
from .spoiling import spoiled
from .weights import flat, put

PATCH = 4
MEASURED = 4000


@dataclass(frozen=True)
class Parts:
    """Rows to train on and rows to measure on; ``note`` says what was assumed."""

    train: Dataset
    test: Dataset
    note: str


def parts(data: Dataset, rows: int, seed: int) -> Parts:
    """The data's own split where it has one, else a fifth held out at random; at most ``rows`` to train on."""
    rng = np.random.default_rng([seed, 5])
    if not data.lacks("member"):
        return Parts(data.seen.sample(rows, rng), data.unseen.sample(MEASURED, rng), "")
    if len(data) < 10:
        raise Problem("at least 10 rows to train on some and measure on others", f"{len(data)}", "Give more rows")
    order = rng.permutation(len(data))
    cut = len(data) // 5
    note = "The data do not say which rows were trained on: a fifth was held out for the accuracies; the model before may have seen it."
    return Parts(data.take(order[cut:]).sample(rows, rng), data.take(order[:cut]).sample(MEASURED, rng), note)


def trainable(target: Target) -> tuple[TorchTarget, Recipe]:
    """The target as a torch module with its recipe; `Unavailable` in one line where it is none."""
    if not isinstance(target, TorchTarget) or target.outputs != "logits":
        raise Unavailable("a torch module that returns logits", type(target).__name__, "Open the model from its weights and architecture")
    if target.recipe is None:
        raise Unavailable("a target with a training recipe", "none", "Open it with recipe=Recipe(…)")
    return target, target.recipe


@dataclass(frozen=True)
class Setting:
    """All that a run needs. ``mark`` is the backdoor's trigger where one is planted; shards of attackers are spoiled already.

    ``root`` are the server's own rows, which no client has, for FLTrust.
    """

    plan: Plan
    target: TorchTarget
    start: nn.Module
    shards: tuple[Shard, ...]
    held: Held
    parts: Parts
    mark: Trigger | None
    root: Shard | None = None

    @property
    def classes(self) -> int:
        return len(self.target.classes)

    @property
    def rows(self) -> int:
        """Rows of all clients together."""
        return sum(len(shard.y) for shard in self.shards)

    def trained_here(self, number: int, weights: Weights, progress: Progress) -> Weights:
        """What the server makes of ``weights`` in round ``number`` by its own rows and the clients' recipe, for FLTrust."""
        assert self.root is not None
        put(self.start, weights)
        seed = self.plan.training_seed(self.plan.clients, number)
        return flat(fit(self.start.requires_grad_(), self.root.x, self.root.y, self.plan.recipe, seed, progress))

    def watch(self, weights: Weights) -> Seen:
        """Accuracy and attack success of ``weights``."""
        put(self.start, weights)
        return seen(self.start, self.held, self.plan, self.classes)

    def run(
        self,
        progress: Progress,
        done: tuple[Round, ...] = (),
        weights: Weights | None = None,
        kept: Kept | None = None,
        memory: dict[str, Tensor] | None = None,
    ) -> "Ran":
        """All rounds in this process; ``memory`` holds what SCAFFOLD and FedAdam carry from round to round, of a run that is gone on with."""
        memory = {} if memory is None else memory
        before = flat(self.start) if weights is None else weights
        local, own = Local(self.start, self.plan, self.shards, memory), self.trained_here if self.root is not None else None
        share = self.plan.noise_share
        ask = InSum(local, self.plan, share) if share is not None else local
        after, rounds = train(self.plan, before, ask, self.watch, progress, done, kept, own, memory)
        return Ran(after, tuple(rounds))


@dataclass(frozen=True)
class Ran:
    """Final weights, float32 (d,), and what was seen of each round, round 0 first."""

    weights: Weights
    rounds: tuple[Round, ...]


def setting(plan: Plan, target: TorchTarget, found: Parts, alpha: float, warm: bool, root_rows: int = 0) -> Setting:
    """Divide the rows, spoil those of attackers, draw fresh weights (or, ``warm``, take the target's).

    ``root_rows`` are drawn for the server first, and no client has them.
    """
    rng = np.random.default_rng([plan.seed, 4])
    train_rows, test = found.train, found.test
    if len(np.unique(train_rows.y)) < 2:
        raise Unavailable("rows of at least two classes to train on", "one class", "Give more rows")
    root = None
    if root_rows:
        if root_rows >= len(train_rows):
            raise Problem(
                f"more than {root_rows} rows to train on, of which the server keeps as many", f"{len(train_rows)}", "Give it fewer"
            )
        order = np.random.default_rng([plan.seed, 7]).permutation(len(train_rows))
        mine, train_rows = train_rows.take(order[:root_rows]), train_rows.take(np.sort(order[root_rows:]))
        root = Shard(target.encoding.encode(mine.x), mine.y)
    mark = trigger(train_rows, PATCH, rng) if plan.malicious and plan.attack == "model_replacement" else None
    k = len(target.classes)
    shards = []
    for client, rows in enumerate(dirichlet(train_rows.y, plan.clients, alpha, rng)):
        x, y = train_rows.x[rows], train_rows.y[rows]
        if client in plan.malicious:
            x, y = spoiled(plan, x, y, mark, k, plan.seed + client)
        shards.append(Shard(target.encoding.encode(x), y))
    start = target.trainable() if warm else fresh(target.inner, plan.seed).requires_grad_()
    return Setting(plan, target, start, tuple(shards), Held.of(plan, test, mark), found, mark, root)
