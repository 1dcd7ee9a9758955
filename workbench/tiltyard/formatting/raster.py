"""Small PNG files from arrays."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

SIDE = 112


def png(raster: NDArray[np.uint8], side: int = SIDE) -> str:
    """Base64 PNG of uint8 (height, width) gray or (height, width, 3) RGB, pixels repeated to about ``side`` a side."""
    from PIL import Image

    image = Image.fromarray(raster)
    times = max(1, round(side / max(image.size)))
    out = io.BytesIO()
    image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")


def shades(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Float32 (channels, height, width) in [0, 1] as gray (height, width) or RGB (height, width, 3); other channel counts are averaged."""
    levels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    if len(levels) == 3:
        return np.moveaxis(levels, 0, -1)
    gray: NDArray[np.uint8] = levels[0] if len(levels) == 1 else levels.mean(0).astype(np.uint8)
    return gray
