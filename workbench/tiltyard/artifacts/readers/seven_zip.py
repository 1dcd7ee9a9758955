"""7z archives: their directory and, unpacked in memory within bounds, each of their files judged as one of its own.

Follows 7-Zip's ``7zFormat.txt``. Packed with LZMA, LZMA2, Deflate, BZip2 or not at all; what is encrypted, filtered or packed otherwise is unproven.
"""

import bz2
import io
import lzma
import zlib
from dataclasses import dataclass, field
from typing import IO

from ..archives import safe_name
from ..formats import FORMATS, Format, judge_of
from ..malformed import Malformed
from ..reason import Findings
from .cursor import Cursor

MOST_HEADER = 64 << 20
MOST_UNPACKED = 256 << 20
MOST_FILES = 100_000
_COPY, _LZMA, _LZMA2, _DEFLATE, _BZIP2 = b"\0", b"\x03\x01\x01", b"\x21", b"\x04\x01\x08", b"\x04\x02\x02"

_FILTERS = {b"\x03\x03\x01\x03": lzma.FILTER_X86, b"\x03\x03\x05\x01": lzma.FILTER_ARM}


@dataclass
class _Folder:
    """One packed stream: how it is packed and what it unpacks to."""

    method: bytes = b""
    settings: bytes = b""
    filters: list[int] = field(default_factory=list)
    size: int = 0
    sums: int | None = None
    parts: list[int] = field(default_factory=list)


@dataclass
class _Streams:
    """Where the packed streams lie, and their folders."""

    position: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[_Folder] = field(default_factory=list)


