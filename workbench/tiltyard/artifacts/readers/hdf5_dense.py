"""Links and attributes that HDF5 keeps in a heap of their own: a fractal heap, and B-trees of version 2 that say where in it each lies.

From the HDF5 file format specification, version 3.0, sections III.A.2 and III.G. What an index of names and one of creation order lead to
is all read, for a reader may go by either. Objects outside the heap's blocks ("huge") and heaps behind filters are not read.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ..malformed import Malformed
from .cursor import Cursor
from .hdf5_parts import UNDEFINED, unpacked

MOST = 1_000_000
_RECORDS = {5: (11, 4, 7), 6: (15, 8, 7), 8: (17, 0, 8), 9: (13, 0, 8)}
"""Of each type of index: bytes of a record, where the heap's id begins in it, and how long it is."""


@dataclass(frozen=True)
class Heap:
    """A fractal heap: the file's places by the heap's own. ``blocks``: (first place in the heap, bytes, place in the file), in order."""

    offsets: int
    lengths: int
    blocks: tuple[tuple[int, int, int], ...]


def messages(at: Cursor, info: bytes, attributes: bool) -> Iterator[bytes]:
    """Every link or attribute message to which the ``info`` message of an object leads."""
    _, flags = unpacked("BB", info)
    place = 2 + bool(flags & 1) * (2 if attributes else 8)
    addresses = unpacked("QQ" + "Q" * bool(flags & 2), info, place)
    heap = _heap(at, addresses[0])
    seen: set[bytes] = set()
    for index in addresses[1:]:
        for identity, marks in _identities(at, index):
            if marks & 2:
                raise Malformed("an attribute that stands elsewhere, which is not read here")
            if identity not in seen:
                seen.add(identity)
                yield _object(at, heap, identity)


def _from(at: Cursor, address: int, mark: bytes) -> None:
    """Stand behind the mark and version of a block."""
    at.at = 0
    at.skip(address)
    if at.take(4) != mark or at.number("B") != 0:
        raise Malformed(f"no {mark.decode()} of version 0 at byte {address:,}")


def _heap(at: Cursor, address: int) -> Heap:
    _from(at, address, b"FRHP")
    length, filtered, _ = at.number("H"), at.number("H"), at.number("B")
    most_managed = at.number("I")
    at.skip(12 * 8)
    width, first, largest, bits, _, root, rows = struct.unpack("<HQQHHQH", at.take(32))
    powers = all(size and not size & (size - 1) for size in (width, first, largest))
    if filtered or length not in (7, 8) or not powers or largest < first or bits > 64 or largest > 1 << 32:
        raise Malformed("a heap behind a filter, or of sizes that are none")
    offsets = -(-bits // 8)
    lengths = -(-min(largest, most_managed or largest).bit_length() // 8)
    blocks: list[tuple[int, int, int]] = []
    if root != UNDEFINED:
        if rows:
            _indirect(at, (width, first, largest), offsets, root, rows, 0, blocks, 0)
        else:
            _direct(at, offsets, root, first, 0, blocks)
    return Heap(offsets, lengths, tuple(blocks))


def _direct(at: Cursor, offsets: int, address: int, size: int, start: int, blocks: list[tuple[int, int, int]]) -> None:
    _from(at, address, b"FHDB")
    at.skip(8)
    if int.from_bytes(at.take(offsets), "little") != start or address + size > at.size or len(blocks) >= MOST:
        raise Malformed("a block of a heap that is not where it should be")
    blocks.append((start, size, address))


def _indirect(
    at: Cursor,
    sizes: tuple[int, int, int],
    offsets: int,
    address: int,
    rows: int,
    start: int,
    blocks: list[tuple[int, int, int]],
    depth: int,
) -> None:
    width, first, largest = sizes
    direct_rows = (largest // first).bit_length() + 1
    if rows > 64 or depth > 8:
        raise Malformed("a heap of too many rows")
    _from(at, address, b"FHIB")
    at.skip(8)
    if int.from_bytes(at.take(offsets), "little") != start:
        raise Malformed("a block of a heap that is not where it should be")
    children = struct.unpack(f"<{rows * width}Q", at.take(8 * rows * width))
    for i, child in enumerate(children):
        row = i // width
        size = first << max(row - 1, 0)
        if child != UNDEFINED and row < direct_rows:
            _direct(at, offsets, child, size, start, blocks)
        elif child != UNDEFINED:
            inner = (size // (first * width)).bit_length()
            _indirect(at, sizes, offsets, child, inner, start, blocks, depth + 1)
        start += size


def _object(at: Cursor, heap: Heap, identity: bytes) -> bytes:
    kind = identity[0] >> 4
    if kind == 2:  # tiny: it stands in its own id
        size = (identity[0] & 15) + 1
        if size > len(identity) - 1:
            raise Malformed("an id of a heap that is cut off")
        return identity[1 : 1 + size]
    if kind != 0:
        raise Malformed("an object beside its heap, which is not read here")
    place = int.from_bytes(identity[1 : 1 + heap.offsets], "little")
    size = int.from_bytes(identity[1 + heap.offsets : 1 + heap.offsets + heap.lengths], "little")
    which = bisect_right(heap.blocks, place, key=lambda block: block[0]) - 1
    if which >= 0:
        start, length, address = heap.blocks[which]
        if place + size <= start + length:
            at.at = 0
            at.skip(address + place - start)
            return at.take(size)
    raise Malformed("an object outside its heap")


def _identities(at: Cursor, address: int) -> Iterator[tuple[bytes, int]]:
    """Id in the heap, and flags, of each record of a B-tree."""
    if address == UNDEFINED:
        return
    _from(at, address, b"BTHD")
    kind, node, record, depth, _, _, root, count, total = struct.unpack("<BIHHBBQHQ", at.take(29))
    if kind not in _RECORDS or _RECORDS[kind][0] != record or depth > 8 or node < 64:
        raise Malformed("an index of an unknown type")
    found = 0
    _, begin, length = _RECORDS[kind]
    if root != UNDEFINED:
        for raw in _nodes(at, (kind, node, record), depth, root, count):
            found += 1
            if found > MOST:
                raise Malformed(f"over {MOST:,} records in an index")
            yield raw[begin : begin + length], raw[8] if kind in (8, 9) else 0
    if found != total:
        raise Malformed("an index with another number of records than it says")


def _nodes(at: Cursor, sizes: tuple[int, int, int], depth: int, address: int, count: int) -> Iterator[bytes]:
    kind, node, record = sizes
    _from(at, address, b"BTIN" if depth else b"BTLF")
    if at.number("B") != kind or 10 + count * record > node:
        raise Malformed("a node of an index of another type")
    records = at.take(count * record)
    children: list[tuple[int, int]] = []
    if depth:
        numbers, totals = _pointers(node, record, depth)
        for _ in range(count + 1):
            children.append((at.number("Q"), int.from_bytes(at.take(numbers), "little")))
            at.skip(totals)
    for i in range(count):
        yield records[i * record : (i + 1) * record]
    for child, held in children:
        yield from _nodes(at, sizes, depth - 1, child, held)


def _pointers(node: int, record: int, depth: int) -> tuple[int, int]:
    """Bytes of the two numbers in a pointer to a child: its records, and those of all below it."""
    most = whole = (node - 10) // record
    numbers, totals = _width(most), 0
    for _ in range(1, depth):
        most = (node - 10 - (8 + numbers + totals)) // (record + 8 + numbers + totals)
        whole = (most + 1) * whole + most
        totals = _width(whole)
    return numbers, totals


def _width(number: int) -> int:
    return (number.bit_length() - 1) // 8 + 1
