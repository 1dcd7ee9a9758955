"""Images and signed values as pictures: orange speaks for, blue against, white is nothing."""

import numpy as np
from numpy.typing import NDArray

from ..formatting.raster import png, shades

SIDE = 140
AGAINST, NONE, FOR = np.array([0, 114, 178]), np.array([250, 250, 250]), np.array([213, 94, 0])


def picture(image: NDArray[np.float32]) -> str:
    """Base64 PNG of float32 (channels, height, width) in [0, 1]."""
    return png(shades(image), SIDE)


def heat(values: NDArray[np.float64], largest: float) -> str:
    """Base64 PNG of signed (height, width); ``largest`` is full color."""
    share = (values / max(largest, 1e-12)).clip(-1, 1)[..., None]
    color = np.where(share > 0, NONE + share * (FOR - NONE), NONE - share * (AGAINST - NONE))
    return png(color.round().astype(np.uint8), SIDE)
