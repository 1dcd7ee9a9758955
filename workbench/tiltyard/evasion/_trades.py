"""What TRADES trains against: the point within eps whose answer is farthest from that of the row itself, and the loss of both.

Zhang et al. 2019, arXiv:1901.08573. Departure: the start is a random point within a hundredth of eps in every norm.
"""

import torch
from torch import Tensor, nn

from ..attacks.norms import Norm, drawn, project_within
from ..attacks.perturbation_space import PerturbationSpace, ascended
from ..attacks.standing import step

START, RATE = 0.01, 2.5
TINY = 1e-12


def farthest(
    module: nn.Module, x: Tensor, space: PerturbationSpace, norm: Norm, eps: float, steps: int, generator: torch.Generator
) -> Tensor:
    """Valid rows within ``eps`` of x (n, *shape) that raise the Kullback-Leibler divergence from the answers to x, by ``steps`` gradients."""
    low, high = space.room(x)
    if norm == "linf":
        low, high = low.clamp_min(-eps), high.clamp_max(eps)
    with torch.no_grad():
        plain: Tensor = module(x).log_softmax(1)
    change = project_within(drawn(x, norm, START * eps, generator, space.free), norm, eps, low, high)
    for _ in range(steps):
        gradient, _ = ascended(module, space.moved(x, change), lambda out: divergence(plain, out.log_softmax(1)))
        gradient = gradient if space.plain else gradient * space.scale * space.free
        change = project_within(change + step(gradient, change, norm, RATE * eps / steps, low, high), norm, eps, low, high)
    return space.moved(x, change)


def divergence(plain: Tensor, moved: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each row, (n,), from log probabilities (n, k)."""
    return (plain.exp() * (plain - moved)).sum(1)


def loss(module: nn.Module, x: Tensor, far: Tensor, y: Tensor, beta: float) -> Tensor:
    """Cross-entropy on the rows and ``beta`` times the divergence to their farthest points."""
    plain = module(x).log_softmax(1)
    return nn.functional.nll_loss(plain, y) + beta * divergence(plain, module(far).log_softmax(1)).mean()
