"""A module under the decision rule in force: logits whose largest is the decision, so that gradients lead to and from it."""

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from .decision import ClassThreshold, Decision

if TYPE_CHECKING:
    from torch import Tensor


class Decided(nn.Module):
    """Logits moved by a number a class, so that the largest is what the decision rule says."""

    offsets: "Tensor"

    def __init__(self, inner: nn.Module, offsets: tuple[float, ...]) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("offsets", torch.tensor(offsets))

    def forward(self, x: "Tensor") -> "Tensor":
        """Logits (n, k)."""
        out: Tensor = self.inner(x)
        return out + self.offsets


class DecidedFrom(nn.Module):
    """Logits of which that of class ``index`` is the largest exactly where its score is at least ``value``; those of the others stay.

    With the others' logits z and the class's own a, its score p has log p - log (1 - p) = a - log sum exp z. What that is above the log-odds
    of ``value`` is how far the class's new logit stands above the largest of the others.
    """

    def __init__(self, inner: nn.Module, index: int, value: float) -> None:
        super().__init__()
        self.inner = inner
        self.index = index
        self.least = math.log(value) - math.log1p(-value)

    def forward(self, x: "Tensor") -> "Tensor":
        """Logits (n, k)."""
        out: Tensor = self.inner(x)
        others = torch.cat([out[:, : self.index], out[:, self.index + 1 :]], 1)
        above = out[:, self.index] - others.logsumexp(1) - self.least
        own = (others.amax(1) + above).unsqueeze(1)
        return torch.cat([others[:, : self.index], own, others[:, self.index :]], 1)


def decided(logits: nn.Module, rule: Decision | None) -> nn.Module:
    """``logits`` under ``rule``; as they are where it is none, the largest score, or has no such form (a function of a person's own)."""
    if isinstance(rule, ClassThreshold):
        return DecidedFrom(logits, rule.index, rule.value)
    return Decided(logits, rule.offsets) if rule is not None and rule.offsets else logits
