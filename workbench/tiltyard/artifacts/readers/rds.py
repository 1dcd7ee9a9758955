"""R's .rds: vectors, lists and factors pass; a promise runs code when it is touched (CVE-2024-27322), functions and language are code."""

import bz2
import gzip
import io
import lzma
import zlib
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .cursor import Cursor

MOST_UNPACKED = 512 << 20
DEEPEST = 500
_NIL, _SYMBOL, _PAIRS, _CHAR = 1, 1, 2, 9
_ENDS = {254, 253, 252, 251, 242, 241}  # NULL, the global, unbound, missing, empty and base environments
_CODE = {
    3: "a function",
    6: "language",
    7: "a special",
    8: "a builtin",
    21: "byte code",
    239: "language",
    240: "language",
    243: "byte code",
}
_WIDTHS = {10: 4, 13: 4, 14: 8, 15: 16, 24: 1}
_COMPACT = frozenset(
    "compact_intseq compact_realseq deferred_string wrap_real wrap_integer wrap_logical wrap_string wrap_complex wrap_raw wrap_list".split()
)
PROMISE, ENVIRONMENT, DOTS, VECTORS, S4, ALTERNATIVE, REFERENCE, POINTER, WEAK, NAMESPACE, PACKAGE = (
    5,
    4,
    17,
    {16, 19, 20},
    25,
    238,
    255,
    22,
    23,
    249,
    250,
)


def unpacked_head(head: bytes) -> bytes:
    """The first bytes of what the stream holds, packed or not."""
    try:
        if head[:2] == b"\x1f\x8b":
            return gzip.GzipFile(fileobj=io.BytesIO(head)).read(14)
        if head[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(head, 14)
        if head[:6] == b"\xfd7zXZ\0":
            return lzma.LZMADecompressor().decompress(head, 14)
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return b""
    return head[:14]


def looks_like(head: bytes) -> bool:
    """R's serialization, in its binary form, perhaps packed."""
    found = unpacked_head(head)
    return found[:2] == b"X\n" and found[2:5] == b"\0\0\0" and found[5:6] in (b"\2", b"\3")


def judge_rds(stream: IO[bytes], findings: Findings) -> None:
    """Vectors, lists and factors alone?"""
    try:
        at = Cursor(_content(stream), 2, ">")
        reader = _Reader(at, findings)
        reader.begin()
        reader.item(0)
        at.end()
    except Malformed as error:
        findings.unproven("file", str(error), "it cannot be followed to its end: cut off, altered, or of a kind not read here")
        return
    if findings.worst == "note":
        findings.note("file", f"{reader.count:,} values", "vectors, lists and factors alone")


def _content(stream: IO[bytes]) -> IO[bytes]:
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    try:
        if magic[:2] == b"\x1f\x8b":
            data = gzip.GzipFile(fileobj=stream).read(MOST_UNPACKED + 1)
        elif magic[:3] == b"BZh":
            data = bz2.BZ2File(stream).read(MOST_UNPACKED + 1)
        elif magic == b"\xfd7zXZ\0":
            data = lzma.LZMADecompressor().decompress(stream.read(), MOST_UNPACKED + 1)
        else:
            return stream
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise Malformed(f"it cannot be unpacked ({type(error).__name__})") from None
    if len(data) > MOST_UNPACKED:
        raise Malformed(f"it unpacks to over {MOST_UNPACKED >> 20} MiB")
    return io.BytesIO(data)


class _Reader:
    def __init__(self, at: Cursor, findings: Findings) -> None:
        self.at, self.findings, self.count = at, findings, 0
        self.symbols: list[str] = []

    def begin(self) -> None:
        version = self.at.number("I")
        self.at.skip(8)
        if version == 3:
            self.at.skip(self.at.number("I"))
        elif version != 2:
            raise Malformed(f"serialization of version {version}")

    def item(self, depth: int) -> str:
        """One value; the text of a symbol or a text, else nothing."""
        self.count += 1
        if self.count % 1024 == 0:
            self.findings.progress.check()
        if depth > DEEPEST:
            raise Malformed(f"values nested over {DEEPEST} deep")
        flags = self.at.number("I")
        kind, attributes, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if kind in _ENDS or kind == 0:
            return ""
        if kind == REFERENCE:
            return self.known(flags >> 8 or self.at.number("I"))
        if kind == PROMISE:
            self.findings.malicious(
                "file", "a promise", "R evaluates it as soon as the value is touched (CVE-2024-27322)", rule="rds-promise"
            )
            raise Malformed("a promise, whose rest was not read")
        if kind in _CODE:
            raise Malformed(f"{_CODE[kind]}, which is code")
        return self.data(kind, attributes, tagged, depth)

    def data(self, kind: int, attributes: bool, tagged: bool, depth: int) -> str:
        text = ""
        if kind == _SYMBOL:
            self.symbols.append(self.item(depth + 1))
            return self.symbols[-1]
        if kind == _CHAR:
            length = self.at.number("i")
            return "" if length < 0 else self.at.take(length).decode("utf-8", "replace")
        if kind == _PAIRS:
            return self.pairs(attributes, tagged, depth)
        if kind == ALTERNATIVE:
            return self.alternative(depth)
        if kind in _WIDTHS:
            self.at.skip(self.length() * _WIDTHS[kind])
        elif kind in VECTORS:
            for _ in range(self.bounded()):
                self.item(depth + 1)
        elif kind == S4:
            raise Malformed("an S4 object, whose class is code")
        else:
            raise Malformed(f"a value of kind {kind}, which is no plain data")
        if attributes:
            self.item(depth + 1)
        return text

    def known(self, place: int) -> str:
        """The symbol that stood there before; nothing else that is plain data can be named again."""
        if not 0 < place <= len(self.symbols):
            raise Malformed("a reference to nothing")
        return self.symbols[place - 1]

    def length(self) -> int:
        found = self.at.number("i")
        return (self.at.number("I") << 32) + self.at.number("I") if found == -1 else found

    def bounded(self) -> int:
        count = self.length()
        if not 0 <= count <= self.at.left // 4:
            raise Malformed(f"{count:,} values in {self.at.left:,} bytes")
        return count

    def pairs(self, attributes: bool, tagged: bool, depth: int) -> str:
        """A list of pairs, without a call for each."""
        first = ""
        while True:
            if attributes:
                self.item(depth + 1)
            if tagged:
                self.item(depth + 1)
            found = self.item(depth + 1)
            first = first or found
            place = self.at.at
            flags = self.at.number("I")
            if flags & 0xFF != _PAIRS:
                self.at.at = place
                self.item(depth + 1)
                return first
            attributes, tagged = bool(flags & 0x200), bool(flags & 0x400)

    def alternative(self, depth: int) -> str:
        """A vector in another form: its class by name, its state, its attributes."""
        name = self.item(depth + 1)
        if name not in _COMPACT:
            raise Malformed(f"a vector of the form {name[:40]!r}, which a package computes")
        self.item(depth + 1)
        self.item(depth + 1)
        return ""
