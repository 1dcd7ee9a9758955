"""The smallest patch that turns every row into one class: found by gradients on a mask and a pattern (Neural Cleanse)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..progress import Progress

RATE, BETAS = 0.1, (0.5, 0.9)
LAMBDA, UP, DOWN, PATIENCE = 1e-3, 1.5, 1.5**1.5, 5
ENOUGH = 0.99
MAD = 1.4826  # times the median absolute deviation is the deviation of a normal


@dataclass(frozen=True)
class Inverted:
    """The smallest trigger found of one class: ``mask`` (height, width) from 0 to 1, ``pattern`` of the row's shape, and its success while it was sought."""

    label: int
    mask: NDArray[np.float32]
    pattern: NDArray[np.float32]
    success: float

    @property
    def size(self) -> float:
        """The L1 norm of the mask, in pixels."""
        return float(np.abs(self.mask).sum())

    def stamped(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows x (n, channels, height, width) with the trigger."""
        out: NDArray[np.float32] = ((1 - self.mask) * x + self.mask * self.pattern).astype(np.float32)
        return out


def inverted(
    module: nn.Module, x: Tensor, label: int, low: Tensor, high: Tensor, steps: int, batch: int, seed: int, progress: Progress
) -> Inverted:
    """The smallest mask with which a pattern turns `ENOUGH` of a batch into ``label`` (Wang et al. 2019, IEEE S&P, algorithm of their code).

    Adam on mask and pattern in tanh space; the weight of the mask's L1 norm rises while enough rows obey, and falls while they do not.

    Parameters
    ----------
    module
        Logits (n, k) of x, float32 (n, channels, height, width); frozen.
    low, high
        Valid values, of the row's shape.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = x.shape[1:]
    mask = torch.randn(shape[1:], generator=generator).requires_grad_()
    pattern = torch.randn(shape, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([mask, pattern], lr=RATE, betas=BETAS)
    weight, over, under = LAMBDA, 0, 0
    best = Inverted(label, np.ones(shape[1:], np.float32), x[0].numpy(), 0.0)
    wanted = torch.full((min(batch, len(x)),), label)
    for step in range(steps):
        progress.step(step / steps)
        rows = x[torch.randperm(len(x), generator=generator)[: len(wanted)]]
        m, p = (torch.tanh(mask) + 1) / 2, low + (high - low) * (torch.tanh(pattern) + 1) / 2
        logits = module((1 - m) * rows + m * p)
        loss = nn.functional.cross_entropy(logits, wanted) + weight * m.sum()
        size = float(m.detach().sum())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        success = float((logits.argmax(1) == label).float().mean())
        if (success >= ENOUGH and (size < best.size or best.success < ENOUGH)) or best.success < success < ENOUGH:
            best = Inverted(label, m.detach().numpy().copy(), p.detach().numpy().copy(), success)
        over, under = (over + 1, 0) if success >= ENOUGH else (0, under + 1)
        if over >= PATIENCE:
            weight, over = weight * UP, 0
        elif under >= PATIENCE:
            weight, under = weight / DOWN, 0
    return best


def anomaly(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many deviations each size (k,) lies below the median, by the median absolute deviation; negative above it.

    Where more than half of the sizes are equal a deviation is not known: then it is taken as 1 % of the median.
    """
    median = float(np.median(sizes))
    deviation = MAD * float(np.median(np.abs(sizes - median)))
    found: NDArray[np.float64] = (median - sizes) / max(deviation, 0.01 * median, 1e-12)
    return found
