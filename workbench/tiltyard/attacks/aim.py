"""What an attacker is after: that rows are answered with any other class, or with one class in particular."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..targets.decision import Labels


class Aimed(nn.Module):
    """A module's k logits as two: the largest of all classes but ``goal``, and that of ``goal``."""

    def __init__(self, inner: nn.Module, goal: int) -> None:
        super().__init__()
        self.inner = inner
        self.goal = goal

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 2); the second is larger where ``goal`` is decided."""
        out: Tensor = self.inner(x)
        others = torch.cat([out[:, : self.goal], out[:, self.goal + 1 :]], 1)
        return torch.stack([others.amax(1), out[:, self.goal]], 1)


@dataclass(frozen=True)
class Aim:
    """An attack away from the true class (``goal`` None), or to the class ``goal``.

    Attacks know one aim, away from a label. The other is the same of a module that knows two classes, ``goal`` and all else.
    """

    goal: int | None = None

    def module(self, module: nn.Module) -> nn.Module:
        """What is to be attacked, away from `labels`."""
        return module if self.goal is None else Aimed(module, self.goal)

    def labels(self, given: NDArray[np.int64]) -> Tensor:
        """Labels (n,) as the classes of `module`: 1 for the goal and 0 for all others where there is one."""
        return torch.from_numpy(np.ascontiguousarray(given if self.goal is None else (given == self.goal).astype(np.int64)))

    def reached(self, answered: Labels, y: Labels) -> NDArray[np.bool_]:
        """In which rows (n,) with the true classes ``y`` the attack got what it is after."""
        found: NDArray[np.bool_] = answered != y if self.goal is None else answered == self.goal
        return found
