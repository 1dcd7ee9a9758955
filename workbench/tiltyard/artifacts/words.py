"""Texts and bytes in a file that no reader runs, but that hold a program or a packed pickle all the same: whoever unpacks them runs it.

A file of numbers has no use for them, so that they are said; by themselves they make nothing malicious.
"""

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


def unpacked(data: bytes) -> Iterator[bytes]:
    """``data``, and what is in it where it is compressed."""
    yield data
    for magic, unpack in _PACKED:
        if data.startswith(magic):
            try:
                yield unpack(io.BytesIO(data))
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return
