"""What the server makes of the mean of a round: it takes its place (FedAvg), or is a step of the server's own Adam (FedAdam)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Weights = NDArray[np.float32]
FIRST, SECOND = 0.9, 0.99


@dataclass
class FedAdam:
    """Reddi et al. 2020 (arXiv 2003.00295, algorithm 2): Adam on what the round changed, without bias correction.

    Parameters
    ----------
    rate
        The server's learning rate.
    tau
        Added to the root of the second moment: how small a change still counts.
    first, second
        Decay of the moments, 0.9 and 0.99 in the paper.
    """

    rate: float
    tau: float = 1e-3
    first: float = FIRST
    second: float = SECOND
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    square: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        self.square = np.full(1, self.tau**2)

    def written(self) -> dict[str, Tensor]:
        """Both moments, float64 (d,), by name; (1,) before the first step."""
        return {"moment.mean": torch.from_numpy(self.mean.copy()), "moment.square": torch.from_numpy(self.square.copy())}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The reverse of `written`; nothing where there are none."""
        if "moment.mean" in tensors:
            self.mean, self.square = (tensors[f"moment.{name}"].numpy() for name in ("mean", "square"))

    def step(self, before: Weights, after: Weights) -> Weights:
        """The next weights, float32 (d,), from those that the round began with and those that the rule made."""
        change = after.astype(np.float64) - before
        self.mean = self.first * self.mean + (1 - self.first) * change
        self.square = self.second * self.square + (1 - self.second) * change**2
        return (before + self.rate * self.mean / (np.sqrt(self.square) + self.tau)).astype(np.float32)
