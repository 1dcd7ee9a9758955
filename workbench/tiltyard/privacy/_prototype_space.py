"""Where prototypes are looked for: points of the unit cube, and the rows that they stand for."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import Encoding
from ..datasets.schema import Rows

COARSE = 7  # points a side of the grid on which pictures are searched without gradients: neighboring pixels are alike
SHARP = 8.0  # how sharply the softmax of a group of categories picks one


@dataclass(frozen=True)
class PrototypeSpace:
    """The unit cube over the encoded columns of ``encoding``: 0 is a number's lowest value, 1 its highest; of a group the largest is meant."""

    encoding: Encoding

    @property
    def images(self) -> bool:
        """Is a row a picture?"""
        return self.encoding.table.images

    @property
    def coarse(self) -> tuple[int, ...]:
        """Shape of a point where no gradients lead: of a table the encoded columns, of pictures a grid of few points a channel."""
        if not self.images:
            return self.encoding.shape
        channels, height, width = self.encoding.shape
        return channels, min(height, COARSE), min(width, COARSE)

    @cached_property
    def _bounds(self) -> tuple[Tensor, Tensor]:
        low, high = (np.array(np.broadcast_to(e, self.encoding.shape), np.float32) for e in (self.encoding.low, self.encoding.high))
        return torch.from_numpy(low), torch.from_numpy(high)

    def fine(self, points: Tensor) -> Tensor:
        """Points of the `coarse` shape as points (n, *shape): a grid is drawn out to a picture, a table's point is one already."""
        if not self.images or points.shape[1:] == self.encoding.shape:
            return points
        return nn.functional.interpolate(points, size=self.encoding.shape[1:], mode="bilinear", align_corners=True)

    def encoded(self, points: Tensor) -> Tensor:
        """Encoded rows (n, *shape), float32, with gradients: numbers in their own unit, groups by a softmax."""
        low, high = self._bounds
        out = low + points * (high - low)
        for group in self.encoding.groups:
            out = torch.cat([out[:, : group.start], torch.softmax(SHARP * points[:, group], 1), out[:, group.stop :]], 1)
        return out

    def rows(self, points: Tensor) -> Rows:
        """Valid rows of x for points (n, *shape): whole numbers rounded, one category a group."""
        low, high = self._bounds
        z: NDArray[Any] = (low + points.detach().clamp(0, 1) * (high - low)).numpy().astype(np.float32 if self.images else np.float64)
        if not self.images:
            whole = np.asarray(self.encoding.spread({f.name: float(f.whole) for f in self.encoding.features}) > 0, bool)
            z[:, whole] = np.round(z[:, whole]).clip(self.encoding.low[whole], self.encoding.high[whole])
            for group in self.encoding.groups:
                z[:, group] = np.eye(group.stop - group.start)[points[:, group].argmax(1).numpy()]
        return self.encoding.decode(z)


def scaled(encoding: Encoding, x: Rows, spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Encoded rows (n, d) flat, each column divided by its ``spread`` (d,), a missing number taken for 0; columns without spread count nothing."""
    z = np.nan_to_num(encoding.encode(x, np.float64).reshape(len(x), -1))
    return np.asarray(z * np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0))


def spread_of(encoding: Encoding, x: Rows) -> NDArray[np.float64]:
    """What distances are counted in, float64 (d,): a table's columns by their standard deviation, pixels as they are."""
    if encoding.table.images:
        return np.ones(int(np.prod(encoding.shape)))
    return np.asarray(np.nan_to_num(encoding.encode(x, np.float64)).std(0))
