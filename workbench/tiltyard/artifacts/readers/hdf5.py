"""HDF5, every object in it: groups, data sets within the file, attributes; nothing that leads to another file or loads a plugin.

Follows the HDF5 file format specification, version 3.0: superblocks 0, 2 and 3, object headers 1 and 2, groups as symbol tables or link
messages or in heaps of their own, data contiguous, compact or in chunks with a B-tree of version 1. What the newer library can write beside is unproven.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from . import hdf5_dense
from . import hdf5_parts as parts
from .cursor import Cursor
from .keras_attributes import judge_attribute

MOST_OBJECTS = 1_000_000
UNDEFINED = (1 << 64) - 1
WHY_OUTSIDE = "opening it would read a file that it names"
_SYMBOLS, _SPACE, _TYPE, _LINK_INFO, _LINK, _EXTERNAL, _LAYOUT, _FILTERS = 0x11, 1, 3, 2, 6, 7, 8, 0xB
_ATTRIBUTE, _CONTINUED, _ATTRIBUTES, _SHARED_TABLE, _DRIVER = 0xC, 0x10, 0x15, 0xF, 0x14
_IGNORED = frozenset({0, 4, 5, 0xA, 0xD, 0xE, 0x12, 0x13, 0x16})
Attributes = Callable[[str, str, bytes], None]


@dataclass
class _Object:
    """The messages of one object by type."""

    messages: dict[int, list[bytes]] = field(default_factory=dict)

    def first(self, kind: int) -> bytes | None:
        return next(iter(self.messages.get(kind, ())), None)


def judge_hdf5(stream: IO[bytes], findings: Findings) -> None:
    """Are all its objects numbers and text that lie within the file, and its Keras layers Keras's own?"""

    def attribute(where: str, name: str, value: bytes) -> None:
        judge_attribute(where, name, value, findings)

    try:
        count = walk(stream, findings, attribute)
    except Malformed as error:
        findings.unproven("file", str(error), "it cannot be followed to its end: cut off, altered, or of a kind not read here")
        return
    if findings.worst == "note":
        findings.note("file", f"{count:,} groups and data sets", "numbers and text, all within the file")


def walk(stream: IO[bytes], findings: Findings, attribute: Attributes) -> int:
    """Visit every object; the number of them. Raises `Malformed` where one cannot be followed."""
    reader = _Reader(Cursor(stream, ahead=1 << 12), findings, attribute)
    todo = [(reader.root(), "/")]
    seen: set[int] = set()
    while todo:
        address, name = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > MOST_OBJECTS:
            raise Malformed(f"over {MOST_OBJECTS:,} objects")
        findings.progress.check()
        todo += reader.visit(address, name)
    return len(seen)


