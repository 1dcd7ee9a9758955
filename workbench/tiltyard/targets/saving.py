"""A torch model as one safetensors file that describes itself: no code, no pickle."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..access import places
from ..errors import Problem
from .target import Target
from .versions import written

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
MODEL = "model.safetensors"
LARGEST = 256 << 20
WHAT, SUFFIXES = "a model file", (".safetensors",)


def packed(tensors: "dict[str, Tensor]", facts: dict[str, Any], trained_with: dict[str, str]) -> bytes:
    """The bytes of a safetensors file; equal models give equal bytes.

    Parameters
    ----------
    tensors
        The weights by name.
    facts
        What `description.described` reads again: name, architecture, classes, schema, recipe, outputs; as JSON under the key ``tiltyard``.
    trained_with
        Versions of the packages it was trained with; empty where they are not known.
    """
    from safetensors.torch import save as pack

    text = json.dumps({"format": FORMAT, **facts}, sort_keys=True, ensure_ascii=False)
    metadata = {"tiltyard": text, **written(trained_with)}
    return ordered(pack({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, metadata))


def ordered(file: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their keys; the library writes them in any."""
    size = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(file)[8 + size :]))


def place_of(path: str | Path, overwrite: bool = False) -> Path:
    """The file that `save` would write; who has long work to do first asks this before it.

    Raises
    ------
    Problem
        As `save` for its path: another ending, no such folder, or one that is there.
    """
    place = places.target(path, WHAT, SUFFIXES, replace=overwrite)
    if not place.parent.is_dir():
        raise Problem(f"a folder {place.parent}", "none", "Make it first")
    return place


def save(target: Target, path: str | Path, overwrite: bool = False) -> str:
    """Write ``target`` to a new file ``path`` (``.safetensors``) whole or not at all, and return the file's SHA-256.

    One that is there is replaced only by ``overwrite``.

    Raises
    ------
    Problem
        The target is not a torch target with a described architecture, or the file cannot be written.
    """
    data = target.safetensors()
    places.written(path, data, WHAT, SUFFIXES, replace=overwrite)
    return hashlib.sha256(data).hexdigest()


def not_within(target: Target) -> str:
    """What a model's own file lacks to be opened as what was measured, in sentences; nothing where it lacks nothing."""
    lacking = []
    if "weights" in target.offers and getattr(target, "architecture", None) is None:
        lacking.append("It holds weights alone: open it with the factory, as the model was built.")
    if target.rule_notes:
        lacking.append(f"Its rule is not in it: it was measured deciding {target.rule}. Give the same threshold again when it is opened.")
    return " ".join(lacking)
