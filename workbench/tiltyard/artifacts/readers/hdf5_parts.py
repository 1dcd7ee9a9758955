"""The pieces of an HDF5 file, each from its bytes; `hdf5` puts them together."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..malformed import Malformed
from .cursor import Cursor

UNDEFINED = (1 << 64) - 1
FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""Deflate, shuffle, Fletcher32, szip, n-bit and scale-offset are HDF5's own, LZF h5py's; any other is a plugin."""
Block = tuple[int, int, int]


@dataclass(frozen=True)
class Datatype:
    """Bytes of one item; whether it is text of that length or of any."""

    size: int
    text: bool = False
    variable: bool = False


@dataclass(frozen=True)
class Layout:
    """Where the data lie. ``size``: their bytes, or those of one chunk. ``rank``: dimensions of a chunk, the item's own with them."""

    kind: str
    address: int = UNDEFINED
    size: int = 0
    rank: int = 0


@dataclass(frozen=True)
class Link:
    """A link by its name; ``address`` of a hard one."""

    name: str
    kind: str
    address: int = 0


def unpacked(code: str, raw: bytes, at: int = 0) -> tuple[int, ...]:
    """Numbers out of a message; refused where it is too short."""
    try:
        found: tuple[int, ...] = struct.unpack_from("<" + code, raw, at)
    except struct.error:
        raise Malformed("a message that is cut off") from None
    return found


def first_block(at: Cursor, address: int, modern: bool) -> Block:
    """Start and length of an object's first messages, and the header's flags."""
    at.at = address
    if not modern:
        if at.number("B") != 1:
            raise Malformed(f"no object at byte {address:,}")
        at.skip(7)
        return address + 16, at.number("I"), 0
    at.skip(4)
    if at.number("B") != 2:
        raise Malformed("an object header of an unknown version")
    flags = at.number("B")
    at.skip(16 * bool(flags & 0x20) + 4 * bool(flags & 0x10))
    length = int.from_bytes(at.take(1 << (flags & 3)), "little")
    return at.at, length, flags


def continued(raw: bytes, modern: bool, flags: int) -> Block:
    """Where an object's messages go on."""
    offset, length = unpacked("QQ", raw)
    return (offset + 4, length - 8, flags) if modern else (offset, length, flags)


def messages(at: Cursor, start: int, length: int, modern: bool, flags: int) -> Iterator[tuple[int, bool, bytes]]:
    """Type, whether it stands elsewhere, and content of each message in a block."""
    at.at = 0
    at.skip(start)
    block = at.take(length)
    place, head = 0, (4 + 2 * bool(flags & 4)) if modern else 8
    while place + head <= len(block):
        if modern:
            kind, size, marks = unpacked("BHB", block, place)
        else:
            kind, size, marks = unpacked("HHB", block, place)
        place += head
        if place + size > len(block):
            raise Malformed("a message runs past its object")
        yield kind, bool(marks & 2), block[place : place + size]
        place += size


def shape(raw: bytes) -> tuple[int, ...]:
    """The dimensions of a data space."""
    version, rank = unpacked("BB", raw)
    if version not in (1, 2) or rank > 32:
        raise Malformed("a data space of an unknown version")
    if version == 2 and raw[3:4] == b"\2":
        return (0,)
    return unpacked(f"{rank}Q", raw, 8 if version == 1 else 4)


def datatype(raw: bytes) -> Datatype:
    """A type of numbers or text; `Malformed` for references, opaque bytes and sequences of any length."""
    mixed, bits, _, _, size = unpacked("BBBBI", raw)
    kind = mixed & 15
    if kind == 9:
        if bits & 15 != 1:
            raise Malformed("data of varying length that is no text")
        return Datatype(16, text=True, variable=True)
    if kind in (5, 7) or kind > 10 or not size:
        raise Malformed("data of opaque bytes, references or an unknown type")
    return Datatype(size, text=kind == 3)


