"""Which format a file has, by its content: its first bytes and its structure, never its name."""

import json
import os
import re
from pathlib import Path
from typing import IO

from ..files.reading import opened
from . import archives, text
from .formats import FORMATS, PROMISED, Format
from .judges import onnx_model
from .judges.exported import looks_exported
from .judges.opcodes import Limits, walk
from .judges.trust import executes

HEAD = 64 << 10

_BEGIN_LIKE = {
    Format.XGBOOST: re.compile(rb"""\s*\{\s*"(learner|version)"\s*:\s*[\[{]|\{L\0{7}\x07(learner|version)[\[{]"""),
    Format.CATBOOST: re.compile(rb"""\s*\{\s*"(ctr_data|features_info|model_info|oblivious_trees|scale_and_bias|trees)"\s*:\s*[\[{n]"""),
}
_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
)


def sniff(path: str | Path) -> Format:
    """The format of the file at ``path`` by its content.

    Reads some tens of kilobytes and, for a zip, its directory. Raises `OSError` where the file
    cannot be read, never for what it holds.
    """
    with opened(path) as stream:
        return sniff_stream(stream)


def disagreement(path: str | Path, found: Format) -> str:
    """A sentence where the extension promises another format than the content has; else empty."""
    suffix = Path(path).suffix.lower()
    promised = PROMISED.get(suffix)
    if promised is None or found in promised or found is Format.EMPTY:
        return ""
    return f"the name ends in {suffix}, the content is {found}"


def sniff_stream(stream: IO[bytes]) -> Format:
    """As `sniff`, on a seekable stream; leaves its position anywhere."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(HEAD)
    if not head:
        return Format.EMPTY
    if named := next((row.name for row in FORMATS.values() if row.magic and head.startswith(row.magic)), None):
        return _zip_format(stream) if named is Format.ZIP else named
    if boosted := next((row for row, begins in _BEGIN_LIKE.items() if begins.match(head)), None):
        return boosted
    if looks_safetensors(head, size):
        return Format.SAFETENSORS
    if head[:1] == b"\x80" or not text.plausible(head):
        return _binary_format(stream, head, size)
    if text_pickle(stream):
        return Format.PICKLE
    from .readers.recognizing import text_format  # late: most files need none of these readers

    return text_format(stream, head) or Format.CSV


def _binary_format(stream: IO[bytes], head: bytes, size: int) -> Format:
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        return pickle_kind(head)
    if tar_header(head) and head[257:262] == b"ustar":
        return Format.TAR
    from .readers.recognizing import binary_format, packed_format

    if packed := packed_format(head):
        return packed
    if head.startswith(_COMPRESSED):
        return Format.JOBLIB if _compressed_pickle(head) else Format.GZIP if head[:2] == b"\x1f\x8b" else Format.UNKNOWN
    if text_pickle(stream):
        return pickle_kind(head)
    if onnx_model.looks_like(stream, size):
        return Format.ONNX
    return Format.TAR if tar_header(head) else binary_format(stream, head) or Format.UNKNOWN


def pickle_kind(head: bytes) -> Format:
    """Which kind of pickle starts with ``head``: torch's old format, joblib's, or a plain one."""
    if b"\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." in head[:32]:
        return Format.TORCH_LEGACY
    return Format.JOBLIB if b"joblib.numpy_pickle" in head else Format.PICKLE


def looks_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes of length that fit the file, then a JSON object."""
    if len(head) < 10:
        return False
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= size - 8 and head[8:9] == b"{"


def tar_header(head: bytes) -> bool:
    """True where the first 512 bytes have a valid tar checksum: any tar reader would take the file, magic or not."""
    if len(head) < 512 or not any(head[:512]):
        return False
    digits = head[148:156].strip(b" \0")
    if not digits or any(c not in b"01234567" for c in digits):
        return False
    return int(digits, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def text_pickle(stream: IO[bytes]) -> bool:
    """True where bytes without a pickle's protocol mark are one all the same (protocol 0 and 1 have none).

    A table may begin like a pickle (``city\\nParis\\n`` reads as an import), so it takes a run to
    STOP that leaves nothing over, or an import that is acted on or known to execute. Thousands of
    valid opcodes count too: what a bound cut short is not shown to be harmless.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    found = walk(stream, Limits(ops=20_000, seconds=2.0))
    if any(i.module is not None and executes(i.module, i.name) for i in found.imports) or found.calls or found.limited:
        return True
    return found.complete and (found.end == size or bool(found.imports))


def _compressed_pickle(head: bytes) -> bool:
    inner = archives.first_bytes(head, 4096)
    return len(inner) > 1 and inner[0] == 0x80 and inner[1] <= 5


def _zip_format(stream: IO[bytes]) -> Format:
    try:
        found = archives.directory(stream)
    except archives.BadArchive:
        return Format.ZIP
    return zip_kind(found, stream)


def zip_kind(found: archives.Directory, stream: IO[bytes]) -> Format:
    """Which kind of zip has these entries."""
    names = {e.name for e in found.entries}
    inner = {n.split("/", 1)[1] for n in names if "/" in n}
    if "data.pkl" in inner and "constants.pkl" in inner and any(n.startswith("code/") for n in inner):
        return Format.TORCHSCRIPT
    if "data.pkl" in inner or "data.pkl" in names:
        return Format.TORCH_ZIP
    if looks_exported(inner):
        return Format.TORCH_EXPORT
    if "schema.json" in names:
        return Format.SKOPS
    if "config.json" in names and ("metadata.json" in names or "model.weights.h5" in names) and _is_object(found, stream):
        return Format.KERAS
    return Format.NPZ if names and all(n.endswith(".npy") for n in names) else Format.ZIP


def _is_object(found: archives.Directory, stream: IO[bytes]) -> bool:
    try:
        return isinstance(json.loads(archives.read(stream, found.entry("config.json"), 16 << 20)), dict)
    except (archives.BadArchive, ValueError, RecursionError):
        return False
