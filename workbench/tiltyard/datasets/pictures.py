"""One picture of a file as pixels, decoded by Pillow within limits; what is none is refused by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Plain, Problem

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
GRAY = ("1", "L", "LA")
DEEP = ("I", "F", "I;16")
MOST_PIXELS = 50_000_000
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Header:
    """What a picture's file says of it before it is decoded.

    Attributes
    ----------
    size
        Height and width.
    turned
        Does the camera say that it is to be shown turned?
    """

    size: tuple[int, int]
    gray: bool
    transparent: bool
    turned: bool


def header(name: str, stream: IO[bytes]) -> Header:
    """What is known of the picture without its pixels.

    Raises
    ------
    Plain
        For what is no picture, is too large, has more than 8 bits a channel or several frames.
    """
    with _picture(name, stream) as picture:
        transparent = "A" in picture.getbands() or "transparency" in picture.info
        turned = picture.getexif().get(ORIENTATION, 1) != 1
        return Header((picture.height, picture.width), picture.mode in GRAY, transparent, turned)


def pixels(name: str, stream: IO[bytes], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The picture as ``shape`` (channels, height, width): gray or RGB, transparency dropped, resized (bilinear) where it has another size."""
    from PIL.Image import Resampling

    channels, height, width = shape
    with _picture(name, stream) as picture:
        opaque = picture.convert("RGBA") if "transparency" in picture.info else picture
        plain = opaque.convert("L" if channels == 1 else "RGB")
        if plain.size != (width, height):
            plain = plain.resize((width, height), Resampling.BILINEAR)
        return np.asarray(plain, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


@contextmanager
def _picture(name: str, stream: IO[bytes]) -> "Iterator[Image]":
    from PIL import Image, ImageFile

    try:
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # a library that writes PDF turns it on for the whole process
        with Image.open(stream, formats=FORMATS) as picture:
            _within_limits(name, picture)
            yield picture
    except (Problem, MemoryError):
        raise
    except Exception as error:  # a decoder of foreign bytes may fail in any way
        found = f"{name}, which is none or is not whole ({type(error).__name__})"
        raise Plain(f"a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture", found, "Save it again, or take it out") from None


def _within_limits(name: str, picture: "Image") -> None:
    if picture.width * picture.height > MOST_PIXELS:
        found = f"{picture.width:,} × {picture.height:,} in {name}"
        raise Plain(f"a picture of at most {MOST_PIXELS // 10**6} million pixels", found, "Take it out, or make it smaller")
    if picture.mode.startswith(DEEP):
        raise Plain("8 bits a channel", f"more in {name}", "Save it with 8 bits, scaled as the model wants it")
    if getattr(picture, "n_frames", 1) > 1:
        raise Plain("one picture a file", f"several frames in {name}", "Save each as a file")
