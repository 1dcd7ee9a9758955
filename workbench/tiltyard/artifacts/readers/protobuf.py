"""Protocol buffers read without a compiled schema: fields that lie within their message, to its last byte."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from ...progress import Progress
from ..malformed import Malformed

MOST_FIELDS = 5_000_000
MOST_TEXT = 1 << 20
_BLOCK = 1 << 18
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5


@dataclass(frozen=True)
class Field:
    """One field: its number and wire type; where its content lies; its value where that is a varint."""

    number: int
    wire: int
    start: int
    end: int
    value: int = 0


class Message:
    """A stretch of a stream that is read as a message; parts of it are messages again."""

    def __init__(self, stream: IO[bytes], progress: Progress | None = None) -> None:
        self._stream = stream
        self._progress = progress or Progress()
        self.size = stream.seek(0, os.SEEK_END)
        self._base, self._block, self._count = 0, b"", 0

    def raw(self, start: int, end: int) -> bytes:
        inside = start - self._base
        if not 0 <= inside <= len(self._block) - (end - start):
            self._stream.seek(start)
            self._base, self._block, inside = start, self._stream.read(max(end - start, _BLOCK)), 0
        return self._block[inside : inside + end - start]

    def text(self, field: Field) -> str:
        if field.end - field.start > MOST_TEXT:
            raise Malformed(f"a text of {field.end - field.start:,} bytes")
        return self.raw(field.start, field.end).decode("utf-8", "backslashreplace")

    def fields(self, start: int = 0, end: int | None = None) -> Iterator[Field]:
        """The fields of the message in [start, end); raises `Malformed` where one runs past its end."""
        at, end = start, self.size if end is None else end
        while at < end:
            self._count += 1
            if self._count % 2048 == 0:
                self._progress.check()
            if self._count > MOST_FIELDS:
                raise Malformed(f"over {MOST_FIELDS:,} fields")
            key, at = self._varint(at, end)
            number, wire, value, begin = key >> 3, key & 7, 0, at
            if wire == VARINT:
                value, at = self._varint(at, end)
            elif wire == BYTES:
                length, begin = self._varint(at, end)
                at = begin + length
            elif wire in (EIGHT, FOUR):
                at += 8 if wire == EIGHT else 4
            else:
                raise Malformed(f"wire type {wire} at byte {begin:,}")
            if at > end or not 0 < number < 1 << 29:
                raise Malformed(f"a field at byte {begin:,} runs past its end")
            yield Field(number, wire, begin, at, value)

    def inner(self, field: Field) -> Iterator[Field]:
        if field.wire != BYTES:
            raise Malformed(f"field {field.number} is no message")
        return self.fields(field.start, field.end)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for i, byte in enumerate(self.raw(at, min(at + 10, end))):
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                return value, at + i + 1
        raise Malformed("a number runs past its end")
