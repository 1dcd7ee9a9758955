"""A place in bytes or in a stream from which fixed numbers and lengths are read, never past the end."""

import os
import struct
from typing import IO

from ..malformed import Malformed

BLOCK = 1 << 20


class Cursor:
    """Reads a stream forward through one block, so that memory stays flat.

    Parameters
    ----------
    stream
        Seekable; read from ``start``.
    order
        ``<`` little-endian or ``>`` big-endian.
    ahead
        Bytes of the block; few for a file in which one jumps.
    """

    def __init__(self, stream: IO[bytes], start: int = 0, order: str = "<", ahead: int = BLOCK) -> None:
        self.stream, self.ahead = stream, ahead
        self.size = stream.seek(0, os.SEEK_END)
        self.order = order
        self._base, self._block = 0, b""
        self.at = start

    @property
    def left(self) -> int:
        return self.size - self.at

    def take(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise Malformed(f"{count:,} bytes are said to follow at byte {self.at:,}; the file has {max(self.left, 0):,} more")
        inside = self.at - self._base
        if not 0 <= inside <= len(self._block) - count:
            self.stream.seek(self.at)
            self._base, self._block, inside = self.at, self.stream.read(max(count, self.ahead)), 0
        self.at += count
        return self._block[inside : inside + count]

    def skip(self, count: int) -> None:
        if not 0 <= count <= self.left:
            raise Malformed(f"{count:,} bytes are said to follow at byte {self.at:,}; the file has {max(self.left, 0):,} more")
        self.at += count

    def number(self, code: str) -> int:
        """A whole number, by its letter in `struct`."""
        found: int = struct.unpack(self.order + code, self.take(struct.calcsize(code)))[0]
        return found

    def end(self) -> None:
        """Raise `Malformed` where bytes are left over."""
        if self.left:
            raise Malformed(f"{self.left:,} bytes after the end")


class Window:
    """A part of a stream as a stream of its own: seekable, read only."""

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._stream.seek(self._start + self._at)
        found = self._stream.read(left if count is None or count < 0 else min(count, left))
        self._at += len(found)
        return found

    def readline(self, limit: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._stream.seek(self._start + self._at)
        found = self._stream.readline(left if limit < 0 else min(limit, left))
        self._at += len(found)
        return found

    def readinto(self, into: bytearray) -> int:
        found = self.read(len(into))
        into[: len(found)] = found
        return len(found)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
