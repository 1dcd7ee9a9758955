"""Zips read strictly and in memory: nothing is ever extracted to disk.

Two readers can see two different archives in one crafted file: one takes the central directory, one
the local headers; one the last end record, one the first. So `directory` accepts only the plain
layout (entries from byte 0 without gaps or overlap, local headers that agree with the directory, one
end record at the very end) and names each deviation.
"""

import bz2
import lzma
import os
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import IO

MOST_ENTRIES = 100_000
MOST_DIRECTORY = 64 << 20
BOMB_BYTES = 256 << 20
BOMB_RATIO = 100
BOMB_LEAST = 8 << 20
STORED, DEFLATED = 0, 8


class BadArchive(ValueError):
    """Not a zip that can be read here; the text says why."""


@dataclass(frozen=True)
class Entry:
    """One file in a zip; sizes in bytes, ``offset`` of its local header, ``data`` of its first byte."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int
    data: int

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & 0x41)


@dataclass
class Directory:
    """Entries in central-directory order, with what is odd (``odd``) and what is an attack (``attacks``).

    ``further`` is where other end records stand than the one that counts.
    """

    entries: list[Entry] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    attacks: list[tuple[str, str]] = field(default_factory=list)
    further: list[int] = field(default_factory=list)

    def entry(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise BadArchive(f"no entry {name}")


@dataclass(frozen=True)
class _End:
    count: int
    size: int
    offset: int
    ends: int


def directory(stream: IO[bytes]) -> Directory:
    """Read and check the directory of the zip in ``stream`` (seekable).

    Raises
    ------
    BadArchive
        There is no readable directory, or it is over a bound (100,000 entries, 64 MiB).
    """
    found = Directory()
    size = stream.seek(0, os.SEEK_END)
    end = _end_record(stream, size, found)
    if end.count > MOST_ENTRIES or end.size > MOST_DIRECTORY:
        raise BadArchive(f"{end.count:,} entries in a directory of {end.size:,} bytes are over the bound")
    raw = _at(stream, end.offset, end.size)
    position = 0
    for _ in range(end.count):
        entry, position = _central(raw, position, stream, found)
        found.entries.append(entry)
    if position != end.size:
        found.odd.append(("zip directory", f"{end.size - position} bytes after its last entry"))
    _check_names(found)
    _check_further(stream, found)
    _check_layout(stream, found, end)
    _check_expansion(found, size)
    return found


def read(stream: IO[bytes], entry: Entry, most: int) -> bytes:
    """The content of ``entry`` with its checksum verified, if it has at most ``most`` bytes.

    Raises `BadArchive` for a larger, encrypted, damaged or unknowably packed entry; never inflates
    more than ``most`` bytes.
    """
    if entry.size > BOMB_LEAST and entry.size > 2 * BOMB_RATIO * max(entry.packed, 1):
        raise BadArchive(
            f"{entry.name} has {entry.packed:,} bytes that unpack to {entry.size:,}: a decompression bomb, or nearly empty data"
        )
    data = peek(stream, entry, min(most, entry.size) + 1)
    if len(data) > most:
        raise BadArchive(f"{entry.name} is over {most:,} bytes")
    if len(data) != entry.size:
        raise BadArchive(f"{entry.name} has {len(data):,} bytes, its header says {entry.size:,}")
    if zlib.crc32(data) != entry.crc:
        raise BadArchive(f"{entry.name} does not match its checksum")
    return data


def peek(stream: IO[bytes], entry: Entry, most: int) -> bytes:
    """The first ``most`` bytes of ``entry``, unverified."""
    if entry.encrypted:
        raise BadArchive(f"{entry.name} is encrypted")
    if entry.method == STORED:
        return _at(stream, entry.data, min(entry.packed, most), exact=False)
    if entry.method != DEFLATED:
        raise BadArchive(f"{entry.name} is packed by method {entry.method}, which is not read here")
    return _inflate(_at(stream, entry.data, min(entry.packed, most + (1 << 16)), exact=False), most, -15)


def first_bytes(head: bytes, most: int) -> bytes:
    """The first ``most`` bytes inside a zlib, gzip, bzip2, xz or lzma stream that starts with ``head``; empty where it is none."""
    try:
        if head[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(head, most)
        if head[:6] == b"\xfd7zXZ\x00" or head[:3] == b"\x5d\x00\x00":
            return lzma.LZMADecompressor(memlimit=128 << 20).decompress(head, most)
        return _inflate(head, most, 47)
    except (OSError, EOFError, ValueError, lzma.LZMAError, BadArchive):
        return b""


def safe_name(name: str) -> str:
    """Why ``name`` would leave the folder it is unpacked in, or empty."""
    if "\0" in name or any(ord(c) < 32 for c in name):
        return "control characters in its name"
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        return "an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return "a path that climbs out by '..'"
    return "a backslash in its name" if "\\" in name else ""


def _inflate(data: bytes, most: int, window: int) -> bytes:
    try:
        return zlib.decompressobj(window).decompress(data, most)
    except zlib.error as error:
        raise BadArchive(f"damaged compressed data ({error})") from error


def _at(stream: IO[bytes], offset: int, n: int, exact: bool = True) -> bytes:
    if offset < 0 or n < 0:
        raise BadArchive("an offset outside the file")
    try:
        stream.seek(offset)
        data = stream.read(n)
    except (OSError, ValueError, OverflowError) as error:
        raise BadArchive("an offset outside the file") from error
    if exact and len(data) != n:
        raise BadArchive("cut off")
    return data


def _end_record(stream: IO[bytes], size: int, found: Directory) -> _End:
    tail_at = max(0, size - 22 - 0xFFFF)
    tail = _at(stream, tail_at, size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise BadArchive("no end-of-directory record: cut off or no zip")
    disk, start_disk, here, count, cd_size, cd_offset, comment = struct.unpack("<4H2LH", tail[at + 4 : at + 22])
    if comment or at + 22 != len(tail):
        found.odd.append(("zip end record", "is not the last thing in the file, so readers may disagree on the directory"))
    if tail.count(b"PK\x05\x06") > 1 and not _inside_data(tail, at):
        found.further = [tail_at + i for i in range(at) if tail.startswith(b"PK\x05\x06", i)]
    if disk or start_disk or here != count:
        raise BadArchive("spans several disks")
    where = tail_at + at
    end = _End(count, cd_size, cd_offset, where)
    locator = tail[at - 20 : at] if at >= 20 else b""
    if locator[:4] == b"PK\x06\x07":
        end = _zip64_end(stream, locator, where)
    elif 0xFFFF in (count,) or 0xFFFFFFFF in (cd_size, cd_offset):
        raise BadArchive("needs a zip64 record that is not there")
    return end


def _check_further(stream: IO[bytes], found: Directory) -> None:
    """A second end record is the end of an archive that lies stored in this one, which a judge looks into; anything else is odd."""
    nested = [e for e in found.entries if e.method == STORED and _at(stream, e.data, 4, exact=False) == b"PK\x03\x04"]
    if any(not any(e.data <= place and place + 22 <= e.data + e.packed for e in nested) for place in found.further):
        found.odd.append(("zip end record", "there are several, so readers may disagree on the directory"))


def _inside_data(tail: bytes, at: int) -> bool:
    """Stray signature bytes in tensor data are chance; only one that points to a directory signature counts."""
    start = tail.find(b"PK\x05\x06")
    while 0 <= start < at:
        if b"PK\x01\x02" in tail[:start]:
            return False
        start = tail.find(b"PK\x05\x06", start + 1)
    return True


def _zip64_end(stream: IO[bytes], locator: bytes, where: int) -> _End:
    disk, offset, disks = struct.unpack("<LQL", locator[4:20])
    if disk or disks > 1:
        raise BadArchive("spans several disks")
    record = _at(stream, offset, 56)
    if record[:4] != b"PK\x06\x06" or offset + 56 != where - 20:
        raise BadArchive("its zip64 record is not where it is said to be")
    here, count, cd_size, cd_offset = struct.unpack("<4Q", record[24:56])
    if here != count:
        raise BadArchive("spans several disks")
    return _End(count, cd_size, cd_offset, offset)


def _decode(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & 0x800 else "cp437", "backslashreplace")


def _central(raw: bytes, at: int, stream: IO[bytes], found: Directory) -> tuple[Entry, int]:
    if raw[at : at + 4] != b"PK\x01\x02" or len(raw) < at + 46:
        raise BadArchive("its directory is damaged")
    needs, flags, method, _, _, crc, packed, size, n, extra_n, comment_n, disk, _, _, offset = struct.unpack(
        "<5H3L5H2L", raw[at + 6 : at + 46]
    )
    name_raw = raw[at + 46 : at + 46 + n]
    extra = raw[at + 46 + n : at + 46 + n + extra_n]
    after = at + 46 + n + extra_n + comment_n
    if after > len(raw):
        raise BadArchive("its directory is cut off")
    size, packed, offset = _zip64_sizes(extra, size, packed, offset)
    name = _decode(name_raw, flags)
    if disk or needs & 0xFF > 63:
        found.odd.append((name, "asks for another disk or a newer kind of zip"))
    local = _at(stream, offset, 30)
    if local[:4] != b"PK\x03\x04":
        raise BadArchive(f"{name[:80]} has no local header where the directory says")
    l_flags, l_method, _, _, l_crc, l_packed, l_size, l_n, l_extra_n = struct.unpack("<4H3L2H", local[6:30])
    rest = _at(stream, offset + 30, l_n + l_extra_n)
    if rest[:l_n] != name_raw or l_method != method or l_flags != flags:
        found.odd.append((name, "its local header and the directory disagree on name, method or flags"))
    if not flags & 8:
        l_size, l_packed, _ = _zip64_sizes(rest[l_n:], l_size, l_packed, 0)
        if (l_crc, l_packed, l_size) != (crc, packed, size):
            found.odd.append((name, "its local header and the directory disagree on size or checksum"))
    return Entry(name, method, flags, crc, packed, size, offset, offset + 30 + l_n + l_extra_n), after


def _zip64_sizes(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    at = 0
    while at + 4 <= len(extra):
        kind, n = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1:
            fields = iter(struct.unpack(f"<{n // 8}Q", extra[at + 4 : at + 4 + n // 8 * 8])) if at + 4 + n <= len(extra) else iter(())
            size = next(fields, size) if size == 0xFFFFFFFF else size
            packed = next(fields, packed) if packed == 0xFFFFFFFF else packed
            offset = next(fields, offset) if offset == 0xFFFFFFFF else offset
        at += 4 + n
    return size, packed, offset


def _check_names(found: Directory) -> None:
    for entry in found.entries:
        if why := safe_name(entry.name):
            found.attacks.append((entry.name, why))
        if entry.encrypted:
            found.odd.append((entry.name, "encrypted, so it cannot be looked at"))
    for name, n in Counter(e.name.casefold() for e in found.entries).items():
        if n > 1:
            found.attacks.append((name, f"the name occurs {n} times: which one is read depends on the reader"))


def _check_layout(stream: IO[bytes], found: Directory, end: _End) -> None:
    at = 0
    for entry in sorted(found.entries, key=lambda e: e.offset):
        gap = entry.offset - at
        if gap < 0:
            found.attacks.append((entry.name, "overlaps another entry"))
        elif gap:
            found.odd.append((entry.name, f"{gap:,} bytes before it that belong to no entry"))
        at = entry.data + entry.packed
        if entry.flags & 8:
            at += _descriptor(stream, at, entry)
    if at != end.offset:
        found.odd.append(("zip directory", f"{end.offset - at:,} bytes before it that belong to no entry"))
    if end.offset + end.size != end.ends:
        found.odd.append(("zip directory", "is not followed by the end record"))


def _descriptor(stream: IO[bytes], at: int, entry: Entry) -> int:
    """Length of the data descriptor after an entry that was written as a stream."""
    raw = _at(stream, at, 24, exact=False)
    for form in ("<4xLQQ", "<4xLLL", "<LQQ", "<LLL"):
        n = struct.calcsize(form)
        signed = not form.startswith("<4x") or raw[:4] == b"PK\x07\x08"
        if len(raw) >= n and signed and struct.unpack(form, raw[:n]) == (entry.crc, entry.packed, entry.size):
            return n
    return 0


def _check_expansion(found: Directory, size: int) -> None:
    total = sum(e.size for e in found.entries)
    if total > BOMB_BYTES and total > BOMB_RATIO * max(size, 1):
        found.odd.append(("zip", f"{size:,} bytes unpack to {total:,}: a decompression bomb, or nearly empty data"))
    for entry in found.entries:
        if entry.method == STORED and entry.packed != entry.size:
            found.odd.append((entry.name, "stored unpacked with two different sizes"))
