"""Two files in one: every other reading of a file that a usual loader would make. Each is judged, and the worst counts.

zipfile, skops, Keras and torch look for a zip's end in the last 65,557 bytes; HDF5 for its signature at 0, 512, 1,024, 2,048 and so
on; tar at the first block; self-extracting 7z and RAR readers in the first megabyte; an unpickler at the first byte.
"""

import io
import os
import struct
from typing import IO

from .formats import FORMATS, Format
from .judges.pickles import judge_pickle
from .reason import Findings
from .sniffing import HEAD, tar_header, text_pickle

HDF5 = b"\x89HDF\r\n\x1a\n"
_END = b"PK\x05\x06"
_TAIL = 22 + 0xFFFF
_MOST_ENDS = 16
_MOST_INNER = 64 << 20
_PACKED = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR"}


def judge_doubles(found: Format, stream: IO[bytes], findings: Findings) -> None:
    """Judge ``stream``, which was taken for ``found``, as all else that it can be taken for."""
    if found is Format.EMPTY:
        return
    stream.seek(0)
    head = stream.read(HEAD)
    if found is not Format.TAR and tar_header(head):
        findings.unproven("file", f"it is {found} and a tar archive at once", "torch tries tar first", rule="two-formats")
    _judge_hdf5(found, stream, findings)
    container = FORMATS[found].container
    if container == "zip":
        return
    if container != "pickle" and text_pickle(stream):
        findings.unproven("file", f"it is {found} and a pickle at once", "an unpickler would run it", rule="two-formats")
        stream.seek(0)
        judge_pickle(stream, findings)
    for start, end in zips(stream):
        _judge_zip(found, stream, start, end, findings)
    _judge_packed(found, stream, findings)


def _judge_hdf5(found: Format, stream: IO[bytes], findings: Findings) -> None:
    size = stream.seek(0, os.SEEK_END)
    at = 0 if found is not Format.HDF5 else 512
    while at + 8 <= size:
        stream.seek(at)
        if stream.read(8) == HDF5:
            findings.unproven(
                f"byte {at}",
                f"it is {found} and HDF5 at once",
                "HDF5's reader finds its signature there, behind what comes before",
                rule="two-formats",
            )
            from .readers.hdf5 import judge_hdf5  # late: most files are no two

            judge_hdf5(stream, findings)
        at = 512 if at == 0 else at * 2


def zips(stream: IO[bytes]) -> list[tuple[int, int]]:
    """Start and end, in bytes, of every zip whose end record a reader could find, the last first; a comment may have any length."""
    size = stream.seek(0, os.SEEK_END)
    base = max(0, size - _TAIL)
    stream.seek(base)
    tail = stream.read(_TAIL)
    found: list[tuple[int, int]] = []
    at = tail.rfind(_END)
    while at >= 0 and len(found) < _MOST_ENDS:
        if len(tail) - at >= 22 and (start := _start(stream, base + at, tail[at : at + 22])) is not None:
            found.append((start, base + at))
        at = tail.rfind(_END, 0, at)
    return found


def _start(stream: IO[bytes], where: int, record: bytes) -> int | None:
    """Where the zip with this end record begins, or None where nothing like a directory is before it."""
    count, cd_size, cd_offset = struct.unpack("<H2L", record[10:20])
    if 0xFFFFFFFF in (cd_size, cd_offset) or count == 0xFFFF:
        stream.seek(max(0, where - 20))
        return 0 if stream.read(4) == b"PK\x06\x07" else None
    begins = where - cd_size - cd_offset
    if cd_size > where:
        return None
    stream.seek(where - cd_size)
    listed = stream.read(4) == b"PK\x01\x02"
    return max(begins, 0) if listed or (count == 0 and cd_size == 0) else None


def _judge_zip(found: Format, stream: IO[bytes], start: int, end: int, findings: Findings) -> None:
    findings.unproven(f"byte {start}", f"it is {found} and a zip at once", "a zip reader starts at the end of the file", rule="two-formats")
    if end - start > _MOST_INNER:
        return
    from .judges.zips import judge_zip  # late: most files are no two

    stream.seek(start)
    judge_zip(io.BytesIO(stream.read(end + 22 - start)), findings)


def _judge_packed(found: Format, stream: IO[bytes], findings: Findings) -> None:
    stream.seek(0)
    head = stream.read(1 << 20)
    for magic, name in _PACKED.items():
        if head.find(magic, 1) > 0:
            findings.unproven(
                "file",
                f"it is {found} and {name} at once",
                "a reader of self-extracting archives finds it behind the head",
                rule="two-formats",
            )
