"""What an attack sees of a target: a module whose rows are counted, scores alone, or labels alone; and which rows have a zero gradient."""

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.dataset import Dataset
from ..targets.target import Target, uncounted
from .norms import Norm, drawn
from .perturbation_space import Attacked, PerturbationSpace, blocks, pgd, slope

POINTS = 5


class Counted(nn.Module):
    """A module that counts the rows sent through it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.rows = 0

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module."""
        self.rows += len(x)
        out: Tensor = self.inner(x)
        return out


class Answers(nn.Module):
    """A target seen only through its scores, as log-probabilities; the target itself counts its queries."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities (n, k), without gradient."""
        return torch.from_numpy(self.target.scores(x.detach().numpy())).clamp_min(1e-30).log()


class LabelsOnly(nn.Module):
    """A target seen only through its labels, as one-hot rows; the target itself counts its queries."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    def forward(self, x: Tensor) -> Tensor:
        """1 in the column of the label, else 0: float32 (n, k)."""
        return nn.functional.one_hot(torch.from_numpy(self.target.labels(x.detach().numpy())), len(self.target.classes)).float()


def seconds_per_row(module: nn.Module, data: Dataset, norm: Norm, batch: int = 10**9) -> float:
    """What one gradient step of PGD costs a row on this machine, from three steps of one block of at most ``batch`` rows."""
    size: int = min(len(data), batch, blocks(torch.from_numpy(data.x))[0].stop)
    x, y = tensors(data.take(np.arange(size)))
    space = PerturbationSpace.of(data.schema)
    slope(module, x[:2], y[:2])
    start = time.perf_counter()
    pgd(module, x, y, space, norm, 0.01, 3, torch.Generator().manual_seed(0))
    took: float = time.perf_counter() - start
    return took / size / 3


def timed(call: Callable[[], object]) -> float:
    """Seconds that ``call`` takes; the rows it asks of a target are not counted."""
    start = time.perf_counter()
    with uncounted():
        call()
    return time.perf_counter() - start


def tensors(data: Dataset) -> tuple[Tensor, Tensor]:
    """x and y of a data set for torch."""
    return torch.from_numpy(np.ascontiguousarray(data.x)), torch.from_numpy(np.ascontiguousarray(data.y))


def zero_gradient_rows(
    module: nn.Module, found: Attacked, x: Tensor, space: PerturbationSpace, norm: Norm, eps: float, seed: int
) -> NDArray[np.bool_]:
    """Bool (n,): rows whose gradient was zero at every step of the attack, although the logits differ at random points within eps."""
    still_zero = found.flat.numpy().copy()
    if not still_zero.any() or not space.dimensions:
        return np.zeros(len(x), bool)
    rows = x[found.flat]
    generator = torch.Generator().manual_seed(seed)
    reacts = torch.zeros(len(rows), dtype=torch.bool)
    with torch.no_grad():
        still = module(rows)
        low, high = space.room(rows)
        for _ in range(POINTS):
            change = torch.clamp(drawn(rows, norm, eps, generator, space.free), low, high)
            reacts |= (module(space.moved(rows, change)) - still).abs().amax(1) > 1e-6
    still_zero[still_zero] = reacts.numpy()
    return still_zero
