"""Flower's ClientApp around `rounds.client.answer`: the node's configuration names its folder and number, the message brings weights."""

from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from ...progress import Progress
from ..rounds.client import answer
from .home import Home

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """One client's round; a new process each time, so nothing is kept."""
    home = Home(Path(str(context.node_config["home"])))
    (weights,) = message.content.array_records["weights"].to_numpy_ndarrays()
    number, client = int(str(message.content.config_records["round"]["number"])), int(str(context.node_config["client"]))
    found = answer(home.module(), home.plan, client, number, weights, home.shard(), Progress())
    content = RecordDict({"weights": ArrayRecord([found.weights]), "answer": ConfigRecord({"rows": found.rows})})
    return Message(content, reply_to=message)
