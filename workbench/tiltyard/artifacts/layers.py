"""What a text or bytes stand for, writing under writing: base64, base32, base85, hex, percent signs, escapes, and compressed.

Whoever is to unpack such a text has to be told how, so that only whole texts and unbroken runs of characters are tried. A reading is followed
where it begins as a pickle, as an archive or as another text; of the rest, such as pictures in base64, the first bytes are looked at and no more.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from .words import LONGEST, unpacked

SHORTEST = 16
"""Characters or bytes that could stand for a pickle with an import in any of these writings."""
DEEPEST = 8
MOST_BYTES = 4 << 20
"""Of what stands below the first writing, in all."""
_HEAD = 64
_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_INNER = re.compile(r"(?:gA[I-X]|H4sI|eJ|QlpoO|/Td6WFoA|Y29z|Y3Bvc2|Y19f|KGRw|UEsDB)[A-Za-z0-9+/_-]{12,}={0,2}")
_WRAPPED = re.compile(r"[A-Za-z0-9+/_-]+(?:\s+[A-Za-z0-9+/_-]+)+={0,2}\s*")
_HEX = re.compile(r"[0-9A-Fa-f]{20,}")
_SPACED = re.compile(r"(?<![0-9A-Fa-f])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[\s,:;-]+|$)){10,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}={0,6}")
_BASE85 = re.compile(r"[!-~]{20,}")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0-7]{3}|[nrt\\'\"/])")
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_STARTS = re.compile(r"\x80[\x00-\x05]|c[A-Za-z_][\w.]*\n[A-Za-z_]")
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"PK\x03\x04")
_CONTROL = bytes(sorted({*range(32), 127} - {9, 10, 13}))


class TooDeep(Exception):
    """More writings under one another, or more bytes below the first, than are followed: no honest file has them."""


def layers(start: str | bytes) -> Iterator[bytes]:
    """Every reading of ``start`` as bytes, itself left out, the first first. Raises `TooDeep` where the bounds do not reach."""
    if len(start) < SHORTEST:
        return
    below: list[tuple[bytes, int]] = [(data, 1) for data in _readings(start)]
    seen: set[bytes] = set()
    spent = 0
    while below:
        data, depth = below.pop()
        if data in seen:
            continue
        seen.add(data)
        yield data
        for inner in _readings(data):
            spent += len(inner)
            if depth == DEEPEST or spent > MOST_BYTES:
                raise TooDeep
            below.append((inner, depth + 1))


def _readings(start: str | bytes) -> Iterator[bytes]:
    """What one writing stands for, where that begins as something which can be followed."""
    if isinstance(start, bytes):
        yield from [*unpacked(start)][1:]
        if not _texty(start):
            return
        start = start.decode("ascii")
    text = start[:LONGEST]
    for read in (_base64s, _hexes, _others):
        yield from read(text)
    if "%" in text or "\\" in text:
        yield from _signs(text)


def _base64s(text: str) -> Iterator[bytes]:
    runs = [match.group() for match in _RUN.finditer(text)]
    runs += [match.group() for match in _INNER.finditer(text)]
    if _WRAPPED.fullmatch(text):
        runs.append("".join(text.split()))
    for run in runs:
        raw = run.rstrip("=").replace("-", "+").replace("_", "/")
        yield from _tried(lambda part: base64.b64decode(part + "=" * (-len(part) % 4)), raw[: len(raw) - (len(raw) % 4 == 1)], 4)


def _hexes(text: str) -> Iterator[bytes]:
    for match in _HEX.finditer(text):
        yield from _tried(bytes.fromhex, match.group()[: len(match.group()) // 2 * 2], 2)
    for match in _SPACED.finditer(text):
        yield from _tried(bytes.fromhex, re.sub(r"0x|\\x|[\s,:;-]", "", match.group()), 2)


def _others(text: str) -> Iterator[bytes]:
    whole = text.strip()
    if _BASE32.fullmatch(whole):
        yield from _tried(lambda part: base64.b32decode(part + "=" * (-len(part) % 8)), whole.rstrip("="), 8)
    if _BASE85.fullmatch(whole):
        yield from _tried(base64.b85decode, whole, 5)
        yield from _tried(base64.a85decode, whole.removeprefix("<~").removesuffix("~>"), 5)


def _signs(text: str) -> Iterator[bytes]:
    """Percent signs and escapes; also from where in them a pickle begins."""
    for sign, read in ((_PERCENT, _of_percent), (_ESCAPED, _of_escapes)):
        if not sign.search(text):
            continue
        found = read(text)
        if _texty(data := found.encode("latin-1", "replace")):
            yield data
        for match in _STARTS.finditer(found):
            yield found[match.start() :].encode("latin-1", "replace")
            break


def _of_percent(text: str) -> str:
    return _PERCENT.sub(lambda match: chr(int(match.group(1), 16)), text)


def _of_escapes(text: str) -> str:
    return _ESCAPED.sub(lambda match: _character(match.group()[1:]), text)


def _character(sign: str) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    return chr(int(sign[1:], 16) if sign[0] in "xu" else int(sign, 8))


def _tried(read: Callable[[str], bytes], text: str, step: int) -> Iterator[bytes]:
    """``text`` as read, where its first bytes are worth it; ``step`` characters belong together."""
    try:
        if _followed(read(text[: _HEAD // step * step])):
            yield read(text)
    except (ValueError, binascii.Error):
        return


def _followed(head: bytes) -> bool:
    return (head[:1] == b"\x80" and head[1:2] <= b"\x05") or head.startswith(_MAGIC) or _texty(head)


def _texty(data: bytes) -> bool:
    """ASCII without control characters, long enough to stand for something."""
    return len(data) >= SHORTEST and data.isascii() and len(data.translate(None, _CONTROL)) == len(data)
