"""Judging formats that are one stream: arrays, graphs, tables, and those whose reader is not ours to vouch for."""

import base64
import binascii
import bz2
import gzip
import io
import lzma
import os
import re
import zlib
from pathlib import Path
from typing import IO

from .. import text
from ..headers import BadHeader, read_npy, read_safetensors
from ..reason import Findings
from ..sniffing import tar_header, text_pickle
from . import onnx_model
from .opcodes import walk
from .pickles import judge_pickle, judge_traces, judge_walk
from .trust import TENSORS

MOST_UNPACKED = 256 << 20
LEAST_UNPACKED = 8 << 20
_COMMAND = re.compile(rb"""(?:^|[\n,;\t"'])[ ]*[=+@-][ ]*[A-Za-z]{2,20}\|""")
_PYTHON_TYPE = (b"arrow.py_extension_type", b"PyExtensionType")


def judge_safetensors(stream: IO[bytes], findings: Findings) -> None:
    """Is the header whole and do the tensors fill the file?"""
    try:
        found = read_safetensors(stream)
    except BadHeader as error:
        findings.unproven("header", str(error), "it breaks the safetensors specification: cut off, altered, or no safetensors file")
        stream.seek(0)
        judge_traces(stream, findings, "")
        return
    if found.metadata:
        from ..documents import judge_metadata  # late: most files need none of its readers

        judge_metadata(found.metadata, findings, "metadata")
    findings.note("header", f"{found.count:,} tensors, {found.data:,} bytes, all accounted for", "the format holds only numbers and text")


def judge_npy(stream: IO[bytes], findings: Findings, where: str = "file") -> None:
    """Is it numbers alone, without objects?"""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    try:
        found = read_npy(stream, size)
    except BadHeader as error:
        findings.unproven(where, str(error), "NumPy would refuse it or read it differently")
        stream.seek(0)
        judge_traces(stream, findings, where)
        return
    if not found.objects:
        findings.note(where, f"array {found.shape} of {found.descr}", "numbers only")
        return
    findings.unproven(where, "an array of Python objects", "NumPy stores those as a pickle; read with allow_pickle=False it is refused")
    stream.seek(found.start)
    judge_walk(walk(stream, progress=findings.progress), findings, where, TENSORS)
    judge_traces(stream, findings, where)


def judge_onnx(stream: IO[bytes], findings: Findings) -> None:
    """Does the graph read no file but its own?"""
    try:
        model = onnx_model.read(stream, findings.progress)
    except onnx_model.NotOnnx as error:
        findings.unproven("graph", str(error), "the protobuf cannot be followed to its end")
        return
    for entry in model.external:
        _judge_external(entry, findings, findings.path)
    for domain, name in onnx_model.executing(model):
        findings.malicious("graph", f"{domain}::{name}", "this operator calls Python or another runtime")
    for domain, name in onnx_model.foreign(model):
        findings.unproven("graph", f"{domain}::{name}", "an operator that needs native code from elsewhere")
    if findings.worst == "note":
        findings.note("graph", f"{model.nodes:,} nodes, {model.tensors:,} tensors", "only standard operators, no code of its own")


def _judge_external(entry: dict[str, str], findings: Findings, path: Path | None) -> None:
    location = entry.get("location", "")
    if why := onnx_model.location_problem(location):
        findings.malicious(
            "graph", f"weights at {location!r}", f"{why}: loading would read outside the model's folder", rule="path-outside"
        )
        return
    weights = path.parent / location if path is not None and location else None
    if weights is None or not weights.is_file():
        findings.unproven("graph", f"weights in another file {location!r}", "it is not there to look at")
    elif path is not None and not weights.resolve().is_relative_to(path.parent.resolve()):
        findings.malicious("graph", f"weights at {location!r}", "a link that leads outside the model's folder", rule="path-outside")
    elif not _fits(entry, weights.stat().st_size):
        findings.unproven("graph", f"weights in {location!r}", "offset or length is outside that file")
    else:
        findings.note("graph", f"weights in another file {location!r}", "raw numbers; not part of this file's hash")


def _fits(entry: dict[str, str], size: int) -> bool:
    offset, length = entry.get("offset", "0"), entry.get("length", "0")
    return offset.isdecimal() and length.isdecimal() and len(offset + length) < 40 and int(offset) + int(length) <= size


