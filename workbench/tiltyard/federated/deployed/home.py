"""What each process of a deployment has on its disk: a client its own rows and nobody else's, the server held-out rows alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from ...errors import Problem
from ...targets.architecture import build, read
from ..rounds.checkpoint import Checkpoint
from ..rounds.client import Shard
from ..rounds.measuring import Held
from ..rounds.plan import Plan
from ..rounds.setting import Setting
from ..rounds.weights import flat
from .credentials import kept

Tensor = NDArray[np.float32] | NDArray[np.int64]
NODES = "nodes.txt"


@dataclass(frozen=True)
class Home:
    """A folder with ``plan.json``, ``architecture.json`` and tensors; no code is read from it."""

    folder: Path

    @property
    def plan(self) -> Plan:
        try:
            return Plan.model_validate_json(self._text("plan.json"))
        except ValidationError as error:
            raise Problem(f"a federation's plan in {self.folder}", error.errors()[0]["msg"], "Make the folder anew") from None

    def module(self) -> nn.Module:
        """The network, with weights to be put in."""
        return build(read(self._text("architecture.json")))

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        from safetensors.numpy import load_file

        return dict(load_file(self.folder / "tensors.safetensors"))

    def shard(self) -> Shard:
        """A client's own rows."""
        found = self.tensors()
        return Shard(found["x"], found["y"].astype(np.int64))

    def held(self) -> Held:
        """The server's rows to measure on."""
        found = self.tensors()
        return Held(found["x"], found["y"].astype(np.int64), found.get("triggered"))

    @property
    def checkpoint(self) -> Checkpoint:
        """The server's weights and rounds, written after each."""
        return Checkpoint(self.folder / "rounds.safetensors", "deployment")

    def nodes(self) -> dict[int, int]:
        """Flower's node of each client, by the key it was registered with; the server believes no client's own word for who it is."""
        pairs = (line.split() for line in self._text(NODES).splitlines())
        return {int(client): int(node) for client, node in pairs}

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text("utf-8")
        except OSError as error:
            raise Problem(f"a federation's {name} in {self.folder}", str(error.strerror), "Name the folder that was made for it") from None


def written(start: Setting, folder: Path) -> list[Home]:
    """Folders for the server, first, and for each client, readable by this user alone."""
    if start.target.architecture is None:
        raise Problem("a model with a described architecture, to be built in other processes", "none", "Open it with architecture.json")
    text = start.target.architecture.model_dump_json()
    held: dict[str, Tensor] = {"x": start.held.x, "y": start.held.y, "start": flat(start.start)}
    if start.held.triggered is not None:
        held["triggered"] = start.held.triggered
    server = _home(folder / "server", start.plan, text, held)
    return [
        server,
        *(_home(folder / f"client-{i}", start.plan, text, {"x": s.x, "y": s.y}) for i, s in enumerate(start.shards)),
    ]


def _home(folder: Path, plan: Plan, architecture: str, tensors: dict[str, Tensor]) -> Home:
    from safetensors.numpy import save

    folder.mkdir(mode=0o700)
    kept(folder / "plan.json", plan.model_dump_json().encode())
    kept(folder / "architecture.json", architecture.encode())
    kept(folder / "tensors.safetensors", save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))
    return Home(folder)
