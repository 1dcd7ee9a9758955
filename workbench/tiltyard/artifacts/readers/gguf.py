"""GGUF, the weights of language models: keys, tensors and their bytes to the last one (ggml's specification, versions 2 and 3)."""

import math
import struct
from dataclasses import dataclass, field
from typing import IO

from ..documents import judge_words
from ..malformed import Malformed
from ..reason import Findings
from ..words import LONGEST
from .cursor import Cursor
from .templates import judge_template

MOST = 10_000_000
MOST_NAME = 1 << 16
DEEPEST = 4
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
# Of each type of tensor: numbers in a block, bytes of a block.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84), 11: (256, 110),
    12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass
class Header:
    """What was read: kept texts by key, the alignment, and of each tensor its name, offset and bytes."""

    texts: dict[str, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    alignment: int = 32
    tensors: list[tuple[int, int, str]] = field(default_factory=list)


def judge_gguf(stream: IO[bytes], findings: Findings) -> None:
    """Keys, tensors and bytes that account for the whole file, and chat templates that only put text together?"""
    try:
        found, start, size = _read(stream, findings)
        _layout(found, start, size, stream)
    except (Malformed, struct.error) as error:
        findings.unproven("header", str(error), "it breaks the GGUF specification: cut off, altered, or made to overrun a reader")
        return
    for key, text in found.texts.items():
        judge_template(text, findings, key)
    findings.note("header", f"{len(found.keys):,} keys, {len(found.tensors):,} tensors, all accounted for", "numbers and text alone")


def _read(stream: IO[bytes], findings: Findings) -> tuple[Header, int, int]:
    at = Cursor(stream)
    if at.take(4) != b"GGUF" or (version := at.number("I")) not in (2, 3):
        raise Malformed("no GGUF of version 2 or 3")
    tensors, keys = at.number("Q"), at.number("Q")
    if tensors * 24 > at.left or keys * 13 > at.left:
        raise Malformed(f"{tensors:,} tensors and {keys:,} keys in {at.size:,} bytes (version {version})")
    found = Header()
    for i in range(keys):
        if i % 64 == 0:
            findings.progress.check()
        _key(at, found, findings)
    for _ in range(tensors):
        _tensor(at, found)
    return found, at.at, at.size


def _key(at: Cursor, found: Header, findings: Findings) -> None:
    name = _text(at, MOST_NAME)
    if name in found.keys:
        raise Malformed(f"the key {name[:60]!r} occurs twice")
    found.keys.add(name)
    kind = at.number("I")
    if kind == _TEXT and "chat_template" in name:
        found.texts[name] = _text(at, at.left)
    elif kind == _TEXT:
        length = at.number("Q")
        text = at.take(min(length, LONGEST, at.left)).decode("utf-8", "replace")
        at.skip(length - min(length, LONGEST))
        judge_words(text, findings, name[:100])
    elif name == "general.alignment" and kind == 4:
        found.alignment = at.number("I")
        if not (8 <= found.alignment <= 1 << 16 and found.alignment & (found.alignment - 1) == 0):
            raise Malformed(f"an alignment of {found.alignment:,} bytes")
    else:
        _value(at, kind, findings, 0)


def _value(at: Cursor, kind: int, findings: Findings, depth: int) -> None:
    if kind in _SCALARS:
        at.skip(struct.calcsize("<" + _SCALARS[kind]))
    elif kind == _TEXT:
        at.skip(at.number("Q"))
    elif kind == _ARRAY and depth < DEEPEST:
        _array(at, findings, depth)
    else:
        raise Malformed(f"a value of the unknown type {kind}, or nested too deep")


def _array(at: Cursor, findings: Findings, depth: int) -> None:
    kind, count = at.number("I"), at.number("Q")
    if count > min(at.left, MOST):
        raise Malformed(f"an array of {count:,} in {at.left:,} bytes")
    if kind in _SCALARS:
        at.skip(count * struct.calcsize("<" + _SCALARS[kind]))
        return
    for i in range(count):
        if i % 4096 == 0:
            findings.progress.check()
        _value(at, kind, findings, depth + 1)


def _text(at: Cursor, most: int) -> str:
    length = at.number("Q")
    if length > most:
        raise Malformed(f"a text of {length:,} bytes at byte {at.at:,}")
    return at.take(length).decode("utf-8", "backslashreplace")


def _tensor(at: Cursor, found: Header) -> None:
    name = _text(at, MOST_NAME)
    rank = at.number("I")
    if rank > 8:
        raise Malformed(f"tensor {name[:60]!r} has {rank:,} dimensions")
    shape = [at.number("Q") for _ in range(rank)]
    kind, offset = at.number("I"), at.number("Q")
    if kind not in _BLOCKS:
        raise Malformed(f"tensor {name[:60]!r} has the unknown type {kind}")
    numbers, width = _BLOCKS[kind]
    count = math.prod(shape)
    if (shape and shape[0] % numbers) or count > 1 << 48:
        raise Malformed(f"tensor {name[:60]!r} has a shape that fits no whole blocks")
    found.tensors.append((offset, count // numbers * width, name))


def _layout(found: Header, start: int, size: int, stream: IO[bytes]) -> None:
    """The tensors lie one after the other, each on its alignment, and fill the file."""
    step = found.alignment
    data = -(-start // step) * step if found.tensors else start
    place = 0
    ends = data
    for offset, length, name in sorted(found.tensors):
        if offset != place:
            raise Malformed(f"tensor {name[:60]!r} starts at byte {offset:,} of the data, not {place:,}: a gap or an overlap")
        place, ends = -(-(offset + length) // step) * step, data + offset + length
    if not ends <= size <= max(data + place, start):
        raise Malformed(f"its tensors end at byte {ends:,}; the file has {size:,}")
    stream.seek(ends)
    if any(stream.read(size - ends)):
        raise Malformed("bytes after the last tensor that are no padding")
