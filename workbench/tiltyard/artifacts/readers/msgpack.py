"""Flax's msgpack: maps, lists, numbers, text and arrays whose bytes fit their shape, to the last byte."""

import math
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .cursor import Cursor

DEEPEST = 100
MOST = 5_000_000
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_TEXTS = {0xD9: "B", 0xDA: "H", 0xDB: "I"}
_BYTES = {0xC4: "B", 0xC5: "H", 0xC6: "I"}
_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LONG_EXTENSIONS = {0xC7: "B", 0xC8: "H", 0xC9: "I"}
_ARRAY, _COMPLEX, _SCALAR = 1, 2, 3
_WIDTHS = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2,
    "float32": 4, "float64": 8, "complex64": 8, "complex128": 16, "float8_e4m3fn": 1, "float8_e5m2": 1, "int4": 1, "uint4": 1,
}  # fmt: skip


def looks_like(stream: IO[bytes], head: bytes) -> bool:
    """A map with a text as its first key, which fills the file."""
    first = head[0]
    if not (0x81 <= first <= 0x8F or first in (0xDE, 0xDF)) or len(head) < 3:
        return False
    key = head[{0xDE: 3, 0xDF: 5}.get(first, 1) :][:1]
    if not key or not (0xA1 <= key[0] <= 0xBF or key[0] in _TEXTS):
        return False
    at = Cursor(stream, 0, ">")
    reader = _Reader(at, Findings())
    try:
        reader.value(0)
    except Malformed:
        return reader.values > 4
    return at.left == 0


def judge_msgpack(stream: IO[bytes], findings: Findings) -> None:
    """Numbers and text, and nothing else?"""
    at = Cursor(stream, 0, ">")
    reader = _Reader(at, findings)
    try:
        reader.value(0)
        at.end()
    except Malformed as error:
        findings.unproven("file", str(error), "it is no msgpack that Flax writes, or something is added to it")
        return
    findings.note("file", f"{reader.arrays:,} arrays among {reader.values:,} values", "numbers and text alone")


class _Reader:
    def __init__(self, at: Cursor, findings: Findings) -> None:
        self.at, self.findings = at, findings
        self.values = self.arrays = 0

    def value(self, depth: int) -> object:
        """One value: the number of a whole number and the text of a text, for shapes; of all else nothing."""
        self.values += 1
        if depth > DEEPEST or self.values > MOST:
            raise Malformed(f"values nested over {DEEPEST} deep, or over {MOST:,} of them")
        if self.values % 1024 == 0:
            self.findings.progress.check()
        kind = self.at.number("B")
        if kind < 0x80 or kind >= 0xE0:
            return kind if kind < 0x80 else kind - 256
        if kind < 0x90:
            return self.items(2 * (kind & 15), depth)
        if kind < 0xA0:
            return self.items(kind & 15, depth)
        if kind < 0xC0:
            return self.at.take(kind & 31).decode("utf-8", "replace")
        return self.longer(kind, depth)

    def longer(self, kind: int, depth: int) -> object:
        if kind in _FIXED:
            raw = self.at.take(_FIXED[kind])
            return int.from_bytes(raw) if 0xCC <= kind <= 0xCF else None
        if kind in _TEXTS:
            return self.at.take(self.at.number(_TEXTS[kind])).decode("utf-8", "replace")
        if kind in _BYTES:
            count = self.at.number(_BYTES[kind])
            self.at.skip(count)
            return count
        if kind in (0xDC, 0xDD, 0xDE, 0xDF):
            return self.items((2 if kind >= 0xDE else 1) * self.at.number("I" if kind & 1 else "H"), depth)
        if kind in _EXTENSIONS or kind in _LONG_EXTENSIONS:
            length = _EXTENSIONS[kind] if kind in _EXTENSIONS else self.at.number(_LONG_EXTENSIONS[kind])
            self.extension(self.at.number("B"), length, depth)
            return None
        raise Malformed(f"the unknown kind {kind:#x}")

    def items(self, count: int, depth: int) -> list[object]:
        if count > self.at.left:
            raise Malformed(f"{count:,} values in {self.at.left:,} bytes")
        found = [self.value(depth + 1) for _ in range(count)]
        return found if count <= 64 else []

    def extension(self, kind: int, length: int, depth: int) -> None:
        stop = self.at.at + length
        if kind not in (_ARRAY, _COMPLEX, _SCALAR):
            raise Malformed(f"an extension of the unknown kind {kind}")
        content = self.value(depth + 1)
        if self.at.at != stop:
            raise Malformed("an extension that does not end where it should")
        if kind != _COMPLEX:
            self._array(content)

    def _array(self, content: object) -> None:
        if not isinstance(content, list) or len(content) != 3:
            raise Malformed("an array that is not shape, type and bytes")
        shape, name, count = content
        if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape) or not isinstance(count, int):
            raise Malformed("an array with a shape of no whole numbers")
        if not isinstance(name, str) or name not in _WIDTHS or math.prod(shape) * _WIDTHS[name] != count:
            raise Malformed(f"an array of {count:,} bytes, which does not fit {str(name)[:20]} of shape {shape[:8]}")
        self.arrays += 1
