"""Flower's ServerApp around `rounds.server.train`: only how clients are asked differs from a run in one process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp
from numpy.typing import NDArray

from ...progress import Progress
from ..rounds.client import ClientUpdate
from ..rounds.measuring import Seen, seen
from ..rounds.server import Round, train
from ..rounds.weights import put
from .home import Home

if TYPE_CHECKING:
    from .summing import Summed

app = ServerApp()
START = 120.0


@dataclass(frozen=True)
class Remote:
    """The ``ask`` of `server.train` over Flower's grid: who has not answered after ``patience`` seconds is lost for the round."""

    grid: Grid
    nodes: dict[int, int]
    patience: float

    def __call__(self, number: int, weights: NDArray[np.float32], clients: Sequence[int], progress: Progress) -> list[ClientUpdate]:
        here = set(self.grid.get_node_ids())
        asked = [self._message(number, weights, self.nodes[client]) for client in clients if self.nodes.get(client) in here]
        replies = self.grid.send_and_receive(asked, timeout=self.patience) if asked else []
        return [found for reply in replies if (found := self._answer(reply)) is not None]

    def _message(self, number: int, weights: NDArray[np.float32], node: int) -> Message:
        content = RecordDict({"weights": ArrayRecord([weights]), "round": ConfigRecord({"number": number})})
        return Message(content, dst_node_id=node, message_type=MessageType.TRAIN, group_id=str(number))

    def _answer(self, reply: Message) -> ClientUpdate | None:
        """None for an error; who answers is known by its node, not by its word."""
        client = next((c for c, node in self.nodes.items() if node == reply.metadata.src_node_id), None)
        if client is None or reply.has_error():
            return None
        try:
            (weights,) = reply.content.array_records["weights"].to_numpy_ndarrays()
            return ClientUpdate(client, np.asarray(weights, np.float32), int(str(reply.content.config_records["answer"]["rows"])))
        except (KeyError, ValueError, TypeError):
            return ClientUpdate(client, np.zeros(0, np.float32), 0)

    def arrived(self) -> None:
        """Wait until every client's node is there, two minutes at most; then go on with those that are."""
        until = time.monotonic() + START
        while not set(self.nodes.values()) <= set(self.grid.get_node_ids()) and time.monotonic() < until:
            time.sleep(0.5)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """All rounds; weights and rounds are written after each."""
    home = Home(Path(str(context.run_config["home"])))
    plan, module, held = home.plan, home.module(), home.held()
    classes = int(str(context.run_config["classes"]))

    def watch(weights: NDArray[np.float32]) -> Seen:
        put(module, weights)
        return seen(module, held, plan, classes)

    patience = float(str(context.run_config["patience"]))
    remote = Remote(grid, home.nodes(), patience)
    remote.arrived()
    ask = _summed(grid, context, home, patience) if plan.secure else remote
    found, done, memory = home.checkpoint.read()
    start = home.tensors()["start"] if found is None else found

    def kept(weights: NDArray[np.float32], rounds: list[Round]) -> None:
        home.checkpoint.write(weights, rounds, memory)

    train(plan, start, ask, watch, Progress(), done, kept, memory=memory)


def _summed(grid: Grid, context: Context, home: Home, patience: float) -> "Summed":
    from .summing import Summed

    return Summed(grid, context, home.nodes(), patience, int(str(context.run_config["rows"])), home.plan.noise_share)
