"""What a client does with the weights it is sent; the same code in this process and in a Flower ClientApp."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...errors import Problem
from ...progress import Progress
from ...targets.training import fit
from .correcting import Scaffold, both, proximal
from .plan import Plan
from .weights import flat, put


@dataclass(frozen=True)
class Shard:
    """One client's rows: x encoded, float32 (n, *shape), y int64 (n,). An attacker's are spoiled already."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class ClientUpdate:
    """A client's weights after its training, float32 (d,), and its number of rows."""

    client: int
    weights: NDArray[np.float32]
    rows: int


class Quiet(Progress):
    """The same progress under one message of its own."""

    def __init__(self, outer: Progress, message: str) -> None:
        super().__init__(_cancel=outer._cancel)
        self.outer, self.message = outer, message

    def step(self, done: float, message: str = "") -> None:
        self.outer.step(done, self.message)


def answer(
    module: nn.Module,
    plan: Plan,
    client: int,
    number: int,
    weights: NDArray[np.float32],
    shard: Shard,
    progress: Progress,
    scaffold: Scaffold | None = None,
) -> ClientUpdate:
    """Train ``module`` from ``weights`` on the shard by the plan's recipe; what a malicious client sends is boosted or turned around.

    The optimizer starts anew each round (a client keeps no state but SCAFFOLD's variate), so one client and one round is central training, bit for bit.
    """
    put(module, weights)
    module.requires_grad_()
    try:
        variates = scaffold.correction(module, client, shard.x, shard.y) if scaffold is not None else None
        correction = both(proximal(module, plan.mu), variates)
        fit(module, shard.x, shard.y, plan.recipe, plan.training_seed(client, number), progress, correction=correction)
    except Problem:
        raise
    except (RuntimeError, ValueError) as error:
        text = f"client {client}: {error}".splitlines()[0]
        raise Problem("a module that trains on a client's rows", text, "Give more rows to each client, or change the model") from error
    return ClientUpdate(client, sent(plan, client, weights, flat(module)), len(shard.x))


def sent(plan: Plan, client: int, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """What leaves the client: its weights, or, of an attacker, ``before`` plus the update times the boost (negative for a sign flip)."""
    if client not in plan.malicious:
        return after
    factor = -plan.boost if plan.attack == "sign_flip" else plan.boost
    return after if factor == 1 else (before + factor * (after - before)).astype(np.float32)
