"""TensorFlow Lite: the operators of its graphs, and tensors that lie within the file (schema version 3)."""

import math
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .flatbuffer import Buffer, Table

CUSTOM, DELEGATE, LAST_BUILTIN = 32, 51, 255
MOST_NUMBERS = 1 << 31
PADDING = 32
# Brought along by TensorFlow Lite's own runtime.
_SHIPPED = frozenset({"TFLite_Detection_PostProcess"})
_BITS = {0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 8: 64, 9: 8, 10: 64, 11: 128, 12: 64, 15: 32, 16: 16, 17: 4}


def looks_like(head: bytes) -> bool:
    """The file identifier of TensorFlow Lite."""
    return head[4:8] == b"TFL3"


def judge_tflite(stream: IO[bytes], findings: Findings) -> None:
    """Does it run operators of TensorFlow Lite alone?"""
    try:
        buffer = Buffer(stream)
        model = buffer.root()
        operators = [_operator(code, findings) for code in model.tables(1)]
        sizes = _buffers(model)
        count = sum(_graph(graph, len(operators), sizes, findings) for graph in model.tables(2))
        _rest(model)
        if buffer.size - buffer.reached > PADDING:
            raise Malformed(f"{buffer.size - buffer.reached:,} bytes after the end")
    except Malformed as error:
        findings.unproven("model", str(error), "it cannot be followed to its end: cut off, altered, or something is added to it")
        return
    if findings.worst == "note":
        findings.note("model", f"{count:,} operators of {len(operators):,} kinds", "operators of TensorFlow Lite alone")


def _operator(code: Table, findings: Findings) -> int:
    builtin = max(code.scalar(0, "b"), code.scalar(3, "i"))
    name = code.text(1)
    if builtin == CUSTOM or (name and builtin == 0 and name not in _SHIPPED):
        if name.startswith("Flex"):
            findings.unproven("model", f"the operator {name}", "it hands over to the whole of TensorFlow, which reads and writes files",
                              rule="tflite-flex")  # fmt: skip
        elif name not in _SHIPPED:
            findings.unproven("model", f"the custom operator {name!r}", "native code from elsewhere computes it", rule="tflite-custom")
    elif builtin == DELEGATE or not 0 <= builtin <= LAST_BUILTIN:
        findings.unproven("model", f"the operator {builtin}", "it is none of TensorFlow Lite's own", rule="tflite-custom")
    return builtin


def _buffers(model: Table) -> list[int]:
    """The bytes that each buffer holds."""
    sizes = []
    for one in model.tables(4):
        _, count = one.vector(0, 1)
        if one.scalar(1, "Q") > 1:
            raise Malformed("a buffer outside the FlatBuffer")
        sizes.append(count)
    return sizes


def _graph(graph: Table, operators: int, sizes: list[int], findings: Findings) -> int:
    findings.progress.check()
    tensors = graph.tables(0)
    for tensor in tensors:
        _tensor(tensor, sizes)
    graph.text(4)
    for number in (1, 2):
        _within(graph.numbers(number), len(tensors))
    nodes = graph.tables(3)
    for node in nodes:
        if not 0 <= node.scalar(0, "I") < max(operators, 1):
            raise Malformed("an operator that is not listed")
        _within(node.numbers(1), len(tensors))
        _within(node.numbers(2), len(tensors))
        node.table(4)
        node.vector(5, 1)
    return len(nodes)


def _within(places: tuple[int, ...], count: int) -> None:
    if any(not -1 <= place < count for place in places):
        raise Malformed(f"a tensor that is none of the {count:,}")


def _tensor(tensor: Table, sizes: list[int]) -> None:
    shape = tensor.numbers(0)
    kind, place = tensor.scalar(1, "b"), tensor.scalar(2, "I")
    name = tensor.text(3)
    if place >= max(len(sizes), 1) or any(n < 0 for n in shape) or math.prod(shape) > MOST_NUMBERS:
        raise Malformed(f"tensor {name[:60]!r} of shape {list(shape)[:8]}")
    held = sizes[place] if sizes else 0
    if held and kind in _BITS and -(-math.prod(shape) * _BITS[kind] // 8) != held and tensor.table(6) is None:
        raise Malformed(f"tensor {name[:60]!r} has {held:,} bytes, which does not fit its shape and type")
    quantized = tensor.table(4)
    if quantized is not None:
        for number, width in ((0, 4), (1, 4), (2, 4), (3, 8)):
            quantized.vector(number, width)


def _rest(model: Table) -> None:
    model.text(3)
    for entry in model.tables(6):
        entry.text(0)
    for signature in model.tables(7):
        for number in (0, 1):
            for pair in signature.tables(number):
                pair.text(0)
        signature.text(2)
