"""Flower's ClientApp around `rounds.client.answer`: the node's configuration names its folder and number, the message brings weights."""

from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable
from numpy.typing import NDArray

from ...progress import Progress
from ..rounds.client import ClientUpdate, answer
from .home import Home

app = ClientApp()


def _home(context: Context) -> Home:
    return Home(Path(str(context.node_config["home"])))


def _answer(context: Context, number: int, weights: NDArray[np.float32]) -> ClientUpdate:
    home, client = _home(context), int(str(context.node_config["client"]))
    return answer(home.module(), home.plan, client, number, weights, home.shard(), Progress())


def masked_where_agreed(message: Message, context: Context, then: ClientAppCallable) -> Message:
    """SecAgg+ where this client's own plan says so: a server that asks for its weights without it gets none."""
    plan = _home(context).plan
    if not plan.secure:
        return then(message, context)
    from .summing import masked

    return masked(message, context, then, plan.least)


@app.train(mods=[masked_where_agreed])
def train(message: Message, context: Context) -> Message:
    """One client's round; a new process each time, so nothing is kept."""
    if _home(context).plan.secure:
        return _summand(message, context)
    (weights,) = message.content.array_records["weights"].to_numpy_ndarrays()
    found = _answer(context, int(str(message.content.config_records["round"]["number"])), weights)
    content = RecordDict({"weights": ArrayRecord([found.weights]), "answer": ConfigRecord({"rows": found.rows})})
    return Message(content, reply_to=message)


def _summand(message: Message, context: Context) -> Message:
    """The client's update and its rows, which `summing.masked` masks before they leave; with noise, as one of equals."""
    from flwr.common import Code, FitRes, Status, parameters_to_ndarrays
    from flwr.compat.common.recorddict_compat import fitres_to_recorddict, recorddict_to_fitins

    from .summing import update

    instructions = recorddict_to_fitins(message.content, True)
    (weights,) = parameters_to_ndarrays(instructions.parameters)
    number, plan = int(instructions.config["number"]), _home(context).plan
    found, share = _answer(context, number, weights), plan.noise_share
    given = update(weights, found.weights, share, plan.client_chance(found.client, number), plan.omitted(found.client))
    made = FitRes(Status(Code.OK, ""), given, 1 if share else found.rows, {})
    return Message(fitres_to_recorddict(made, True), reply_to=message)
