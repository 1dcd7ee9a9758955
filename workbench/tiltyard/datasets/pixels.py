"""Tables whose columns are pixels, and arrays that are images."""

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .feature import Feature

if TYPE_CHECKING:
    import pandas as pd

PIXEL = re.compile(r"(pixel|px|pix|column|x|v|p)?[\s_\-.]*\d+([x_\-.]\d+)?", re.IGNORECASE)
COLORS = {3072: (3, 32, 32), 12288: (3, 64, 64)}


def image_shape(width: int) -> tuple[int, ...]:
    """(channels, height, width) of an image of ``width`` numbers: square and gray, or a known color size; else ()."""
    if width in COLORS:
        return COLORS[width]
    side = math.isqrt(width)
    return (1, side, side) if side * side == width and side >= 8 else ()


def depth(values: NDArray[Any]) -> float:
    """What to divide by so that pixels lie in [0, 1]: 255, 16, 1, or 0 where these are no pixels."""
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)) or low < 0:
        return 0.0
    if values.dtype == np.uint8:
        return 255.0
    if high <= 1:
        return 1.0
    if high > 255 or not bool((values.ravel()[:100_000] == np.round(values.ravel()[:100_000])).all()):
        return 0.0
    return 16.0 if high <= 16 else 255.0


def image_feature(values: NDArray[Any], shape: tuple[int, ...]) -> Feature | None:
    """The feature of images of ``shape`` whose pixels are ``values``; None where these are not finite or all the same.

    Whole numbers up to 255 are those of a file, and are divided. Other numbers are what somebody gives to a model, and stay as they are:
    from 0 to 1, 16 or 255 where they are such pixels, else (standardized ones, 16 bits) between the smallest and the largest seen.
    """
    divide = depth(values)
    if divide and values.dtype.kind != "f":
        return Feature(name="image", kind="pixels", shape=shape, divide=divide, unit="of full brightness")
    if divide:
        unit = "of full brightness" if divide == 1 else f"of {divide:g}"
        return Feature(name="image", kind="pixels", shape=shape, high=divide, unit=unit)
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    return Feature(name="image", kind="pixels", shape=shape, low=low, high=high, unit="of the range seen")


def pixel_feature(frame: "pd.DataFrame") -> Feature | None:
    """The image feature of a table of pixels, or None: 64 or more numbered columns, as many as an image has."""
    shape = image_shape(frame.shape[1])
    if not shape or not all(PIXEL.fullmatch(str(c)) for c in frame.columns):
        return None
    if any(dtype.kind not in "uif" for dtype in frame.dtypes):
        return None
    values = frame.to_numpy()
    return image_feature(values, shape) if depth(values) else None
