"""Attacks on a model that draws: they ask again and use what it answers on average.

Athalye et al. 2018, arXiv:1802.00420, "expectation over transformation": a gradient averaged over draws. One answer of such a
model says little, and the best of many says less; so what it decides is the majority of `REPEATS` answers.
"""

import numpy as np
import torch
from torch import Tensor, nn

from ..datasets.schema import Rows
from ..targets.decision import Labels, Prediction
from ..targets.target import Target

REPEATS = 11


def repeats(target: Target) -> int:
    """How often each row is asked: once of a model that does not draw."""
    return REPEATS if target.noise > 0 else 1


def repeats_of(module: nn.Module) -> int:
    """How often a module that sees a target from outside (`queries.Answers`, also within another) asks for each row."""
    return max(int(getattr(part, "repeats", 1)) for part in module.modules())


def answers(target: Target, x: Rows) -> Prediction:
    """What the target decides and its scores; of one that draws the majority of `REPEATS` answers and their mean scores."""
    times = repeats(target)
    if times == 1:
        return target.predictions(x)
    every = [target.predictions(x) for _ in range(times)]
    return Prediction(_majority([one.labels for one in every], len(target.classes)), np.mean([one.scores for one in every], 0))


def labels(target: Target, x: Rows) -> Labels:
    """What the target decides, (n,); of one that draws the majority of `REPEATS` answers."""
    times = repeats(target)
    return target.labels(x) if times == 1 else _majority([target.labels(x) for _ in range(times)], len(target.classes))


def _majority(every: list[Labels], classes: int) -> Labels:
    votes = np.zeros((len(every[0]), classes), np.int64)
    for one in every:
        votes[np.arange(len(one)), one] += 1
    found: Labels = votes.argmax(1).astype(np.int64)
    return found


class Expected(nn.Module):
    """The logarithm of a module's mean probabilities over ``times`` draws: its gradient is the expectation over its noise."""

    def __init__(self, inner: nn.Module, times: int = REPEATS) -> None:
        super().__init__()
        self.inner = inner
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        """Log probabilities (n, k)."""
        out: Tensor = self.inner(x.repeat(self.times, *(1,) * (x.ndim - 1)))
        logs = out.log_softmax(1).reshape(self.times, len(x), -1)
        return torch.logsumexp(logs, 0)


def expected(module: nn.Module, target: Target) -> nn.Module:
    """The target's module, or where it draws its expectation."""
    return module if repeats(target) == 1 else Expected(module)
