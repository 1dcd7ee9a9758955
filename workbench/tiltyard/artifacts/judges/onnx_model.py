"""ONNX read as bare protobuf, without onnx: what it is, where its weights lie, whose operators it runs."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from ...progress import Progress
from ..archives import safe_name

_BLOCK = 1 << 16
MOST_FIELDS = 5_000_000
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"})
_EXECUTES = frozenset({"PythonOp", "PythonOpGrad", "PyOp", "ATen", "ATenOp", "ATenGrad", "ExternalModule"})
# ModelProto: field number to wire type (0 varint, 2 bytes)
_MODEL = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


class NotOnnx(ValueError):
    """The bytes are not the protobuf they should be."""


@dataclass
class Model:
    """What the graph says: external data (location, offset, length), operators of other domains, functions it defines."""

    external: list[dict[str, str]] = field(default_factory=list)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    nodes: int = 0
    tensors: int = 0


class _Blocks:
    """Random reads of a file through one cached block, so that memory stays flat however large the model."""

    def __init__(self, stream: IO[bytes], size: int, progress: Progress) -> None:
        self._stream = stream
        self.size = size
        self._progress = progress
        self._start, self._block = 0, b""
        self._fields = 0

    def at(self, offset: int, n: int) -> bytes:
        inside = offset - self._start
        if inside >= 0 and inside + n <= len(self._block):
            return self._block[inside : inside + n]
        self._stream.seek(offset)
        self._start, self._block = offset, self._stream.read(max(n, _BLOCK))
        return self._block[:n]

    def varint(self, offset: int, end: int) -> tuple[int, int]:
        value = shift = 0
        for i, byte in enumerate(self.at(offset, min(10, end - offset))):
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, offset + i + 1
            shift += 7
        raise NotOnnx("a number runs past its end")

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(field number, wire type, start, end) of each field of the message in [start, end)."""
        at = start
        while at < end:
            self._fields += 1
            if self._fields % 1024 == 0:
                self._progress.check()
                if self._fields > MOST_FIELDS:
                    raise NotOnnx(f"over {MOST_FIELDS:,} fields")
            key, at = self.varint(at, end)
            number, wire = key >> 3, key & 7
            begin = at
            if wire == 0:
                _, at = self.varint(at, end)
            elif wire == 2:
                length, begin = self.varint(at, end)
                at = begin + length
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
            else:
                raise NotOnnx(f"wire type {wire}")
            if at > end or number == 0:
                raise NotOnnx("a field runs past its end")
            yield number, wire, begin, at

    def text(self, start: int, end: int) -> str:
        if end - start > 1 << 16:
            raise NotOnnx("a name of over 64 KiB")
        return self.at(start, end - start).decode("utf-8", "backslashreplace")


def looks_like(stream: IO[bytes], size: int) -> bool:
    """True where the whole file is a ModelProto at its top level: known fields of the right wire type, a graph, an operator set."""
    seen: set[int] = set()
    try:
        for number, wire, start, end in _Blocks(stream, size, Progress()).fields(0, size):
            if _MODEL.get(number) != wire or (len(seen) == 0 and number > 8) or (number == 1 and end - start > 9):
                return False
            seen.add(number)
    except (NotOnnx, struct.error):
        return False
    return {7, 8} <= seen


def producer(stream: IO[bytes]) -> tuple[str, str]:
    """Name and version of the program that wrote the model, each empty where it does not say."""
    size = stream.seek(0, os.SEEK_END)
    blocks = _Blocks(stream, size, Progress())
    found = {n: blocks.text(start, end) for n, wire, start, end in blocks.fields(0, size) if wire == 2 and n in (2, 3)}
    return found.get(2, ""), found.get(3, "")


def read(stream: IO[bytes], progress: Progress | None = None) -> Model:
    """Walk the graph. Raises `NotOnnx` where the bytes break off or are over a bound."""
    size = stream.seek(0, os.SEEK_END)
    blocks = _Blocks(stream, size, progress or Progress())
    model = Model()
    for number, wire, start, end in blocks.fields(0, size):
        if wire == 2 and number == 7:
            _graph(blocks, start, end, model, 0)
        elif wire == 2 and number == 20:
            _training(blocks, start, end, model)
        elif wire == 2 and number == 25:
            _function(blocks, start, end, model)
    return model


