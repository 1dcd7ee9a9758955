"""An adversarial patch: a small picture that fools the model wherever it is put, on rows it was not fitted on."""

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import parameter
from ..datasets.dataset import Dataset
from ..formatting.raster import shades
from ..result import Table
from . import showing
from ._one_for_all import OneForAll

if TYPE_CHECKING:
    import torch

    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.shared_change import Shape


class Patch(OneForAll):
    """Fits the pixels of one square that covers a part of the picture, at places drawn anew in every step.

    Brown et al. 2017, arXiv:1712.09665. It is judged on other rows, at one random place each. Departures: it is not turned, scaled or
    photographed; the steps are those of `attacks.shared_change`.
    """

    id: ClassVar[str] = "evasion.patch"
    title: ClassVar[str] = "Adversarial patch"
    question: ClassVar[str] = "Does one small picture fool the model wherever it is stuck on?"
    needs: ClassVar[frozenset[str]] = frozenset({*OneForAll.needs, "images"})
    sources: ClassVar[tuple[str, ...]] = ("Brown et al. 2017, arXiv:1712.09665",)
    main: ClassVar[tuple[str, ...]] = ("area", "goal", "rows")

    area: float = parameter(0.05, "Share of the picture that the square covers", "share", gt=0, le=0.5)

    def edge(self, data: Dataset) -> int:
        """Of the square, in pixels, at least 1."""
        _, height, width = data.schema.shape
        return max(1, min(round(math.sqrt(self.area * height * width)), height, width))

    def shape(self, data: Dataset, space: "PerturbationSpace") -> "Shape":
        from ..attacks import shared_change

        channels, height, width = data.schema.shape
        first = data.schema.features[0]
        return shared_change.Patch((channels, height, width), self.edge(data), first.low, first.high)

    def sized(self, data: Dataset) -> str:
        edge = self.edge(data)
        return f"one patch of {edge} × {edge} pixels"

    def random(self, shape: "Shape", generator: "torch.Generator") -> "torch.Tensor":
        """Uniform noise."""
        return shape.start(generator)

    def seen(self, change: "torch.Tensor", data: Dataset) -> NDArray[np.uint8]:
        first = data.schema.features[0]
        return shades(((change - first.low) / (first.high - first.low)).numpy())

    def change_tables(self, change: "torch.Tensor", data: Dataset, shown: showing.Shown) -> tuple[Table, ...]:
        return ()
