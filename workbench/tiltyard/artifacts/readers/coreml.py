"""Core ML's .mlmodel: what kind of model it is, its layers and operations, and the files it names."""

from collections.abc import Iterator
from typing import IO

from ..archives import safe_name
from ..malformed import Malformed
from ..reason import Findings
from .protobuf import BYTES, VARINT, Field, Message

DEEPEST = 16
_PIPELINES, _NETWORKS = {200: 1, 201: 1, 202: 0}, {303, 403, 500}
_PLAIN = frozenset({300, 301, 302, 304, 400, 401, 402, 404, 501, 560, 600, 601, 602, 603, 604, 606, 607, 609, 610, 900,
                    2000, 2001, 2002, 2003, 2004, 2005, 2006})  # fmt: skip
_PROGRAM, _CUSTOM, _LINKED, _CUSTOM_LAYER = 502, 555, 556, 500
_HEAD = {1: VARINT, 2: BYTES, 10: VARINT}


def looks_like(stream: IO[bytes], head: bytes) -> bool:
    """A specification version, a description, then one model of a known kind, to the end."""
    if head[:1] != b"\x08" or head[2:3] != b"\x12":
        return False
    try:
        fields = list(_top(Message(stream)))
    except Malformed:
        return False
    return len(fields) <= 4 and {1, 2} <= {f.number for f in fields} and any(f.number >= 200 for f in fields)


def _top(message: Message) -> Iterator[Field]:
    for count, field in enumerate(message.fields()):
        if count > 8:
            raise Malformed("no Core ML model")
        yield field


def judge_coreml(stream: IO[bytes], findings: Findings) -> None:
    """Does it compute with Core ML's own layers alone?"""
    message = Message(stream, findings.progress)
    try:
        _model(message, message.fields(), findings, 0)
    except Malformed as error:
        findings.unproven("model", str(error), "the protobuf cannot be followed to its end")
        return
    if findings.worst == "note":
        findings.note("model", f"{message.size:,} bytes", "layers and operations of Core ML alone")


def _model(message: Message, fields: Iterator[Field], findings: Findings, depth: int) -> None:
    if depth > DEEPEST:
        raise Malformed(f"models nested over {DEEPEST} deep")
    for field in fields:
        number = field.number
        if number in _HEAD:
            if field.wire != _HEAD[number]:
                raise Malformed(f"field {number} of the wrong kind")
        elif number in _PIPELINES:
            _pipeline(message, field, findings, depth)
        elif number in _NETWORKS:
            _network(message, field, findings)
        elif number == _PROGRAM:
            _program(message, field, findings)
        elif number in (_CUSTOM, _LINKED):
            what = "a custom model" if number == _CUSTOM else "a model linked from elsewhere"
            findings.unproven("model", what, "code or a model that is not in this file computes it", rule="coreml-custom")
        elif number not in _PLAIN:
            findings.unproven("model", f"a model of the unknown kind {number}", "there is no reader here that could show it safe")


def _pipeline(message: Message, field: Field, findings: Findings, depth: int) -> None:
    inner = list(message.inner(field))
    if _PIPELINES[field.number]:
        inner = [part for one in inner if one.number == 1 for part in message.inner(one)]
    for part in inner:
        if part.number == 1:
            _model(message, message.inner(part), findings, depth + 1)


def _network(message: Message, field: Field, findings: Findings) -> None:
    for layer in message.inner(field):
        if layer.number != 1 or layer.wire != BYTES:
            continue
        for part in message.inner(layer):
            if part.number == _CUSTOM_LAYER:
                name = next((message.text(f) for f in message.inner(part) if f.number == 10 and f.wire == BYTES), "")
                findings.unproven(
                    "model", f"the custom layer {name!r}", "a class of the program that opens it computes it", rule="coreml-custom"
                )


def _program(message: Message, field: Field, findings: Findings) -> None:
    """Operations and file names, wherever in the program they stand."""
    for part in message.inner(field):
        if part.number == 2:
            for entry in message.inner(part):
                if entry.number == 2:
                    _function(message, entry, findings)


def _function(message: Message, field: Field, findings: Findings) -> None:
    blocks = [f for f in message.inner(field) if f.number == 3]
    for block in (part for f in blocks for part in message.inner(f) if part.number == 2):
        _block(message, block, findings, 0)


def _block(message: Message, block: Field, findings: Findings, depth: int) -> None:
    if depth > DEEPEST:
        raise Malformed(f"blocks nested over {DEEPEST} deep")
    for operation in (f for f in message.inner(block) if f.number == 3):
        for part in message.inner(operation):
            if part.number == 1:
                if "custom" in (name := message.text(part)).lower():
                    findings.unproven(
                        "model", f"the operation {name!r}", "a class of the program that opens it computes it", rule="coreml-custom"
                    )
            elif part.number == 4:
                _block(message, part, findings, depth + 1)
            elif part.number in (2, 5):
                _files(message, part, findings, 0)


def _files(message: Message, field: Field, findings: Findings, depth: int) -> None:
    """Names of weight files: ``@model_path/weights/weight.bin``, at any depth of a value."""
    if field.wire != BYTES or depth > 12 or field.end - field.start > 1 << 16:
        return
    raw = message.raw(field.start, field.end)
    if raw.startswith((b"@", b"/", b"..", b"~")) or b"://" in raw[:200]:
        location = raw.decode("utf-8", "backslashreplace")
        inside = location.removeprefix("@model_path/")
        if (location == inside and not location.startswith("@")) or safe_name(inside):
            findings.malicious(
                "model", f"weights at {location[:200]!r}", "loading would read outside the model's folder", rule="path-outside"
            )
        return
    try:
        parts = list(message.inner(field))
    except Malformed:
        return
    for part in parts:
        _files(message, part, findings, depth + 1)
