"""SecAgg+ under Flower: clients mask what they learned so that the server gets the sum alone.

Bonawitz et al. 2017 and Bell et al. 2020 (SecAgg+, eprint 2020/704) as Flower 1.41 has them, every client the neighbor of every other, with
three corrections: masks from the whole secret (`masks`), a client that falls silent before it shared its keys (1.41 fails the round then, for it
asks the others for shares they never got), and row counts, which 1.41 sends in the clear.

It holds against a server that follows the protocol and looks, and against fewer clients than the threshold (a majority) in league with it.
It does not hold against a server that hands out keys of its own in the clients' names: 1.41 does not have clients sign theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message
from flwr.client.mod import secaggplus_mod
from flwr.clientapp.typing import ClientAppCallable
from flwr.common import FitIns, FitRes, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.server import LegacyContext
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.server.workflow.constant import Key as RoundKey
from flwr.serverapp import Grid
from numpy.typing import NDArray

from ...progress import Progress
from ..malice import Omission
from ..rounds.client import ClientUpdate
from ..rounds.distributed_noise import NoiseShare
from . import masks
from .quantizing import CLIP, LEVELS, STEP

FEWEST = 2
Weights = NDArray[np.float32]


def masked(message: Message, context: Context, then: ClientAppCallable, least: int = 0) -> Message:
    """The client's side of each of the four stages; its number of rows travels masked, as the weight of its update, and not beside it.

    ``least`` clients have to be in a sum that it helps to open, among whom noise is divided; 0 for a majority.
    """
    refuse_unfair(message.content.config_records[RECORD_KEY_CONFIGS], least)
    masks.use()
    reply = secaggplus_mod(message, context, then)
    for record in reply.content.metric_records.values():
        record.update(dict.fromkeys(record, 1))
    return reply


def refuse_unfair(asked: ConfigRecord, least: int = 0) -> None:
    """What no server that follows the protocol asks for, and what would open one client's mask to it.

    Raises
    ------
    ValueError
        A threshold that is no majority or below ``least``, or both secrets of one client.
    """
    setting = cast(dict[str, Any], asked)
    if setting[Key.STAGE] == Stage.SETUP and 2 * setting[Key.THRESHOLD] <= setting[Key.SAMPLE_NUMBER]:
        raise ValueError("the server wants a threshold below a majority")
    if setting[Key.STAGE] == Stage.SETUP and setting[Key.THRESHOLD] < least:
        raise ValueError(f"the server wants to open sums of fewer than {least} clients, whose noise falls short")
    if setting[Key.STAGE] == Stage.UNMASK and len(setting[Key.ACTIVE_NODE_ID_LIST]) < least:
        raise ValueError(f"the sum is of fewer than {least} clients, whose noise falls short")
    if setting[Key.STAGE] == Stage.UNMASK and set(setting[Key.ACTIVE_NODE_ID_LIST]) & set(setting[Key.DEAD_NODE_ID_LIST]):
        raise ValueError("the server wants both secrets of one client")


class Workflow(SecAggPlusWorkflow):
    """Flower's stages; who is silent before the keys are shared leaves the round, for nobody holds a share of it."""

    def share_keys_stage(self, grid: Grid, context: LegacyContext, state: Any) -> bool:
        going = super().share_keys_stage(grid, context, state)
        there = set(state.active_node_ids)
        state.sampled_node_ids = there
        state.nid_to_neighbours = {node: state.nid_to_neighbours[node] & there for node in there}
        return going and self._check_threshold(state)


@dataclass
class Asking:
    """What Flower's workflow wants of a strategy: whom to send what, and whom to tell what the sum was."""

    grid: Grid
    run: int
    nodes: Sequence[int]
    answered: list[int] = field(default_factory=list)
    mean: Weights | None = None

    def configure_fit(self, number: int, parameters: Any, _: Any) -> list[tuple[GridClientProxy, FitIns]]:
        return [(GridClientProxy(node, self.grid, self.run), FitIns(parameters, {"number": number})) for node in self.nodes]

    def aggregate_fit(self, number: int, results: list[tuple[GridClientProxy, FitRes]], failures: object) -> tuple[None, dict[str, Any]]:
        """Every result carries the same mean, for the server has no other."""
        self.answered = [proxy.node_id for proxy, _ in results]
        self.mean = parameters_to_ndarrays(results[0][1].parameters)[0] if results else None
        return None, {}


@dataclass(frozen=True)
class Summed:
    """The ``ask`` of `server.train` under SecAgg+: each answer that came is the mean of all; no other is known.

    Answers are weighted by rows; with ``noise`` that clients add they count alike, and fewer than its ``least`` are no sum.
    """

    grid: Grid
    context: Context
    nodes: dict[int, int]
    patience: float
    rows: int
    noise: NoiseShare | None = None

    def __call__(self, number: int, weights: Weights, clients: Sequence[int], progress: Progress) -> list[ClientUpdate]:
        here = set(self.grid.get_node_ids())
        asked = {self.nodes[client]: client for client in clients if self.nodes.get(client) in here}
        if len(asked) < (self.noise.least if self.noise else FEWEST):
            return []
        asking = Asking(self.grid, self.context.run_id, list(asked))
        self._workflow(len(asked))(self.grid, self._context(asking, number, weights))
        if asking.mean is None:
            return []
        unit = self.noise.step / STEP if self.noise else 1.0
        after = (weights + asking.mean * unit).astype(np.float32)
        return [ClientUpdate(asked[node], after, 1) for node in asking.answered]

    def _workflow(self, clients: int) -> Workflow:
        masks.use()
        weight, least = (1.0, self.noise.least) if self.noise else (float(self.rows), 0)
        threshold = max(clients // 2 + 1, least)
        return Workflow(1.0, threshold, max_weight=weight, clipping_range=CLIP, quantization_range=LEVELS, timeout=self.patience)

    def _context(self, asking: Asking, number: int, weights: Weights) -> LegacyContext:
        made = LegacyContext(self.context, strategy=cast(Any, asking))
        made.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({RoundKey.CURRENT_ROUND: number})
        made.state.array_records[MAIN_PARAMS_RECORD] = ArrayRecord([weights])
        return made


def update(
    before: Weights, after: Weights, noise: NoiseShare | None = None, rng: np.random.Generator | None = None, omits: Omission = "nothing"
) -> Any:
    """What a client gives to be masked; a client with a number that is not finite gives nothing, for the server could not tell.

    With ``noise`` it is clipped, and noised from ``rng``, in whole steps, which Flower's rounding leaves as they are; but for what a
    malicious client ``omits``.

    Raises
    ------
    ValueError
        It is not finite.
    """
    change: NDArray[np.floating[Any]] = after.astype(np.float64) - before
    if not np.isfinite(change).all():
        raise ValueError("what this client learned is not finite")
    if noise is not None and rng is not None:
        change = noise.summand(np.asarray(change, np.float64), rng, omits) * STEP
    return ndarrays_to_parameters([change])
