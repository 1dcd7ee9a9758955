"""PNG and JPEG: their parts one after the other, to the last byte; pictures that unpack to more than their bytes justify are refused."""

import zlib
from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .cursor import Cursor

MOST_PIXELS = 178_956_970  # where Pillow calls it a decompression bomb
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def judge_png(stream: IO[bytes], findings: Findings) -> None:
    """Chunks with their checksums, from the first to the end?"""
    at = Cursor(stream, 8, ">")
    kinds: list[bytes] = []
    try:
        while not kinds or kinds[-1] != b"IEND":
            findings.progress.check()
            length, kind = at.number("I"), at.take(4)
            data = at.take(length)
            if at.number("I") != zlib.crc32(kind + data):
                raise Malformed(f"the checksum of {kind!r} is wrong")
            if not kinds:
                _size(kind == b"IHDR" and length == 13, int.from_bytes(data[:4]), int.from_bytes(data[4:8]))
            kinds.append(kind)
        at.end()
    except Malformed as error:
        findings.unproven("file", str(error), "it is cut off or altered, or something is added to it")
        return
    findings.note("file", "a picture", "pixels and their description")


def _size(framed: bool, width: int, height: int) -> None:
    if not framed or not width or not height or width * height > MOST_PIXELS:
        raise Malformed(f"a picture of {width:,} by {height:,} pixels")


def judge_jpeg(stream: IO[bytes], findings: Findings) -> None:
    """Segments and scans, from the first to the end?"""
    at = Cursor(stream, 2, ">")
    try:
        framed = False
        while (marker := _marker(at)) != 0xD9:
            findings.progress.check()
            if marker in _STANDALONE:
                continue
            length = at.number("H") - 2
            data = at.take(max(length, 0))
            if marker in _FRAMES:
                _size(len(data) >= 6, int.from_bytes(data[3:5]), int.from_bytes(data[1:3]))
                framed = True
            if marker == 0xDA:
                _scan(at)
        if not framed:
            raise Malformed("no picture")
        at.end()
    except Malformed as error:
        findings.unproven("file", str(error), "it is cut off or altered, or something is added to it")
        return
    findings.note("file", "a picture", "pixels and their description")


def _marker(at: Cursor) -> int:
    if at.number("B") != 0xFF:
        raise Malformed(f"no marker at byte {at.at - 1:,}")
    while (code := at.number("B")) == 0xFF:
        pass
    return code


def _scan(at: Cursor) -> None:
    """Past the packed pixels, to the next marker."""
    while True:
        block = at.take(min(at.left, 1 << 16))
        if not block:
            raise Malformed("it breaks off in a scan")
        place = 0
        while (place := block.find(b"\xff", place)) >= 0:
            if place + 1 == len(block):
                break
            if block[place + 1] not in (0, 0xFF, *range(0xD0, 0xD8)):
                at.at -= len(block) - place
                return
            place += 1
        if block[-1:] == b"\xff" and at.left:
            at.at -= 1
        elif not at.left:
            raise Malformed("it breaks off in a scan")
