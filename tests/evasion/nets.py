"""Small models with known answers: a constant, one without a gradient, a plane."""

import torch
from torch import Tensor, nn


def constant(x: Tensor) -> Tensor:
    return torch.tensor([[1.0, 0.0]]).repeat(len(x), 1) + 0 * x[:, :1]


class Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return constant(x)


class Staircase(nn.Module):
    """A model whose gradient is zero everywhere though its answer depends on the row."""

    def forward(self, x: Tensor) -> Tensor:
        step = (x[:, :1] * 50).round() / 50
        return torch.cat([0.5 - step, step - 0.5], 1) + 0 * x[:, :1]


class Plane(nn.Module):
    """A linear model through the middle of the cube that counts the rows it is asked for."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.w = torch.randn(d, generator=torch.Generator().manual_seed(1))
        self.asked = 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        margin = (x - 0.5).flatten(1) @ self.w
        return torch.stack([-margin, margin], 1)
