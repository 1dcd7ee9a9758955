"""The torch modules of `samples.broken`: steps before or behind a classifier that hide its gradients without making it robust."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.schema import Rows
from ..targets.architecture import build, cnn
from ..targets.torch_target import TorchTarget
from ..targets.training import fresh
from .catalog import load_data

SCALE = 1e4
LEVELS = 64
SIGMA = 0.05
TEMPERATURE = 100.0
EPOCHS, BATCH, RATE = 6, 64, 3e-3


class Scaled(nn.Module):
    """Logits times 10,000: cross-entropy has no gradient that float32 could hold."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner(x) * SCALE
        return out


class ScaledSoftmax(Scaled):
    """Probabilities of scaled logits, given for logits."""

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities (n, k)."""
        return torch.softmax(super().forward(x), 1)


class Saturated(nn.Module):
    """A tanh of the distance to the largest logit: 0 for it, and -1 for all others however near they come."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Scores (n, k)."""
        out: Tensor = self.inner(x)
        return torch.tanh((out - out.amax(1, keepdim=True)) * SCALE)


class Quantized(nn.Module):
    """Pixels rounded to 65 levels: the gradient is zero everywhere."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner((x * LEVELS).round() / LEVELS)
        return out


class Filtered(nn.Module):
    """A threshold on faint pixels, computed by numpy: no gradient comes through."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner(torch.from_numpy(_cleaned(x.detach().numpy())))
        return out


def _cleaned(x: Rows) -> Rows:
    """Pixels below 2 % as 0, the others in steps of 1 %."""
    return np.where(x < 0.02, 0.0, np.round(x * 100) / 100).astype(np.float32)


class _Misleading(torch.autograd.Function):
    """Rounding whose backward step turns the gradient round."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return (x * LEVELS).round() / LEVELS

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0].flip(-1)


class Misled(nn.Module):
    """Pixels rounded to 65 levels with a straight-through gradient that points elsewhere."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner(_Misleading.apply(x))  # type: ignore[no-untyped-call]
        return out


class Noisy(nn.Module):
    """Pixels with noise drawn anew for each question."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner(x + SIGMA * torch.randn_like(x))
        return out


class Hot(nn.Module):
    """Logits times 100: what a student whose logits were divided by 100 in training answers without that."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        out: Tensor = self.inner(x) * TEMPERATURE
        return out


def distilled(teacher: TorchTarget) -> nn.Module:
    """A small network trained on the softmax of the teacher's logits over 4; times 100 its logits saturate, as those of defensive distillation.

    Papernot et al. 2016, arXiv:1511.04508, train teacher and student of one shape, both at the temperature that the student loses
    afterwards. Here the teacher is the shipped one, the student is smaller, and 4 softens its lessons. Trained anew each time from seed 0,
    in some seconds.
    """
    seen = load_data("digits").seen
    x = torch.from_numpy(seen.x)
    student = fresh(build(cnn((8, 16), 32, 10)), 0).requires_grad_().train()
    with torch.no_grad():
        soft = (teacher.module(x) / 4).softmax(1)
    optimizer, generator = torch.optim.Adam(student.parameters(), RATE), torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(x), generator=generator), BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(student(x[rows]), soft[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return student.eval().requires_grad_(requires_grad=False)
