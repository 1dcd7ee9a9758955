"""Judging pickles: plain ones, several in a row, joblib's, and torch's old format."""

import io
import os
import pickletools
from typing import IO

from ..reason import Findings
from . import arguments, known
from .opcodes import walk
from .traces import traces
from .trust import BY_VALUE, ITEM_BYTES, TENSORS, executes, grade
from .values import Import, Walk

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MOST_PICKLES = 1000
Names = frozenset[tuple[str, str]]


def judge_pickle(stream: IO[bytes], findings: Findings) -> None:
    """Judge a file that is one pickle or several in a row."""
    walks = judge_stream(stream, findings, "", TENSORS)
    for found in walks:
        for inner in found.everything():
            if inner.persistent:
                findings.unproven(_at(inner, 0), "persistent ids", "a plain pickle has none; what they stand for, only its reader knows")
    if findings.worst == "note":
        findings.note("file", "only plain values and tensors", "every import is on the allowlist")


def judge_stream(stream: IO[bytes], findings: Findings, where: str, allowed: Names, tail_ok: bool = False) -> list[Walk]:
    """Judge every pickle from where ``stream`` stands to its end; returns the walks.

    ``tail_ok`` leaves bytes after the last pickle to the caller.
    """
    size = _size(stream)
    walks: list[Walk] = []
    while stream.tell() < size and len(walks) < MOST_PICKLES:
        start = stream.tell()
        found = walk(stream, progress=findings.progress, deadline=findings.deadline)
        if walks and found.error and not found.imports:
            stream.seek(start)
            if not tail_ok:
                findings.unproven(f"{where} byte {start}".strip(), f"{size - start:,} bytes after the pickle", "they belong to no pickle")
                judge_traces(stream, findings, where)
            return walks
        walks.append(found)
        judge_walk(found, findings, where, allowed)
        if found.error:
            judge_traces(stream, findings, where)
            return walks
    if stream.tell() < size:
        findings.unproven(where or "file", f"over {MOST_PICKLES:,} pickles in a row", "the rest was not looked at")
    return walks


def judge_walk(found: Walk, findings: Findings, where: str, allowed: Names) -> None:
    """Say of one walk what it imports, calls and does beside."""
    for inner in found.everything():
        called = {id(i): args for i, args in inner.calls}
        _judge_by_value(inner, findings, where)
        for one in inner.imports:
            if one.position in inner.binding - inner.reaching:
                findings.known(f"{where} byte {one.position}".strip(), f"{one} of a known method", "it binds the method and calls nothing")
                continue
            _judge_import(one, called.get(id(one)), findings, where, allowed)
        for odd in inner.odd:
            at = f"{where} byte {odd.position}".strip()
            if odd.hidden:
                findings.malicious(at, odd.what, "it can stand for any import, so it can run anything")
            else:
                findings.unproven(at, odd.what, "a file of tensors or plain values does not do this")
        if inner.error:
            findings.unproven(f"{where} byte {inner.end}".strip(), f"the pickle cannot be followed to its end: {inner.error}",
                              "what stands before a break runs all the same, and what comes after it was not seen")  # fmt: skip
        if inner is not found:
            findings.note(where or "file", "a pickle inside a byte string", "it was walked too")


def _judge_by_value(found: Walk, findings: Findings, where: str) -> None:
    """Functions that the file brings are malicious where their code names what reaches beyond a model."""
    brought = next((one for one in found.imports if one.module is not None and (one.module, one.name) in BY_VALUE), None)
    if brought is not None and found.words:
        at = f"{where} byte {brought.position}".strip()
        findings.malicious(
            at, f"code that names {', '.join(sorted(found.words))}", "a function that the file brings, and that reaches beyond the model"
        )


def _judge_import(one: Import, args: str | None, findings: Findings, where: str, allowed: Names) -> None:
    at = f"{where} byte {one.position}".strip()
    shown = f"{one}({args})" if args is not None else str(one)
    if one.module is None:
        findings.malicious(at, f"{one.opcode}: {shown}", "an import whose name is hidden until it is loaded can be any")
        return
    if (one.module, one.name) not in allowed and allowed is TENSORS and is_known(one.module, one.name):
        findings.known(at, str(one), "a known type of a usual library; its own code runs when the file is opened")
        return
    if f"{one.module}.{one.name}" in findings.own and not executes(one.module, one.name):
        findings.known(at, str(one), "a type on your own list; its own code runs when the file is opened")
        return
    level = grade(one.module, one.name, allowed)
    if level == "malicious":
        findings.malicious(at, shown, "loading the file would run this")
    elif level == "unproven":
        findings.unproven(at, str(one), "this import is not on the allowlist, and its code would run at loading")


