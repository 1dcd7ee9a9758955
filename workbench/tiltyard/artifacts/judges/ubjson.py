"""Universal Binary JSON as XGBoost writes it, read within bounds: no deeper than 64 levels, no more items than bytes."""

import struct
from typing import Any

import numpy as np

DEEPEST = 64
_NUMBERS = {b"i": "b", b"U": "B", b"I": "h", b"u": "H", b"l": "i", b"m": "I", b"L": "q", b"M": "Q", b"d": "f", b"D": "d"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


class NotUbjson(ValueError):
    """The bytes are no UBJSON, or more than is read; says where."""


def parsed(content: bytes) -> Any:
    """The value in ``content``, which it fills to the end. Arrays of one type come as NumPy arrays.

    Raises
    ------
    NotUbjson
        Where it breaks off, nests too deep, or goes on after its end.
    """
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(content):
        raise NotUbjson(f"{len(content) - reader.at:,} bytes after the end")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = memoryview(content)
        self.at = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.content) - self.at:
            raise NotUbjson(f"it breaks off at byte {self.at:,}")
        part = bytes(self.content[self.at : self.at + count])
        self.at += count
        return part

    def peek(self) -> bytes:
        return bytes(self.content[self.at : self.at + 1])

    def number(self, kind: bytes) -> int | float:
        code = _NUMBERS[kind]
        found: int | float = struct.unpack(f">{code}", self.take(struct.calcsize(code)))[0]
        return found

    def length(self) -> int:
        kind = self.take(1)
        if kind not in _NUMBERS or kind in b"dD":
            raise NotUbjson(f"no length at byte {self.at:,}")
        return int(self.number(kind))

    def text(self) -> str:
        return self.take(self.length()).decode("utf-8", "replace")

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise NotUbjson(f"more than {DEEPEST} levels")
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            return self.number(kind)
        if kind == b"S":
            return self.text()
        if kind == b"C":
            return self.take(1).decode("latin-1")
        if kind == b"[":
            return self.array(depth)
        if kind == b"{":
            return self.members(depth)
        raise NotUbjson(f"no value at byte {self.at - 1:,}")

    def array(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"$":
            return self.typed()
        if kind == b"#":
            count = self.length()
            return [self.value(self.take(1), depth + 1) for _ in range(self.bounded(count))]
        found = []
        while kind != b"]":
            found.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return found

    def bounded(self, count: int) -> int:
        """A count of values of at least a byte each."""
        if not 0 <= count <= len(self.content) - self.at:
            raise NotUbjson(f"{count:,} values in {len(self.content) - self.at:,} bytes")
        return count

    def typed(self) -> Any:
        kind = self.take(1)
        if kind not in _NUMBERS or self.take(1) != b"#":
            raise NotUbjson(f"an array of no numbers at byte {self.at:,}")
        dtype = np.dtype(f">{_NUMBERS[kind]}" if _NUMBERS[kind] not in "qQ" else f">{'i8' if kind == b'L' else 'u8'}")
        count = self.bounded(self.length())
        return np.frombuffer(self.take(count * dtype.itemsize), dtype)

    def members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        count = -1
        if self.peek() == b"#":
            self.take(1)
            count = self.bounded(self.length())
        while count != 0:
            if count < 0 and self.peek() == b"}":
                self.take(1)
                break
            name = self.text()
            if name in found:
                raise NotUbjson(f"{name[:40]!r} twice in one object")
            found[name] = self.value(self.take(1), depth + 1)
            count -= 1
        return found
