"""Pictures as bad light, weather, lenses and files make them, each in five severities.

After Hendrycks and Dietterich 2019, arXiv:1903.12261, in numpy alone and scaled by the size of the picture, so that a severity means the
same at 28 as at 224 pixels; the figures are not those of ImageNet-C. Every kind takes pictures x float (n, channels, height, width) from
0 to 1, a severity from 1 to 5 and a generator, and gives pictures of that shape from 0 to 1.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Pictures = NDArray[np.float64]
Kind = Callable[[Pictures, int, np.random.Generator], Pictures]


def gaussian_noise(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Noise of a sensor."""
    return x + rng.normal(0, (0.05, 0.09, 0.14, 0.2, 0.28)[severity - 1], x.shape)


def shot_noise(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Too few photons: Poisson counts."""
    photons = (80, 35, 18, 10, 5)[severity - 1]
    return np.asarray(rng.poisson(x * photons) / photons, np.float64)


def impulse_noise(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Dead pixels, black or white."""
    share = (0.02, 0.05, 0.09, 0.14, 0.2)[severity - 1]
    return np.where(rng.random(x.shape) < share, (rng.random(x.shape) < 0.5).astype(np.float64), x)


def gaussian_blur(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Out of focus."""
    return np.asarray(ndimage.gaussian_filter(x, _sigmas(x, (0.02, 0.03, 0.042, 0.056, 0.075)[severity - 1])))


def motion_blur(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Moved sideways while the shutter was open."""
    size = 2 * max(1, round((0.04, 0.08, 0.12, 0.16, 0.21)[severity - 1] * x.shape[3])) + 1  # odd, so that nothing is shifted
    return np.asarray(ndimage.uniform_filter1d(x, size, axis=3, mode="nearest"))


def zoom_blur(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Zoomed while the shutter was open."""
    most = (0.06, 0.11, 0.16, 0.22, 0.3)[severity - 1]
    return np.asarray(np.mean([_turned(x, np.eye(2) / (1 + most * i / 4)) for i in range(5)], 0), np.float64)


def fog(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """A bright haze in clouds."""
    thick = (0.2, 0.32, 0.44, 0.56, 0.68)[severity - 1]
    return np.asarray(x * (1 - thick) + thick * (0.5 + 0.5 * _clouds(x, rng)), np.float64)


def snow(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Bright flakes, drawn out sideways, over a paler picture."""
    share = (0.02, 0.04, 0.06, 0.09, 0.12)[severity - 1]
    flakes = (rng.random((len(x), 1, *x.shape[2:])) < share).astype(np.float64)
    drawn = ndimage.uniform_filter1d(flakes, max(2, round(0.08 * x.shape[3])), axis=3) * 2
    return np.asarray(np.maximum(x * 0.9 + 0.06, np.minimum(drawn, 1)), np.float64)


def brightness(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Overexposed."""
    return x + (0.1, 0.2, 0.3, 0.4, 0.5)[severity - 1]


def contrast(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Pale."""
    middle = x.mean((2, 3), keepdims=True)
    return np.asarray(middle + (x - middle) * (0.6, 0.45, 0.32, 0.22, 0.14)[severity - 1], np.float64)


def pixelate(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Scaled down and up again."""
    places = [_coarse(size, (0.7, 0.55, 0.42, 0.32, 0.25)[severity - 1]) for size in x.shape[2:]]
    means = [_blocks(place) for place in places]
    return np.asarray(np.einsum("ih,nchw,jw->ncij", means[0], x, means[1]), np.float64)


def compression(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Cosines of blocks of 8 by 8 rounded, as JPEG does, the fine ones more coarsely."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    n, c, h, w = padded.shape
    blocks = padded.reshape(n, c, h // 8, 8, w // 8, 8)
    step = (0.06, 0.12, 0.2, 0.32, 0.5)[severity - 1] * (1 + np.add.outer(np.arange(8), np.arange(8))[:, None, :] / 2)
    cosines = np.round(fft.dctn(blocks, axes=(3, 5), norm="ortho") / step) * step
    return np.asarray(fft.idctn(cosines, axes=(3, 5), norm="ortho").reshape(n, c, h, w)[:, :, :height, :width], np.float64)


def rotation(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Held at a slant, to the left or to the right."""
    angle = np.deg2rad((7, 13, 20, 28, 37)[severity - 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _each_way(x, rng, turn, turn.T)


def translation(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Not in the middle: shifted in a random direction, the edge drawn out."""
    share = (0.04, 0.08, 0.12, 0.16, 0.21)[severity - 1]
    way = rng.uniform(0, 2 * np.pi, len(x))
    return np.stack(
        [ndimage.shift(one, (0, share * one.shape[1] * np.sin(w), share * one.shape[2] * np.cos(w)), order=1, mode="nearest") for one, w in zip(x, way, strict=True)]
    )  # fmt: skip


def shear(x: Pictures, severity: int, rng: np.random.Generator) -> Pictures:
    """Seen from the side."""
    by = (0.12, 0.22, 0.33, 0.46, 0.6)[severity - 1]
    return _each_way(x, rng, np.array([[1.0, 0.0], [by, 1.0]]), np.array([[1.0, 0.0], [-by, 1.0]]))


FAMILIES: dict[str, tuple[Kind, ...]] = {
    "noise": (gaussian_noise, shot_noise, impulse_noise),
    "blur": (gaussian_blur, motion_blur, zoom_blur),
    "weather": (fog, snow, brightness),
    "digital": (contrast, pixelate, compression),
    "geometry": (rotation, translation, shear),
}


def corrupted(x: Pictures, kind: Kind, severity: int, rng: np.random.Generator) -> Pictures:
    """Pictures (n, channels, height, width) from 0 to 1 after ``kind``, from 0 to 1 again."""
    return np.clip(kind(np.asarray(x, np.float64), severity, rng), 0, 1)


def _sigmas(x: Pictures, share: float) -> tuple[float, ...]:
    return (0.0, 0.0, share * x.shape[2], share * x.shape[3])


def _turned(x: Pictures, matrix: NDArray[np.float64]) -> Pictures:
    """Pictures whose point p from the middle is drawn from ``matrix`` times p; the edge is drawn out."""
    whole = np.eye(4)
    whole[2:, 2:] = matrix
    middle = (np.array(x.shape) - 1) / 2
    return np.asarray(ndimage.affine_transform(x, whole, middle - whole @ middle, order=1, mode="nearest"))


def _each_way(x: Pictures, rng: np.random.Generator, one: NDArray[np.float64], other: NDArray[np.float64]) -> Pictures:
    """A half of the pictures, drawn at random, turned by ``one`` and the rest by ``other``."""
    first = rng.random(len(x)) < 0.5
    out = x.copy()
    for rows, matrix in ((first, one), (~first, other)):
        if rows.any():
            out[rows] = _turned(x[rows], matrix)
    return out


def _clouds(x: Pictures, rng: np.random.Generator) -> Pictures:
    """Smooth random fields from 0 to 1, one for each picture."""
    field = ndimage.gaussian_filter(rng.normal(size=(len(x), 1, *x.shape[2:])), _sigmas(x, 0.12), mode="wrap")
    low, high = field.min((2, 3), keepdims=True), field.max((2, 3), keepdims=True)
    return np.asarray((field - low) / np.maximum(high - low, 1e-12))


def _coarse(size: int, share: float) -> NDArray[np.intp]:
    """Which of round(share * size) blocks each of ``size`` pixels falls into."""
    return np.arange(size) * max(1, round(share * size)) // size


def _blocks(place: NDArray[np.intp]) -> NDArray[np.float64]:
    """The matrix that gives each pixel the mean of its block."""
    same = (place[:, None] == place[None]).astype(np.float64)
    return np.asarray(same / same.sum(1, keepdims=True))