def location_problem(location: str) -> str:
    """Why an external data location leaves the model's folder, or empty."""
    if location.startswith("*/"):
        return "a memory address of the reading process"
    return "a URL" if "://" in location else safe_name(location)


def foreign(model: Model) -> list[tuple[str, str]]:
    """Operators outside the standard domains that the file does not define itself, sorted; EPContext loads a compiled blob."""
    return sorted(o for o in model.operators if (o[0] not in DOMAINS and o not in model.functions) or o[1] == "EPContext")


def executing(model: Model) -> list[tuple[str, str]]:
    """Operators known to call Python or another runtime."""
    return sorted(o for o in model.operators if o[1] in _EXECUTES and o[0] not in ("", "ai.onnx", "ai.onnx.ml"))


def _graph(blocks: _Blocks, start: int, end: int, model: Model, depth: int) -> None:
    if depth > 64:
        raise NotOnnx("graphs nested over 64 deep")
    for number, wire, a, b in blocks.fields(start, end):
        if wire != 2:
            continue
        if number == 1:
            _node(blocks, a, b, model, depth)
        elif number == 5:
            _tensor(blocks, a, b, model)
        elif number == 15:
            _sparse(blocks, a, b, model)


def _node(blocks: _Blocks, start: int, end: int, model: Model, depth: int) -> None:
    op = domain = ""
    for number, wire, a, b in blocks.fields(start, end):
        if wire != 2:
            continue
        if number == 4:
            op = blocks.text(a, b)
        elif number == 7:
            domain = blocks.text(a, b)
        elif number == 5:
            _attribute(blocks, a, b, model, depth)
    model.nodes += 1
    model.operators.add((domain, op))
    if len(model.operators) > 10_000:
        raise NotOnnx("over 10,000 different operators")


def _attribute(blocks: _Blocks, start: int, end: int, model: Model, depth: int) -> None:
    for number, wire, a, b in blocks.fields(start, end):
        if wire == 2 and number in (5, 10):
            _tensor(blocks, a, b, model)
        elif wire == 2 and number in (6, 11):
            _graph(blocks, a, b, model, depth + 1)
        elif wire == 2 and number in (22, 23):
            _sparse(blocks, a, b, model)


def _sparse(blocks: _Blocks, start: int, end: int, model: Model) -> None:
    for number, wire, a, b in blocks.fields(start, end):
        if wire == 2 and number in (1, 2):
            _tensor(blocks, a, b, model)


def _tensor(blocks: _Blocks, start: int, end: int, model: Model) -> None:
    entry: dict[str, str] = {}
    outside = False
    for number, wire, a, b in blocks.fields(start, end):
        if wire == 2 and number == 13:
            outside = True
            pair = {n: blocks.text(x, y) for n, w, x, y in blocks.fields(a, b) if w == 2 and n in (1, 2)}
            if pair.get(1, "") in entry:  # said twice: readers differ on which counts, so both are looked at
                model.external.append(dict(entry))
            entry[pair.get(1, "")] = pair.get(2, "")
        elif wire == 0 and number == 14:
            outside = outside or blocks.varint(a, b)[0] != 0
    model.tensors += 1
    if outside:
        model.external.append(entry)


def _training(blocks: _Blocks, start: int, end: int, model: Model) -> None:
    for number, wire, a, b in blocks.fields(start, end):
        if wire == 2 and number in (1, 2):
            _graph(blocks, a, b, model, 1)


def _function(blocks: _Blocks, start: int, end: int, model: Model) -> None:
    name = domain = ""
    for number, wire, a, b in blocks.fields(start, end):
        if wire == 2 and number == 1:
            name = blocks.text(a, b)
        elif wire == 2 and number == 10:
            domain = blocks.text(a, b)
        elif wire == 2 and number == 7:
            _node(blocks, a, b, model, 1)
        elif wire == 2 and number == 11:
            _attribute(blocks, a, b, model, 1)
    model.functions.add((domain, name))