class _Reader:
    def __init__(self, at: Cursor, findings: Findings, attribute: Attributes) -> None:
        self.at, self.findings, self.attribute = at, findings, attribute

    def root(self) -> int:
        """The address of the root group."""
        at = self.at
        if at.take(8) != b"\x89HDF\r\n\x1a\n":
            raise Malformed("no HDF5")
        version = at.number("B")
        if version in (0, 1):
            at.skip(4)
            widths = (at.number("B"), at.number("B"))
            at.skip(9 + 4 * (version == 1))
            base, _, end, driver = (at.number("Q") for _ in range(4))
            at.skip(8)
        elif version in (2, 3):
            widths = (at.number("B"), at.number("B"))
            at.skip(1)
            base, driver, end = (at.number("Q") for _ in range(3))
        else:
            raise Malformed(f"a superblock of version {version}")
        if widths != (8, 8) or base != 0 or driver != UNDEFINED:
            raise Malformed("addresses that are not from its first byte, or a driver of its own")
        if end != at.size:
            raise Malformed(f"it is said to end at byte {end:,}; the file has {at.size:,}")
        return at.number("Q")

    def visit(self, address: int, name: str) -> list[tuple[int, str]]:
        """Judge one object; the objects it leads to."""
        found = self.messages(address)
        if found.messages.get(_EXTERNAL):
            self.findings.malicious(name, "data in another file", WHY_OUTSIDE, rule="hdf5-external")
        for raw in found.messages.get(_ATTRIBUTE, ()):
            self.attributes(raw, name)
        if (info := found.first(_ATTRIBUTES)) is not None and parts.dense(info, attributes=True):
            for raw in hdf5_dense.messages(self.at, info, attributes=True):
                self.attributes(raw, name)
        if found.first(_LAYOUT) is not None:
            self.data(found, name)
        return self.links(found, name)

    def messages(self, address: int) -> _Object:
        at, found = self.at, _Object()
        at.at = 0
        at.skip(address)
        modern = at.take(4) == b"OHDR"
        blocks = [parts.first_block(at, address, modern)]
        while blocks:
            if len(blocks) > 1000 or sum(map(len, found.messages.values())) > 100_000:
                raise Malformed("an object with too many messages")
            start, length, flags = blocks.pop()
            for kind, shared, raw in parts.messages(at, start, length, modern, flags):
                if kind == _CONTINUED:
                    blocks.append(parts.continued(raw, modern, flags))
                elif shared or kind in (_SHARED_TABLE, _DRIVER):
                    raise Malformed("a message that stands elsewhere, which is not read here")
                elif kind not in _IGNORED:
                    found.messages.setdefault(kind, []).append(raw)
        known = {_SYMBOLS, _SPACE, _TYPE, _LINK_INFO, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _ATTRIBUTES}
        if unknown := set(found.messages) - known:
            raise Malformed(f"a message of the unknown kind {min(unknown)}")
        return found

    def attributes(self, raw: bytes, name: str) -> None:
        key, kind, space, data = parts.attribute(raw)
        count = math.prod(parts.shape(space))
        type_ = parts.datatype(kind)
        if type_.variable:
            for i in range(min(count, 100_000)):
                self.attribute(name, key, self.heap(data[16 * i : 16 * i + 16]))
        elif type_.text:
            if len(data) < count * type_.size:
                raise Malformed(f"{name}: the attribute {key[:40]!r} is cut off")
            for i in range(count):
                self.attribute(name, key, data[i * type_.size : (i + 1) * type_.size].rstrip(b"\0"))

    def heap(self, reference: bytes) -> bytes:
        """A text of variable length, out of the global heap."""
        length, address, index = parts.reference(reference)
        if not length:
            return b""
        at = self.at
        at.at = 0
        at.skip(address)
        if at.take(4) != b"GCOL":
            raise Malformed("a text that lies in no heap")
        at.skip(4)
        stop = address + at.number("Q")
        while at.at + 16 <= min(stop, at.size):
            number = at.number("H")
            at.skip(6)
            size = at.number("Q")
            if number == index:
                return at.take(min(size, length))
            if not number:
                break
            at.skip(-(-size // 8) * 8)
        raise Malformed("a text that its heap has not")

    def data(self, found: _Object, name: str) -> None:
        space, kind = found.first(_SPACE), found.first(_TYPE)
        if space is None or kind is None:
            raise Malformed(f"{name}: data without shape or type")
        type_ = parts.datatype(kind)
        filters = parts.filters(found.first(_FILTERS))
        if unknown := filters - parts.FILTERS:
            self.findings.unproven(name, f"the filter {min(unknown)}", "HDF5 would load a plugin for it", rule="hdf5-filter")
        layout = parts.layout(found.first(_LAYOUT) or b"")
        if layout.kind == "virtual":
            self.findings.malicious(name, "a virtual data set", WHY_OUTSIDE, rule="hdf5-external")
            return
        count = math.prod(parts.shape(space))
        stored = self.chunks(layout, filters) if layout.kind == "chunked" else self.stored(layout, name)
        if count * type_.size > max(stored, 1 << 20):
            raise Malformed(f"{name}: {count * type_.size:,} bytes of data, for which the file has {stored:,}")

    def stored(self, layout: parts.Layout, name: str) -> int:
        if layout.kind == "contiguous" and layout.address != UNDEFINED and layout.address + layout.size > self.at.size:
            raise Malformed(f"{name}: data outside the file")
        return layout.size if layout.address != UNDEFINED else 0

    def chunks(self, layout: parts.Layout, filters: set[int]) -> int:
        """Bytes that the chunks unpack to, each no more than its own bytes justify."""
        seen: set[int] = set()
        total, todo = 0, [layout.address] if layout.address != UNDEFINED else []
        while todo:
            address = todo.pop()
            if address in seen or len(seen) > MOST_OBJECTS:
                raise Malformed("chunks in a circle")
            seen.add(address)
            level, entries = parts.chunk_node(self.at, address, layout.rank)
            for size, place in entries:
                if level:
                    todo.append(place)
                    continue
                if place + size > self.at.size or (layout.size > size * 1100 + 64 if filters else layout.size > size):
                    raise Malformed("a chunk outside the file, or of more than its bytes justify")
                total += layout.size
        return total

    def links(self, found: _Object, name: str) -> list[tuple[int, str]]:
        kept = list(found.messages.get(_LINK, ()))
        if (info := found.first(_LINK_INFO)) is not None and parts.dense(info, attributes=False):
            kept += hdf5_dense.messages(self.at, info, attributes=False)
        made = []
        for raw in kept:
            link = parts.link(raw)
            if link.kind == "external":
                self.findings.malicious(name, f"a link {link.name!r} to another file", WHY_OUTSIDE, rule="hdf5-external")
            elif link.kind == "hard":
                made.append((link.address, f"{name.rstrip('/')}/{link.name}"))
            elif link.kind != "soft":
                self.findings.unproven(name, f"a {link.kind} link {link.name!r}", "neither Keras nor h5py's users write them for weights")
        for raw in found.messages.get(_SYMBOLS, ()):
            made += self.symbols(raw, name)
        return made

    def symbols(self, raw: bytes, name: str) -> list[tuple[int, str]]:
        tree, heap = parts.two(raw)
        texts = parts.local_heap(self.at, heap)
        seen: set[int] = set()
        made: list[tuple[int, str]] = []
        todo = [tree]
        while todo:
            address = todo.pop()
            if address in seen or len(seen) > MOST_OBJECTS:
                raise Malformed("a group in a circle")
            seen.add(address)
            level, children = parts.group_node(self.at, address)
            if level:
                todo += children
                continue
            for child in children:
                for offset, header, soft in parts.symbol_node(self.at, child):
                    link = BytesIO(texts[offset:]).read(4096).split(b"\0")[0].decode("utf-8", "backslashreplace")
                    if not soft:  # a soft link names another object of this file, which is judged where it lies
                        made.append((header, f"{name.rstrip('/')}/{link}"))
        return made
