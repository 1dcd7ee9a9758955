"""Images and signed values as small PNGs, without a plotting library."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIDE = 140
AGAINST, NONE, FOR = np.array([0, 114, 178]), np.array([250, 250, 250]), np.array([213, 94, 0])


def png(raster: NDArray[np.uint8]) -> str:
    """Base64 PNG of uint8 (height, width) gray or (height, width, 3) RGB, enlarged to about 140 pixels a side."""
    times = max(1, round(SIDE / max(raster.shape[:2])))
    large = raster.repeat(times, 0).repeat(times, 1)
    height, width = large.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in large)
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if raster.ndim == 3 else 0, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return base64.b64encode(body).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(image: NDArray[np.float32]) -> str:
    """Base64 PNG of float32 (channels, height, width) in [0, 1]; one channel is gray, three are RGB, more are averaged."""
    shades = (image.clip(0, 1) * 255).round().astype(np.uint8)
    if len(shades) == 3:
        return png(np.moveaxis(shades, 0, -1))
    return png(shades[0] if len(shades) == 1 else shades.mean(0).astype(np.uint8))


def heat(values: NDArray[np.float64], largest: float) -> str:
    """Base64 PNG of signed (height, width): orange for, blue against, white for 0; ``largest`` is full color."""
    share = (values / max(largest, 1e-12)).clip(-1, 1)[..., None]
    color = np.where(share > 0, NONE + share * (FOR - NONE), NONE - share * (AGAINST - NONE))
    return png(color.round().astype(np.uint8))
