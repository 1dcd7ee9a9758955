"""A torch target to one safetensors file that describes itself: no code, no pickle."""

import hashlib
import json
from pathlib import Path

from ..access import places
from ..errors import Problem
from .target import Target
from .versions import written

FORMAT = 1
MODEL = "model.safetensors"
LARGEST = 256 << 20


def metadata(target: Target) -> dict[str, str]:
    """The file's metadata: under ``tiltyard`` the JSON of format, name, architecture, classes, schema, recipe, outputs; and what it was trained with, where known."""
    from .torch_target import TorchTarget

    if not isinstance(target, TorchTarget):
        raise Problem("a torch target", type(target).__name__, "Save it with the library it comes from")
    if target.architecture is None:
        found = f"{target.name}, whose layers are not described"
        raise Problem("a target with its architecture", found, "Give architecture=Architecture(…) when wrapping the module")
    facts = {
        "format": FORMAT,
        "name": target.name,
        "architecture": target.architecture.model_dump(mode="json"),
        "classes": list(target.classes),
        "schema": target.schema.model_dump(mode="json"),
        "recipe": target.recipe.model_dump(mode="json") if target.recipe else None,
        "outputs": target.outputs,
    }
    return {"tiltyard": json.dumps(facts, sort_keys=True, ensure_ascii=False), **written(target.trained_with)}


def content(target: Target) -> bytes:
    """The file's bytes; equal targets give equal bytes."""
    from safetensors.torch import save as pack

    from .torch_target import TorchTarget

    facts = metadata(target)
    assert isinstance(target, TorchTarget)
    return ordered(pack({name: tensor.detach().cpu().contiguous() for name, tensor in target.inner.state_dict().items()}, facts))


def ordered(packed: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their keys; the library writes them in any."""
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(packed)[8 + size :]))


def save(target: Target, path: str | Path, overwrite: bool = False) -> str:
    """Write ``target`` to a new file ``path`` (``.safetensors``) whole or not at all, and return the file's SHA-256.

    One that is there is replaced only by ``overwrite``.

    Raises
    ------
    Problem
        The target is not a torch target with a described architecture, or the file cannot be written.
    """
    data = content(target)
    places.written(path, data, "a model file", (".safetensors",), replace=overwrite)
    return hashlib.sha256(data).hexdigest()
