"""TensorFlow's SavedModel: the operators of its graphs and functions, and the Keras layers that its metadata names."""

import json
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from . import tensor_bundle
from ._tensorflow_ops import CALLS_PYTHON, CHECKPOINT, PURE, REACHES_FILES
from .keras_config import judge_config
from .protobuf import BYTES, VARINT, Field, Message

MOST_OPERATORS = 10_000
_META_GRAPH = {1, 2, 3, 4, 5, 6, 7}


def looks_like(stream: IO[bytes], head: bytes) -> bool:
    """A schema version of 1, then one meta graph after the other, to the end."""
    if not head.startswith(b"\x08\x01\x12"):
        return False
    try:
        return [(f.number, f.wire) for f in Message(stream).fields()][1:2] == [(2, BYTES)]
    except Malformed:
        return False


def looks_fingerprint(stream: IO[bytes], head: bytes) -> bool:
    """``fingerprint.pb``: hashes as whole numbers, a version, an id."""
    if head[:1] != b"\x08" or stream.seek(0, 2) > 256:
        return False
    try:
        fields = [(f.number, f.wire) for f in Message(stream).fields()]
    except Malformed:
        return False
    return len(fields) >= 5 and set(fields) <= {*((n, VARINT) for n in range(1, 6)), (6, BYTES), (7, BYTES)}


def judge_saved_model(stream: IO[bytes], findings: Findings) -> None:
    """Does the graph only compute?"""
    stream.seek(0)
    head = stream.read(64)
    if tensor_bundle.looks_like(stream):
        tensor_bundle.judge_bundle(stream, findings)
        return
    if looks_fingerprint(stream, head):
        findings.note("fingerprint", "hashes of a SavedModel", "numbers alone")
        return
    message = Message(stream, findings.progress)
    found: dict[str, int] = {}
    functions: set[str] = set()
    try:
        for field in message.fields():
            if (field.number, field.wire) not in ((1, VARINT), (2, BYTES)):
                raise Malformed(f"field {field.number}, which a SavedModel has not")
            if field.number == 2:
                _meta_graph(message, field, found, functions)
    except Malformed as error:
        findings.unproven("graph", str(error), "the protobuf cannot be followed to its end")
        return
    _judge_operators(found, functions, findings)


def _meta_graph(message: Message, field: Field, found: dict[str, int], functions: set[str]) -> None:
    for part in message.inner(field):
        if part.number not in _META_GRAPH:
            raise Malformed(f"field {part.number} of a meta graph")
        if part.number == 2:
            _graph(message, part, found, functions)


def _graph(message: Message, field: Field, found: dict[str, int], functions: set[str]) -> None:
    for part in message.inner(field):
        if part.number == 1:
            _node(message, part, found)
        elif part.number == 2:
            for entry in message.inner(part):
                if entry.number == 1:
                    _function(message, entry, found, functions)


def _function(message: Message, field: Field, found: dict[str, int], functions: set[str]) -> None:
    for part in message.inner(field):
        if part.number == 1:
            functions.update(message.text(f) for f in message.inner(part) if f.number == 1 and f.wire == BYTES)
        elif part.number == 3:
            _node(message, part, found)


def _node(message: Message, field: Field, found: dict[str, int]) -> None:
    names = [message.text(f) for f in message.inner(field) if f.number == 2 and f.wire == BYTES]
    for name in names or [""]:
        found[name] = found.get(name, 0) + 1
    if len(found) > MOST_OPERATORS:
        raise Malformed(f"over {MOST_OPERATORS:,} different operators")


def _judge_operators(found: dict[str, int], functions: set[str], findings: Findings) -> None:
    for name in sorted(found):
        if name in CALLS_PYTHON:
            findings.malicious("graph", f"the operator {name}", "it calls a Python function when the model runs", rule="savedmodel-python")
        elif name in REACHES_FILES:
            findings.malicious("graph", f"the operator {name}", "it reads or writes files by name, or talks to other machines, when the model runs",
                            rule="savedmodel-files")  # fmt: skip
        elif name not in PURE and name not in CHECKPOINT and name not in functions:
            findings.unproven("graph", f"the operator {name!r}", "it is none of those known to compute alone", rule="savedmodel-operator")
    if findings.worst == "note":
        findings.note("graph", f"{sum(found.values()):,} nodes of {len(found):,} kinds", "operators that only compute")


def looks_like_metadata(head: bytes) -> bool:
    """``keras_metadata.pb``: nodes, each with a JSON of a Keras object."""
    return head[:1] == b"\x0a" and b"_tf_keras_" in head[:4096]


def judge_keras_metadata(stream: IO[bytes], findings: Findings) -> None:
    """Layers of Keras alone?"""
    message = Message(stream, findings.progress)
    count = 0
    try:
        for field in message.fields():
            if (field.number, field.wire) != (1, BYTES):
                raise Malformed(f"field {field.number}, which Keras's metadata have not")
            for part in message.inner(field):
                if part.number == 5 and part.end > part.start:
                    judge_config(json.loads(message.text(part)), findings, f"node {count}")
            count += 1
    except (Malformed, ValueError, RecursionError) as error:
        findings.unproven("metadata", str(error)[:120], "they cannot be followed to their end")
        return
    if findings.worst == "note":
        findings.note("metadata", f"{count:,} Keras objects", "layers of Keras itself")
