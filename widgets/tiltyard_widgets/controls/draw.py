"""A pad to draw on, by pointer or by keyboard."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from tiltyard.errors import Problem

from ..theme.block import Block, esm

SIDE = 28


class DrawPad(Block):
    """``pixels`` is a list of ``size * size`` numbers from 0 (black) to 1 (white), row by row; observe it.

    Keys: arrows move the cursor, space draws, Backspace erases, Z takes back the last stroke.
    """

    _esm = esm("draw.js")
    label = traitlets.Unicode("Draw a digit").tag(sync=True)
    size = traitlets.Int(SIDE, min=4, max=64, help="pixels on a side").tag(sync=True)
    pixels: traitlets.List[float] = traitlets.List().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str = "Draw a digit", pixels: Sequence[float] | None = None, size: int = SIDE) -> None:
        super().__init__(label=label, size=size, pixels=list(pixels) if pixels is not None else [0.0] * size * size)

    @traitlets.validate("pixels")
    def _a_picture(self, proposal: dict[str, Any]) -> list[float]:
        value = proposal["value"]
        if len(value) != self.size * self.size:
            raise traitlets.TraitError(f"expected {self.size * self.size} pixels, found {len(value)}")
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in value):
            raise traitlets.TraitError("expected finite numbers as pixels")
        return [min(max(float(v), 0.0), 1.0) for v in value]

    def preset(self, image: NDArray[Any]) -> None:
        """Put ``image`` (size × size, 0 to 1) on the pad to go on from."""
        shape = (self.size, self.size)
        if image.size != self.size * self.size or not np.isfinite(image).all():
            raise Problem(f"an image of shape {shape} with finite values", f"shape {image.shape}", "Choose one image of that size")
        self.pixels = [round(float(v), 4) for v in np.asarray(image).reshape(-1)]

    def clear(self) -> None:
        self.pixels = [0.0] * self.size * self.size

    def image(self) -> NDArray[np.float32]:
        """What is on the pad: float32 (size, size), 0 to 1."""
        return np.asarray(self.pixels, dtype=np.float32).reshape(self.size, self.size)
