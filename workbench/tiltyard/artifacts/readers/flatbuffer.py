"""FlatBuffers read by field number, in bounds, with the last byte that anything reached."""

import os
import struct
from typing import IO

from ..malformed import Malformed

LARGEST = 2 << 30
MOST_ITEMS = 2_000_000


class Buffer:
    """The bytes of a FlatBuffer. ``reached`` is where the furthest thing that was read ends."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = stream.seek(0, os.SEEK_END)
        if self.size > LARGEST:
            raise Malformed(f"{self.size:,} bytes, which no FlatBuffer can have")
        self._stream = stream
        self.reached = 8
        self._base, self._block = 0, b""
        self.items = 0

    def raw(self, at: int, count: int) -> bytes:
        if not 0 <= at <= at + count <= self.size:
            raise Malformed(f"an offset leads to byte {at:,} of {self.size:,}")
        self.reached = max(self.reached, at + count)
        inside = at - self._base
        if not 0 <= inside <= len(self._block) - count:
            self._stream.seek(at)
            self._base, self._block, inside = at, self._stream.read(max(count, 1 << 20)), 0
        return self._block[inside : inside + count]

    def whole(self, code: str, at: int) -> int:
        found: int = struct.unpack("<" + code, self.raw(at, struct.calcsize(code)))[0]
        return found

    def root(self) -> "Table":
        return Table(self, self.whole("I", 0))


class Table:
    """A table: fields by number, absent ones as their default."""

    def __init__(self, buffer: Buffer, at: int) -> None:
        self.buffer, self.at = buffer, at
        buffer.items += 1
        if buffer.items > MOST_ITEMS:
            raise Malformed(f"over {MOST_ITEMS:,} tables")
        self._vtable = at - buffer.whole("i", at)
        self._length = buffer.whole("H", self._vtable)
        size = buffer.whole("H", self._vtable + 2)
        if self._length < 4 or self._length % 2 or size < 4:
            raise Malformed(f"a table at byte {at:,} that is none")
        buffer.raw(self._vtable, self._length)
        buffer.raw(at, size)

    def place(self, number: int) -> int:
        """Where field ``number`` lies; 0 where it is absent."""
        slot = 4 + 2 * number
        offset = self.buffer.whole("H", self._vtable + slot) if slot + 2 <= self._length else 0
        return self.at + offset if offset else 0

    def scalar(self, number: int, code: str, default: int = 0) -> int:
        place = self.place(number)
        return self.buffer.whole(code, place) if place else default

    def _pointed(self, number: int) -> int:
        place = self.place(number)
        return place + self.buffer.whole("I", place) if place else 0

    def table(self, number: int) -> "Table | None":
        at = self._pointed(number)
        return Table(self.buffer, at) if at else None

    def text(self, number: int) -> str:
        return self.data(number, 1).decode("utf-8", "backslashreplace")[:1000]

    def vector(self, number: int, width: int) -> tuple[int, int]:
        """Where the items of a vector begin, and how many they are."""
        at = self._pointed(number)
        if not at:
            return 0, 0
        count = self.buffer.whole("I", at)
        if at + 4 + count * width > self.buffer.size:
            raise Malformed(f"a vector of {count:,} items at byte {at:,}, past the end")
        self.buffer.reached = max(self.buffer.reached, at + 4 + count * width)
        return at + 4, count

    def data(self, number: int, width: int) -> bytes:
        at, count = self.vector(number, width)
        return self.buffer.raw(at, min(count * width, 1 << 20)) if count else b""

    def tables(self, number: int) -> list["Table"]:
        at, count = self.vector(number, 4)
        places = [at + 4 * i for i in range(count)]
        return [Table(self.buffer, place + self.buffer.whole("I", place)) for place in places]

    def numbers(self, number: int) -> tuple[int, ...]:
        at, count = self.vector(number, 4)
        return struct.unpack(f"<{count}i", self.buffer.raw(at, 4 * count)) if count else ()
