"""All clients in this process, one after another in one module: memory does not grow with their number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import Problem
from ...progress import Progress
from .client import ClientUpdate, Quiet, Shard, answer
from .correcting import Scaffold
from .distributed_noise import NoiseShare
from .plan import Plan
from .server import Ask


class Local:
    """The ``ask`` of `server.train` for clients that live here; a client whose training breaks is lost for the round.

    SCAFFOLD's variates are kept here and in ``memory``, for a run that is gone on with; those of attackers as honest ones. In the first round nobody has attacked yet: where every client breaks then, the model cannot be trained, and the first round says why.
    """

    def __init__(self, module: nn.Module, plan: Plan, shards: Sequence[Shard], memory: dict[str, Tensor] | None = None) -> None:
        self.module, self.plan, self.shards = module, plan, shards
        self.memory = {} if memory is None else memory
        self.scaffold = Scaffold(plan.clients) if plan.scaffold else None
        if self.scaffold is not None:
            self.scaffold.restore(self.memory)

    def __call__(self, number: int, weights: NDArray[np.float32], clients: Sequence[int], progress: Progress) -> list[ClientUpdate]:
        """The answers of ``clients`` in round ``number``."""
        found, broken = [], None
        for i, client in enumerate(clients):
            progress.step(i / len(clients))
            message = f"round {number} of {self.plan.rounds}, client {i + 1} of {len(clients)}"
            part = Quiet(progress.part(1 / len(clients)), message)
            try:
                found.append(answer(self.module, self.plan, client, number, weights, self.shards[client], part, self.scaffold))
            except Problem as problem:
                broken = problem
        if broken is not None and not found and number == 1:
            raise broken
        if self.scaffold is not None:
            self.scaffold.end([one.client for one in found])
            self.memory |= self.scaffold.written()
        return found


class InSum:
    """Answers as they are in a federation whose clients clip and noise by themselves: each that came is the mean of all, no other is known.

    The sum is made in this process, and of the same numbers as `deployed.summing` makes it; nothing is masked here. An answer that is not
    finite does not come.
    """

    def __init__(self, ask: Ask, plan: Plan, share: NoiseShare) -> None:
        self.ask, self.plan, self.share = ask, plan, share

    def __call__(self, number: int, weights: NDArray[np.float32], clients: Sequence[int], progress: Progress) -> list[ClientUpdate]:
        """The answers of ``clients`` in round ``number``."""
        came = [one for one in self.ask(number, weights, clients, progress) if np.isfinite(one.weights).all()]
        if not came:
            return []
        total = np.zeros(len(weights), np.int64)
        for one in came:
            change = one.weights.astype(np.float64) - weights
            total += self.share.summand(change, self.plan.client_chance(one.client, number), self.plan.omitted(one.client))
        after = (weights + total * (self.share.step / len(came))).astype(np.float32)
        return [ClientUpdate(one.client, after, 1) for one in came]