def judge_parquet(stream: IO[bytes], findings: Findings) -> None:
    """Tables of numbers and text; pyarrow before 14.0.1 unpickled one kind of metadata (CVE-2023-47248)."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    length = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != b"PAR1" or length > min(size - 12, 256 << 20):
        findings.unproven("footer", "no parquet footer at the end", "cut off, encrypted, or no parquet file")
        return
    stream.seek(size - 8 - length)
    footer = stream.read(length)
    if any(_mentions(footer, name) for name in _PYTHON_TYPE):
        findings.malicious("footer", "a Python extension type", "pyarrow before 14.0.1 unpickles it at reading (CVE-2023-47248)")
    else:
        findings.note("footer", "a table", "columns of plain values; nothing in it is run")


def _mentions(footer: bytes, name: bytes) -> bool:
    if name in footer:
        return True
    for run in re.findall(rb"[A-Za-z0-9+/]{64,}", footer):
        for skip in range(4):
            part = run[skip : skip + (len(run) - skip) // 4 * 4]
            try:
                if name in base64.b64decode(part):
                    return True
            except binascii.Error:
                continue
    return False


def judge_text(stream: IO[bytes], findings: Findings) -> None:
    """Text holds no code that a reader runs."""
    stream.seek(0)
    head = stream.read(64 << 10)
    if text.is_table(head) and _text_throughout(stream):
        stream.seek(0)
        if _COMMAND.search(stream.read(16 << 20)):
            findings.unproven("file", "a cell that starts a program", "spreadsheet programs run such a formula", rule="hidden-program")
        findings.note("file", f"a table as text ({text.encoding(head)})", "nothing in it is run when it is read")
    else:
        findings.unproven("file", "text that is no table", "it may be a program, or instructions for one")


def _text_throughout(stream: IO[bytes]) -> bool:
    """No zero byte and no other sign of a program or archive up to the end, unless all of it is UTF-16."""
    stream.seek(0)
    wide = stream.read(2) in (b"\xff\xfe", b"\xfe\xff")
    while block := stream.read(1 << 20):
        if not wide and b"\0" in block:
            return False
    return True


def judge_empty(stream: IO[bytes], findings: Findings) -> None:
    """A file without a byte."""
    findings.unproven("file", "it is empty", "there is nothing to load: a cut-off copy or download")


def judge_joblib(stream: IO[bytes], findings: Findings) -> None:
    """A joblib pickle, compressed or not."""
    first = stream.read(1)
    stream.seek(0)
    (judge_packed if first != b"\x80" else judge_pickle)(stream, findings)


def judge_packed(stream: IO[bytes], findings: Findings) -> None:
    """A compressed stream: unpacked in memory up to 256 MiB, then judged by what is inside."""
    inner = _unpacked(stream, findings)
    if inner is None:
        return
    head = inner.read(64 << 10)
    inner.seek(0)
    if head[:1] == b"\x80" or text_pickle(inner):
        inner.seek(0)
        judge_pickle(inner, findings)
    elif tar_header(head):
        from ..readers.tars import judge_tar

        judge_tar(inner, findings)
    elif text.plausible(head):
        judge_text(inner, findings)
    else:
        findings.unproven("inside", "compressed data of an unknown kind", "there is no reader here that could show it safe")
        inner.seek(0)
        judge_traces(inner, findings, "inside")


def _unpacked(stream: IO[bytes], findings: Findings) -> io.BytesIO | None:
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    try:
        data = _unpack(stream, magic)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MemoryError) as error:
        findings.unproven("file", f"it cannot be unpacked ({type(error).__name__})", "damaged, or packed in a way not read here")
        return None
    if len(data) > bound_of(stream):
        findings.unproven(
            "file",
            f"it unpacks to over {len(data) - 1:,} bytes",
            "a hundred times its size, or 256 MiB, is all that is unpacked to be looked at",
        )
        return None
    return io.BytesIO(data)


def unpacked(content: bytes) -> io.BytesIO:
    """The inside of a compressed stream; raises `ValueError` where it is over its bound, or of an unknown compression."""
    stream = io.BytesIO(content)
    data = _unpack(stream, content[:6])
    if len(data) > bound_of(stream):
        raise ValueError("it unpacks to more than its bound")
    return io.BytesIO(data)


def bound_of(stream: IO[bytes]) -> int:
    """How many bytes a packed stream may unpack to: in proportion to its size, so that a scan costs memory in proportion too."""
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return min(MOST_UNPACKED, max(LEAST_UNPACKED, 100 * size))


def _unpack(stream: IO[bytes], magic: bytes) -> bytes:
    most = bound_of(stream) + 1
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=stream).read(most)
    if magic[:3] == b"BZh":
        return bz2.BZ2File(stream).read(most)
    if magic == b"\xfd7zXZ\x00" or magic[:3] == b"\x5d\x00\x00":
        return lzma.LZMAFile(stream).read(most)
    if magic[:1] == b"\x78":
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(stream.read(most), most)
        if len(data) < most and (not unpacker.eof or unpacker.unused_data):
            raise ValueError("bytes after the end")
        return data
    raise ValueError("unknown compression")
