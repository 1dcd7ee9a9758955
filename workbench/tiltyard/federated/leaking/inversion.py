"""Rows from the gradient they gave, by matching it (Zhu et al. 2019, arXiv 1906.08935; Geiping et al. 2020, arXiv 2003.14053)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import Problem
from ...progress import Progress

Gradient = tuple[Tensor, ...]


@dataclass(frozen=True)
class Sent:
    """What left the client: the mean gradient over its batch, a tensor for each parameter, and the labels, int64 (n,), taken as known."""

    gradient: Gradient
    labels: Tensor


@dataclass(frozen=True)
class Box:
    """Lowest and highest value of each number of a row, float32 (*shape)."""

    low: Tensor
    high: Tensor

    def within(self, unit: Tensor) -> Tensor:
        """From [0, 1] to the rows' own units."""
        return self.low + unit * (self.high - self.low)

    def unit(self, x: Tensor) -> Tensor:
        """Into [0, 1]; 0 where a number cannot vary."""
        return (x - self.low) / (self.high - self.low).clamp_min(1e-12)


def gradient(module: nn.Module, x: Tensor, y: Tensor, graph: bool = False) -> Gradient:
    """Gradient of the mean cross-entropy on x (n, *shape), y (n,), by each parameter; with ``graph`` it can be derived again."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise Problem("a module with weights to train", "none", "Open a model that learns by gradients")
    loss = nn.functional.cross_entropy(module(x), y)
    found = torch.autograd.grad(loss, parameters, create_graph=graph, allow_unused=True)
    return tuple(torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True))


def noised(sent: Gradient, clip: float, noise: float, source: torch.Generator) -> Gradient:
    """``sent`` cut down to norm ``clip``, plus normal noise of deviation ``noise`` times ``clip`` on each number."""
    norm = float(torch.sqrt(sum((g.square().sum() for g in sent), torch.zeros(()))))
    scale = min(1.0, clip / max(norm, 1e-12))
    return tuple(scale * g + noise * clip * torch.randn(g.shape, generator=source) for g in sent)


def apart(one: Gradient, other: Gradient) -> Tensor:
    """1 minus the cosine between two gradients; it does not see by what one was clipped."""
    dot = sum(((a * b).sum() for a, b in zip(one, other, strict=True)), torch.zeros(()))
    sizes = [sum((a.square().sum() for a in g), torch.zeros(())).clamp_min(1e-24).sqrt() for g in (one, other)]
    return 1 - dot / (sizes[0] * sizes[1])


def roughness(x: Tensor) -> Tensor:
    """Total variation of images (n, channels, height, width), a mean over pixels; 0 of rows of a table."""
    if x.ndim != 4:
        return torch.zeros(())
    return x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()


def inverted(module: nn.Module, sent: Sent, box: Box, steps: int, smooth: float, source: torch.Generator, progress: Progress) -> Tensor:
    """The rows (n, *shape) whose gradient points as ``sent`` does, by Adam on signs, in the box.

    Parameters
    ----------
    steps
        Of Adam; the rate falls tenfold at 3/8, 5/8 and 7/8 of them, as in Geiping et al.
    smooth
        Weight of total variation, images only.
    """
    guess = torch.rand((len(sent.labels), *box.low.shape), generator=source).requires_grad_()
    optimizer = torch.optim.Adam([guess], lr=0.1)
    falls = torch.optim.lr_scheduler.MultiStepLR(optimizer, [steps * k // 8 for k in (3, 5, 7)], gamma=0.1)
    for i in range(steps):
        progress.step(i / steps, f"step {i + 1} of {steps}")
        loss = apart(gradient(module, box.within(guess), sent.labels, graph=True), sent.gradient) + smooth * roughness(guess)
        (slope,) = torch.autograd.grad(loss, [guess])
        guess.grad = slope.sign()
        optimizer.step()
        falls.step()
        with torch.no_grad():
            guess.clamp_(0, 1)
    progress.step(1.0, "inverted")
    return box.within(guess.detach())


def matched(guess: Tensor, true: Tensor) -> Tensor:
    """``guess`` (n, *shape) in the order in which its rows are nearest to those of ``true``: a gradient knows no order."""
    from scipy.optimize import linear_sum_assignment

    far = torch.cdist(true.reshape(len(true), -1), guess.reshape(len(guess), -1))
    return guess[torch.from_numpy(linear_sum_assignment(far.square().numpy())[1])]
