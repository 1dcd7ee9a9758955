"""Checkpoints of a training under way: weights, optimizer and where it stood, in one safetensors file that is whole or not there."""

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..access.places import CHECKPOINT, kept
from ..artifacts.headers import read_safetensors
from ..errors import Problem
from ..files.atomic import new_file
from ..files.reading import Unfit, opened

FORMAT = 1
KEY = "tiltyard-checkpoint"


def place(name: str) -> Path | None:
    """The file a ``resume`` parameter names: a bare name stands in the user's data folder; None for an empty one."""
    return kept(name, CHECKPOINT) if name else None


def key_of(parameters: Mapping[str, Any], *fingerprints: str) -> str:
    """What calls a run by its parameters and by the fingerprints of its target and data."""
    return hashlib.sha256(json.dumps([dict(parameters), *fingerprints], sort_keys=True).encode()).hexdigest()


def of_training(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of a module and its optimizer by name."""
    tensors = {f"weights.{name}": tensor.detach() for name, tensor in module.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    return tensors


def put_back(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The reverse of `of_training`, in place."""
    module.load_state_dict({name.removeprefix("weights."): t for name, t in tensors.items() if name.startswith("weights.")})
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, part = name.split(".", 2)
            values.setdefault(int(index), {})[part] = tensor
    optimizer.load_state_dict({"state": values, "param_groups": optimizer.state_dict()["param_groups"]})


def store(path: Path, key: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write the checkpoint of the run called ``key``, whole or not at all.

    Raises
    ------
    Problem
        It cannot be written.
    """
    from safetensors.torch import save

    text = json.dumps({"format": FORMAT, "key": key, **facts})
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new_file(path, replace=True) as stream:
            stream.write(save({name: tensor.contiguous() for name, tensor in tensors.items()}, {KEY: text}))
    except OSError as error:
        raise Problem(f"to write the checkpoint {path}", error.strerror or str(error), "Choose another file, or free some space") from None


def restored(path: Path, key: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a checkpoint.

    Raises
    ------
    Problem
        It cannot be read, or is of another run than ``key``.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        with opened(path, CHECKPOINT.what) as stream:
            content = stream.read()
        facts = json.loads(read_safetensors(BytesIO(content)).metadata.get(KEY, "{}"))
        tensors = load(content)
    except Unfit:
        raise
    except (OSError, SafetensorError, ValueError) as error:
        raise Problem(f"a checkpoint in {path}", str(error).splitlines()[0], "Name another file, or delete it") from None
    if facts.get("key") != key:
        raise Problem("a checkpoint of this very run (target, data, parameters, seed)", f"another's in {path}", "Name another file")
    return tensors, facts
