"""Small PNG files from arrays, with nothing but zlib."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIDE = 112


def png(raster: NDArray[np.uint8], side: int = SIDE) -> str:
    """Base64 PNG of uint8 (height, width) gray or (height, width, 3) RGB, pixels repeated to about ``side`` a side."""
    times = max(1, round(side / max(raster.shape[:2])))
    large = np.ascontiguousarray(raster.repeat(times, 0).repeat(times, 1))
    height, width = large.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if raster.ndim == 3 else 0, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in large)
    body = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return base64.b64encode(body).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def shades(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float32 (channels, height, width) in [0, 1] as gray (height, width) or RGB (height, width, 3); other channel counts are averaged."""
    levels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    if len(levels) == 3:
        return np.moveaxis(levels, 0, -1)
    gray: NDArray[np.uint8] = levels[0] if len(levels) == 1 else levels.mean(0).astype(np.uint8)
    return gray