def attribute(raw: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Name, type, space and data of an attribute."""
    version, flags, names, types, spaces = unpacked("BBHHH", raw)
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise Malformed("an attribute of an unknown version, or one whose type stands elsewhere")
    place, step = 8 + (version == 3), 8 if version == 1 else 1
    pieces = []
    for size in (names, types, spaces):
        pieces.append(raw[place : place + size])
        place += -(-size // step) * step
    if place > len(raw):
        raise Malformed("an attribute that is cut off")
    return pieces[0].split(b"\0")[0].decode("utf-8", "backslashreplace"), pieces[1], pieces[2], raw[place:]


def reference(raw: bytes) -> tuple[int, int, int]:
    """Length, heap and index of a text of any length."""
    length, address, index = unpacked("IQI", raw)
    return length, address, index


def filters(raw: bytes | None) -> set[int]:
    """The filters of a pipeline by number."""
    if raw is None:
        return set()
    version, count = unpacked("BB", raw)
    place, found = 8 if version == 1 else 2, set()
    for _ in range(count):
        (number,) = unpacked("H", raw, place)
        named = version == 1 or number >= 256
        (length,) = unpacked("H", raw, place + 2) if named else (0,)
        place += 4 if named else 2
        _, values = unpacked("HH", raw, place)
        place += 4 + (-(-length // 8) * 8 if version == 1 else length) + 4 * values + 4 * (version == 1 and values % 2)
        found.add(number)
    return found


def layout(raw: bytes) -> Layout:
    """Where data lie."""
    version, kind = unpacked("BB", raw)
    if version == 4 and kind == 3:
        return Layout("virtual")
    if version not in (3, 4) or (version == 4 and kind == 2):
        raise Malformed("data laid out in a way that is not read here")
    if kind == 0:
        return Layout("compact", 0, unpacked("H", raw, 2)[0])
    if kind == 1:
        address, size = unpacked("QQ", raw, 2)
        return Layout("contiguous", address, size)
    if kind != 2:
        raise Malformed("data laid out in an unknown way")
    rank, address = unpacked("BQ", raw, 2)
    size = 1
    for one in unpacked(f"{rank}I", raw, 11):
        size *= one
    return Layout("chunked", address, size, rank)


def chunk_node(at: Cursor, address: int, rank: int) -> tuple[int, list[tuple[int, int]]]:
    """The level of a node of a chunks' B-tree, and of each entry its bytes and its place."""
    level, count = _node(at, address, 1)
    found = []
    for _ in range(count):
        size = at.number("I")
        at.skip(4 + 8 * rank)
        found.append((size, at.number("Q")))
    return level, found


def group_node(at: Cursor, address: int) -> tuple[int, list[int]]:
    """The level of a node of a group's B-tree, and where its children lie."""
    level, count = _node(at, address, 0)
    found = []
    for _ in range(count):
        at.skip(8)
        found.append(at.number("Q"))
    return level, found


def _node(at: Cursor, address: int, kind: int) -> tuple[int, int]:
    at.at = 0
    at.skip(address)
    if at.take(4) != b"TREE" or at.number("B") != kind:
        raise Malformed(f"no B-tree at byte {address:,}")
    level, count = at.number("B"), at.number("H")
    at.skip(16)
    return level, count


def symbol_node(at: Cursor, address: int) -> list[tuple[int, int, bool]]:
    """Of each entry of a group: where its name stands, its object, whether it is a soft link."""
    at.at = 0
    at.skip(address)
    if at.take(4) != b"SNOD":
        raise Malformed(f"no symbols at byte {address:,}")
    at.skip(2)
    found = []
    for _ in range(at.number("H")):
        offset, header, cache = at.number("Q"), at.number("Q"), at.number("I")
        at.skip(20)
        found.append((offset, header, cache == 2))
    return found


def local_heap(at: Cursor, address: int) -> bytes:
    """The names of a group."""
    at.at = 0
    at.skip(address)
    if at.take(4) != b"HEAP":
        raise Malformed(f"no heap at byte {address:,}")
    at.skip(4)
    size = at.number("Q")
    at.skip(8)
    place = at.number("Q")
    at.at = 0
    at.skip(place)
    return at.take(size)


def two(raw: bytes) -> tuple[int, int]:
    """Two addresses."""
    first, second = unpacked("QQ", raw)
    return first, second


def dense(raw: bytes, attributes: bool) -> bool:
    """Whether links or attributes lie in a heap of their own."""
    _, flags = unpacked("BB", raw)
    (heap,) = unpacked("Q", raw, 2 + bool(flags & 1) * (2 if attributes else 8))
    return heap != UNDEFINED


def link(raw: bytes) -> Link:
    """A link message."""
    _, flags = unpacked("BB", raw)
    place = 2
    kind = 0
    if flags & 8:
        (kind,) = unpacked("B", raw, place)
        place += 1
    place += 8 * bool(flags & 4) + bool(flags & 0x10)
    width = 1 << (flags & 3)
    length = int.from_bytes(raw[place : place + width], "little")
    place += width
    name = raw[place : place + length].decode("utf-8", "backslashreplace")
    if kind == 0:
        return Link(name, "hard", unpacked("Q", raw, place + length)[0])
    return Link(name, {1: "soft", 64: "external"}.get(kind, "user-defined"))