def is_known(module: str, name: str) -> bool:
    """True for what a file of *known types* may import."""
    return known.is_class(module, name) or known.is_value(module, name) or arguments.is_called(module, name)


def judge_traces(stream: IO[bytes], findings: Findings, where: str) -> None:
    """Look through the rest of ``stream`` for imports in raw bytes, where no pickle can be followed."""
    kept, base = b"", stream.tell()
    while block := stream.read(1 << 20):
        findings.progress.check()
        data = kept + block
        for offset, name in traces(data):
            at = f"{where} byte {base - len(kept) + offset}".strip()
            findings.malicious(at, name, "written as a pickle writes an import that runs code")
        base += len(block)
        kept = data[-512:]


def judge_legacy(stream: IO[bytes], findings: Findings) -> None:
    """Judge torch's format before 1.6: five pickles, then the storages, each with its length, to the last byte."""
    walks = judge_stream(stream, findings, "", TENSORS, tail_ok=True)
    if len(walks) > 5:
        walks = walks[:5]
    if len(walks) < 5 or walks[0].first != MAGIC or walks[1].first != PROTOCOL or any(w.error for w in walks):
        findings.unproven("file", "not the five pickles of torch's old format", "it is cut off or was made by something else")
        judge_traces(stream, findings, "")
        return
    sizes: dict[str, int] = {}
    for pid in walks[3].persistent:
        if arguments.named_class(pid) is not None:
            continue
        if (one := storage_of(pid, 6)) is None:
            findings.unproven("file", "a persistent id that names no storage", "torch's old reader also takes source code by them")
            return
        sizes[one[0]] = one[1]
    if any(w.persistent for w in walks[:3] + walks[4:]):
        findings.unproven("file", "persistent ids outside the object", "torch writes none there")
    _judge_storages(stream, walks[4], sizes, findings)


def _judge_storages(stream: IO[bytes], keys: Walk, sizes: dict[str, int], findings: Findings) -> None:
    stream.seek(keys.start)
    ordered = texts(stream, keys)
    size = _size(stream)
    at = keys.end
    for key in ordered:
        stream.seek(at)
        count = int.from_bytes(stream.read(8), "little")
        width = sizes.get(key, 0)
        at += 8 + count * width
        if not width or at > size:
            findings.unproven("file", f"storage {key} does not fit the file", "the file is cut off or altered")
            return
    if at != size:
        findings.unproven(f"byte {at}", f"{size - at:,} bytes after the last storage", "they belong to nothing torch wrote")
        stream.seek(at)
        judge_traces(stream, findings, "")
    elif findings.worst == "note":
        findings.note("file", f"{len(ordered):,} storages, every byte accounted for", "only tensors and plain values")


def texts(stream: IO[bytes], found: Walk) -> list[str]:
    """The text literals of a small pickle, in order."""
    data = stream.read(min(found.end - found.start, 64 << 20))
    return [
        arg
        for opcode, arg, _ in pickletools.genops(io.BytesIO(data))
        if ("UNICODE" in opcode.name or "STRING" in opcode.name) and isinstance(arg, str)
    ]


def storage_of(pid: tuple[object, ...], length: int) -> tuple[str, int, int] | None:
    """(key, bytes per item, number of items) of a torch persistent id, or None where it is not one."""
    if len(pid) not in (5, length) or pid[0] != "storage":
        return None
    kind, key, count = pid[1], pid[2], pid[4]
    if not isinstance(kind, Import) or not isinstance(key, str) or type(count) is not int or count < 0:
        return None
    width = ITEM_BYTES.get(kind.name.removesuffix("Storage"))
    return (key, width, count) if width and kind.module in ("torch", "torch.cuda", "torch.storage") else None


def _size(stream: IO[bytes]) -> int:
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return size


def _at(found: Walk, position: int) -> str:
    return f"byte {found.start + position}"
