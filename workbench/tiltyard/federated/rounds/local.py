"""All clients in this process, one after another in one module: memory does not grow with their number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...errors import Problem
from ...progress import Progress
from .client import ClientUpdate, Quiet, Shard, answer
from .correcting import Scaffold
from .plan import Plan


class Local:
    """The ``ask`` of `server.train` for clients that live here; a client whose training breaks is lost for the round.

    SCAFFOLD's variates are kept here, those of attackers as honest ones. In the first round nobody has attacked yet: where every client breaks then, the model cannot be trained, and the first round says why.
    """

    def __init__(self, module: nn.Module, plan: Plan, shards: Sequence[Shard]) -> None:
        self.module, self.plan, self.shards = module, plan, shards
        self.scaffold = Scaffold(plan.clients) if plan.scaffold else None

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
        return found
