"""TensorFlow's checkpoints: the ``.index`` of a TensorBundle, which says where in the files beside it each variable lies.

A table in LevelDB's form (tensorflow/core/lib/io/table) whose values are BundleEntryProto; what is compressed is not read here.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .protobuf import BYTES, FOUR, VARINT, Message

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
LARGEST = 256 << 20
MOST_ENTRIES = 1_000_000
_FOOTER = 48
_NO_NUMBERS = {20: "a resource", 21: "a variant"}


@dataclass(frozen=True)
class Stretch:
    """Where a variable lies: in which of the data files, from which byte, how many."""

    shard: int
    start: int
    length: int


@dataclass(frozen=True)
class Bundle:
    """Data files in all, and what lies in them."""

    shards: int
    stretches: tuple[Stretch, ...]


def looks_like(stream: IO[bytes]) -> bool:
    """The magic number at the end, and an entry without a key at the beginning."""
    size = stream.seek(0, os.SEEK_END)
    if not _FOOTER < size <= LARGEST:
        return False
    stream.seek(size - 8)
    return stream.read(8) == MAGIC


def read(stream: IO[bytes]) -> Bundle:
    """Every entry of the index. Raises `Malformed`."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    data = stream.read(LARGEST)
    at = size - _FOOTER
    _, at = _number(data, at)
    _, at = _number(data, at)
    start, at = _number(data, at)
    length, at = _number(data, at)
    shards, stretches = 0, []
    for _, handle in _entries(_block(data, start, length)):
        begin, place = _number(handle, 0)
        for key, value in _entries(_block(data, begin, _number(handle, place)[0])):
            if key:
                stretches.append(_stretch(value))
            else:
                shards = _shards(value)
            if len(stretches) > MOST_ENTRIES:
                raise Malformed(f"over {MOST_ENTRIES:,} variables")
    if not 0 < shards <= 100_000 or any(not 0 <= s.shard < shards for s in stretches):
        raise Malformed("variables in files that there are not")
    return Bundle(shards, tuple(stretches))


def judge_bundle(stream: IO[bytes], findings: Findings) -> None:
    """Does it list variables of numbers and text alone?"""
    try:
        found = read(stream)
    except (Malformed, IndexError, struct.error) as error:
        findings.unproven("index", str(error), "the table of variables cannot be followed to its end")
        return
    findings.note("index", f"{len(found.stretches):,} variables in {found.shards:,} files beside it", "places and sizes alone")


def _block(data: bytes, start: int, length: int) -> bytes:
    if start + length + 5 > len(data):
        raise Malformed("a block outside the file")
    if data[start + length] != 0:
        raise Malformed("a compressed block, which is not read here")
    return data[start : start + length]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise Malformed("a block that is cut off")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 - 4 * restarts
    key, at = b"", 0
    while at < end:
        shared, at = _number(block, at)
        own, at = _number(block, at)
        length, at = _number(block, at)
        if shared > len(key) or at + own + length > end:
            raise Malformed("an entry outside its block")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length
    if at != end:
        raise Malformed("a block that does not end where it says")


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        byte = data[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise Malformed("a number that does not end")


def _shards(raw: bytes) -> int:
    return next((f.value for f in Message(BytesIO(raw)).fields() if f.number == 1 and f.wire == VARINT), 1)


def _stretch(raw: bytes) -> Stretch:
    values = {1: 0, 3: 0, 4: 0, 5: 0}
    for field in Message(BytesIO(raw)).fields():
        if field.number in values and field.wire == VARINT:
            values[field.number] = field.value
        elif (field.number, field.wire) not in ((2, BYTES), (6, FOUR), (7, BYTES)):
            raise Malformed(f"field {field.number} of a variable")
    if values[1] in _NO_NUMBERS:
        raise Malformed(f"{_NO_NUMBERS[values[1]]} among the variables")
    return Stretch(values[3], values[4], values[5])
