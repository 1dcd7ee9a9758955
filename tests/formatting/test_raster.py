"""Pictures as PNG: what is read back are the pixels that were written, each repeated."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tiltyard.formatting.raster import SIDE, png, shades


@pytest.mark.parametrize(("shape", "times"), [((8, 8), 14), ((8, 8, 3), 14), ((28, 14), 4), ((200, 200), 1)])
def test_pixels_are_repeated_to_about_the_side_and_nothing_else(shape: tuple[int, ...], times: int) -> None:
    raster = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(png(raster))))
    assert (image.format, image.mode) == ("PNG", "RGB" if len(shape) == 3 else "L")
    assert np.array_equal(np.asarray(image), raster.repeat(times, 0).repeat(times, 1))
    assert times == max(1, round(SIDE / max(shape[:2])))


def test_channels_become_gray_or_rgb() -> None:
    image = np.linspace(-0.5, 1.5, 3 * 4, dtype=np.float32).reshape(3, 2, 2)
    assert shades(image).shape == (2, 2, 3) and shades(image).min() == 0 and shades(image).max() == 255
    assert shades(image[:1]).shape == shades(image[:2]).shape == (2, 2)