def judge_seven_zip(stream: IO[bytes], findings: Findings) -> None:
    """Are all its files shown safe, with names that stay inside?"""
    try:
        members = _members(stream, findings)
    except (Malformed, OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        findings.unproven("7z", str(error)[:160] or type(error).__name__, "what cannot be unpacked cannot be shown safe")
        return
    for name, content in members:
        findings.progress.check()
        if why := safe_name(name.replace("\\", "/")):
            findings.malicious(name, why, "made to write or read where it should not", rule="path-outside")
        _judge_member(name, content, findings)
    if findings.worst == "note":
        findings.note("7z", f"{len(members):,} files", "each of them was judged")


def _judge_member(name: str, content: bytes, findings: Findings) -> None:
    from ..sniffing import sniff_stream

    inner, own = io.BytesIO(content), Findings(findings.progress)
    found = sniff_stream(inner)
    inner.seek(0)
    if found in (Format.SEVEN_ZIP, Format.TAR) or (judge := judge_of(FORMATS[found])) is None:
        own.unproven(name, f"its format is {found}", "there is no reader here that could show it safe")
    else:
        judge(inner, own)
    for reason in own.ordered():
        findings.add(reason.grade, name if reason.where == "file" else f"{name} {reason.where}", reason.what, reason.why, rule=reason.rule)


def _members(stream: IO[bytes], findings: Findings) -> list[tuple[str, bytes]]:
    at = Cursor(stream, 8)
    wanted = at.number("I")
    head = at.take(20)
    if zlib.crc32(head) != wanted:
        raise Malformed("the checksum of its start is wrong")
    offset, size, sums = (int.from_bytes(head[a:b], "little") for a, b in ((0, 8), (8, 16), (16, 20)))
    if 32 + offset + size != at.size:
        raise Malformed(f"it is said to end at byte {32 + offset + size:,}; the file has {at.size:,}")
    if size > MOST_HEADER:
        raise Malformed(f"a directory of {size:,} bytes")
    at.skip(offset)
    raw = at.take(size)
    if zlib.crc32(raw) != sums:
        raise Malformed("the checksum of its directory is wrong")
    for _ in range(4):
        if raw[:1] != b"\x17":
            break
        inner = Cursor(io.BytesIO(raw), 1)
        raw = _unpacked(stream, _streams(inner), MOST_HEADER)[0]
    return _listed(stream, raw) if raw else []


def _listed(stream: IO[bytes], raw: bytes) -> list[tuple[str, bytes]]:
    at = Cursor(io.BytesIO(raw))
    if at.number("B") != 1:
        raise Malformed("no directory")
    contents: list[bytes] = []
    names: list[str] = []
    empty: list[bool] = []
    while (kind := at.number("B")) != 0:
        if kind == 4:
            streams = _streams(at)
            for content, folder in zip(_unpacked(stream, streams, MOST_UNPACKED), streams.folders, strict=True):
                contents += _parted(content, folder.parts)
        elif kind == 5:
            names, empty = _files(at)
        else:
            raise Malformed(f"a part of the unknown kind {kind}")
    at.end()
    if len(contents) != len(names) - sum(empty):
        raise Malformed("its names and its contents are not as many")
    left = iter(contents)
    return [(name, next(left)) for name, none in zip(names, empty, strict=True) if not none]


def _parted(content: bytes, sizes: list[int]) -> list[bytes]:
    found, place = [], 0
    for size in sizes:
        found.append(content[place : place + size])
        place += size
    if place != len(content):
        raise Malformed("files that do not fill what they were unpacked from")
    return found


def _number(at: Cursor) -> int:
    """7z's number of one to nine bytes."""
    first, value, mask = at.number("B"), 0, 0x80
    for i in range(8):
        if not first & mask:
            return value | (first & (mask - 1)) << 8 * i
        value |= at.number("B") << 8 * i
        mask >>= 1
    return value


def _count(at: Cursor, most: int = MOST_FILES) -> int:
    found = _number(at)
    if found > most:
        raise Malformed(f"a count of {found:,}")
    return found


def _bits(at: Cursor, count: int) -> list[bool]:
    raw = at.take(-(-count // 8))
    return [bool(raw[i // 8] & 0x80 >> i % 8) for i in range(count)]


def _defined(at: Cursor, count: int) -> list[bool]:
    return [True] * count if at.number("B") else _bits(at, count)


def _streams(at: Cursor) -> _Streams:
    found = _Streams()
    while (kind := at.number("B")) != 0:
        if kind == 6:
            _pack_info(at, found)
        elif kind == 7:
            _folders(at, found)
        elif kind == 8:
            _substreams(at, found)
        else:
            raise Malformed(f"a part of the unknown kind {kind}")
    for folder in found.folders:
        folder.parts = folder.parts or [folder.size]
    return found


def _pack_info(at: Cursor, found: _Streams) -> None:
    found.position = _number(at)
    count = _count(at)
    while (kind := at.number("B")) != 0:
        if kind == 9:
            found.packed = [_number(at) for _ in range(count)]
        elif kind == 10:
            at.skip(4 * sum(_defined(at, count)))
        else:
            raise Malformed(f"a part of the unknown kind {kind}")


def _folders(at: Cursor, found: _Streams) -> None:
    if at.number("B") != 11:
        raise Malformed("no folders")
    count = _count(at)
    if at.number("B"):
        raise Malformed("folders that lie elsewhere")
    found.folders = [_folder(at) for _ in range(count)]
    while (kind := at.number("B")) != 0:
        if kind == 12:
            for folder in found.folders:
                folder.size = max(_number(at) for _ in range(1 + len(folder.filters)))
        elif kind == 10:
            for folder, there in zip(found.folders, _defined(at, count), strict=True):
                folder.sums = at.number("I") if there else None
        else:
            raise Malformed(f"a part of the unknown kind {kind}")


def _folder(at: Cursor) -> _Folder:
    count = _count(at, 3)
    coders = [_coder(at) for _ in range(count)]
    chain = [(_number(at), _number(at)) for _ in range(count - 1)]
    if chain == [(i + 1, i) for i in range(count - 1)] and count > 1:  # py7zr writes them the other way round
        coders, chain = coders[::-1], [(i, i + 1) for i in range(count - 1)]
    if not coders or chain != [(i, i + 1) for i in range(count - 1)] or any(method not in _FILTERS for method, _ in coders[:-1]):
        raise Malformed("packed through a chain that is not read here")
    method, settings = coders[-1]
    if method not in (_COPY, _LZMA, _LZMA2, _DEFLATE, _BZIP2) or (count > 1 and method not in (_LZMA, _LZMA2)):
        raise Malformed(f"packed with the method {method.hex()}, which is encryption or not read here")
    return _Folder(method, settings, [_FILTERS[one] for one, _ in coders[:-1]])


def _coder(at: Cursor) -> tuple[bytes, bytes]:
    flags = at.number("B")
    method = at.take(flags & 15)
    if flags & 0xD0:
        raise Malformed("packed in an unknown way")
    return method, at.take(_count(at, 1 << 16)) if flags & 0x20 else b""


def _substreams(at: Cursor, found: _Streams) -> None:
    counts = [1] * len(found.folders)
    kind = at.number("B")
    if kind == 13:
        counts = [_count(at) for _ in found.folders]
        kind = at.number("B")
    for folder, count in zip(found.folders, counts, strict=True):
        sizes = [_number(at) for _ in range(count - 1)] if kind == 9 else []
        folder.parts = [*sizes, folder.size - sum(sizes)] if count else []
        if any(size < 0 for size in folder.parts):
            raise Malformed("files larger than what they are unpacked from")
    if kind == 9:
        kind = at.number("B")
    if kind == 10:
        unknown = sum(count for folder, count in zip(found.folders, counts, strict=True) if count != 1 or folder.sums is None)
        at.skip(4 * sum(_defined(at, unknown)))
        kind = at.number("B")
    if kind:
        raise Malformed(f"a part of the unknown kind {kind}")


def _files(at: Cursor) -> tuple[list[str], list[bool]]:
    count = _count(at)
    names: list[str] = []
    empty = [False] * count
    while (kind := at.number("B")) != 0:
        size = _number(at)
        stop = at.at + size
        if kind == 0x11:
            if at.number("B"):
                raise Malformed("names that lie elsewhere")
            names = at.take(size - 1).decode("utf-16-le", "backslashreplace").split("\0")[:-1]
        elif kind == 0x0E:
            empty = _bits(at, count)
        elif kind not in (0x0F, 0x10, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19):
            raise Malformed(f"a property of the unknown kind {kind}")
        at.at = 0
        at.skip(stop)
    if len(names) != count:
        raise Malformed("files without names")
    return names, empty


def _unpacked(stream: IO[bytes], streams: _Streams, most: int) -> list[bytes]:
    if len(streams.packed) != len(streams.folders) or sum(folder.size for folder in streams.folders) > most:
        raise Malformed(f"it unpacks to over {most >> 20} MiB, or in several streams at once")
    found, at = [], Cursor(stream)
    at.skip(32 + streams.position)
    for size, folder in zip(streams.packed, streams.folders, strict=True):
        content = _unpack(at.take(size), folder)
        if len(content) != folder.size or (folder.sums is not None and zlib.crc32(content) != folder.sums):
            raise Malformed("what is unpacked has another size or checksum")
        found.append(content)
    return found


def _unpack(raw: bytes, folder: _Folder) -> bytes:
    if folder.method == _COPY:
        return raw
    if folder.method == _DEFLATE:
        return zlib.decompressobj(-15).decompress(raw, folder.size + 1)
    if folder.method == _BZIP2:
        return bz2.BZ2Decompressor().decompress(raw, folder.size + 1)
    chain = [*({"id": one} for one in folder.filters), _filter(folder)]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain).decompress(raw, folder.size)


def _filter(folder: _Folder) -> dict[str, int]:
    """The settings of LZMA as `lzma` takes them; a dictionary no larger than what is unpacked."""
    if folder.method == _LZMA2:
        bits = folder.settings[0] if len(folder.settings) == 1 else 41
        if bits > 40:
            raise Malformed("settings of LZMA2 that are none")
        size = (2 | bits & 1) << bits // 2 + 11
        return {"id": lzma.FILTER_LZMA2, "dict_size": min(size, 64 << 20)}
    if len(folder.settings) != 5 or folder.settings[0] >= 225:
        raise Malformed("settings of LZMA that are none")
    first, size = folder.settings[0], int.from_bytes(folder.settings[1:], "little")
    lc, rest = first % 9, first // 9
    return {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": rest % 5, "pb": rest // 5, "dict_size": min(max(size, 4096), 64 << 20)}
