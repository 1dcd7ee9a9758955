"""ONNX weights that lie in files beside the model: read once from the model's own folder, put into it, and made part of its fingerprint.

onnxruntime, given a model's bytes, would look for such files in the folder the process runs in, whoever put them there.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from ...artifacts.judges import onnx_model
from ...errors import Problem
from ...files.reading import opened_real, resolved, within
from ..model_file import LARGEST, ModelFile


def whole(file: ModelFile) -> ModelFile:
    """The model with all its weights in its own bytes; itself where none lie elsewhere.

    Raises
    ------
    Problem
        A file of weights is missing, outside the model's folder, too small or too large, or the package onnx is not there to read them.
    """
    outside = onnx_model.read(BytesIO(file.content)).external
    if not outside:
        return file
    beside = dict.fromkeys(sorted({entry.get("location", "") for entry in outside}), b"")
    left = LARGEST - len(file.content)
    for name in beside:
        beside[name] = _read(file.path.parent, name, left)
        left -= len(beside[name])
    hashes = "".join(f"\n{name} {hashlib.sha256(content).hexdigest()}" for name, content in beside.items())
    digest = hashlib.sha256(f"{file.sha256}{hashes}".encode()).hexdigest()
    return replace(file, content=_filled(file, beside), sha256=digest)


def _read(folder: Path, name: str, most: int) -> bytes:
    expected = f"weights in {name!r} beside the model"
    root, real = resolved(folder), resolved(folder / name)
    if onnx_model.location_problem(name) or not within(real, [root]):
        raise Problem(expected, "a path that leaves its folder", "Save the model with its weights inside")
    try:
        with opened_real(real, expected, root) as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise Problem(expected, error.strerror or str(error), "Copy that file too, or save the model with its weights inside") from None
    if len(content) > most:
        raise Problem(f"a model of at most {LARGEST / 2**30:g} GiB", f"more in {name!r}", "Take a smaller model")
    return content


def _filled(file: ModelFile, beside: dict[str, bytes]) -> bytes:
    try:
        import onnx
    except ImportError:
        found = f"{file.path.name}, whose weights lie in {next(iter(beside))!r}, and no package onnx"
        raise Problem("an ONNX model with its weights inside", found, "pip install 'tiltyard[onnx]'") from None
    try:
        model = onnx.load_from_string(file.content)
        for tensor in _tensors(model.graph):
            _fill(tensor, beside)
        content: bytes = model.SerializeToString()
    except (ValueError, KeyError) as error:  # protobuf's errors are of both kinds
        found = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise Problem("weights as the model describes them, of less than 2 GiB", found, "Export the model again") from None
    if onnx_model.read(BytesIO(content)).external:
        raise Problem(
            "weights of the main graph beside the model", "some of a function or of another kind", "Save it with its weights inside"
        )
    return content


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph and of the graphs in its nodes."""
    yield from graph.initializer
    for attribute in (a for node in graph.node for a in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)


def _fill(tensor: Any, beside: dict[str, bytes]) -> None:
    if tensor.data_location != tensor.EXTERNAL:
        return
    facts = {pair.key: pair.value for pair in tensor.external_data}
    content, start = beside[facts.get("location", "")], int(facts.get("offset", "0"))
    end = start + int(facts["length"]) if "length" in facts else len(content)
    if not 0 <= start <= end <= len(content):
        raise ValueError(f"bytes {start} to {end} of {len(content)} for {tensor.name}")
    del tensor.external_data[:]
    tensor.data_location = tensor.DEFAULT
    tensor.raw_data = content[start:end]
