"""Texts and bytes in a file that no reader runs, but that hold a program or a packed pickle all the same: whoever unpacks them runs it.

A file of numbers has no use for them, so that they are said; by themselves they make nothing malicious.
"""

import base64
import binascii
import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator

LONGEST = 1 << 20
_PROGRAM = re.compile(
    r"__import__\s*\(|\bos\.(?:system|popen|exec[lv]\w*|spawn\w+)\s*\(|\bsubprocess\.(?:run|call|Popen|check_\w+|getoutput)|(?<![.\w])(?:eval|exec)\s*\(\s*[^)\s]"
    r"|\b(?:pickle|marshal|dill|cloudpickle)\.loads?\s*\(|\bb64decode\s*\(|<script\b|\bjavascript:|\b(?:curl|wget)\b[^\n|;]{0,200}\|\s*(?:ba|z)?sh\b|/bin/(?:ba)?sh\b"
    r"|\bpowershell\b|\brm\s+-rf?\s|__globals__|__builtins__|__subclasses__|\bshell\s*=\s*True",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"(?:gA[I-X]|H4sI|eJ|QlpoO|/Td6WFoA|Y29z|Y3Bvc2|Y19f|KGRw|UEsDB)[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(r"(?:800[2-5]|1f8b08|63[67][0-9a-f])(?:[0-9a-f]{2}){10,}", re.IGNORECASE)
_PACKED: tuple[tuple[bytes, Callable[[io.BytesIO], bytes]], ...] = (
    (b"\x1f\x8b", lambda s: gzip.GzipFile(fileobj=s).read(LONGEST)),
    (b"BZh", lambda s: bz2.BZ2File(s).read(LONGEST)),
    (b"\xfd7zXZ\0", lambda s: lzma.LZMADecompressor().decompress(s.read(), LONGEST)),
    (b"x", lambda s: zlib.decompressobj().decompress(s.read(), LONGEST)),
)


def program_in(text: str) -> str:
    """What in ``text`` reads as a call that reaches beyond a model; empty where there is nothing."""
    found = _PROGRAM.search(text, 0, LONGEST)
    return found.group()[:60] if found else ""


def packed_in(text: str) -> Iterator[bytes]:
    """Bytes that parts of ``text`` stand for, in base64 or in hex, where they begin as a pickle or an archive does."""
    for match in _BASE64.finditer(text, 0, LONGEST):
        raw = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield from unpacked(base64.b64decode(raw + "=" * (-len(raw) % 4)))
        except (ValueError, binascii.Error):
            continue
    for match in _HEX.finditer(text, 0, LONGEST):
        yield from unpacked(bytes.fromhex(match.group()[: len(match.group()) // 2 * 2]))


def unpacked(data: bytes) -> Iterator[bytes]:
    """``data``, and what is in it where it is compressed."""
    yield data
    for magic, unpack in _PACKED:
        if data.startswith(magic):
            try:
                yield unpack(io.BytesIO(data))
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return
