"""What the attack on tables sees of a target: its scores, its gradients where it offers any, and the leaves of its trees."""

import numpy as np
from torch import Tensor, nn

from ..targets.module_input import exact
from ..targets.target import Target
from .expectation import expected
from .queries import Answers, Counted
from .tree_leaves import LOOKED, Leaves, leaves_of


class Widened(nn.Module):
    """A module that eats float32, asked in float64."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, z: Tensor) -> Tensor:
        """Logits (n, k), float64."""
        out: Tensor = self.inner(z.float())
        return out.double()


class TableAccess(nn.Module):
    """The scores of a target, counted; ``climbed`` is its module where it offers gradients, else None."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.answers = Answers(target)
        self.target = target
        self._read: list[Leaves | None] = []
        self.climbed: nn.Module | None = None
        if "gradients" in target.offers:
            module = expected(Counted(target.module, target), target)
            self.climbed = module if exact(target.module) else Widened(module)

    def leaves(self, z: Tensor) -> Leaves | None:
        """The leaves of its trees, as they answer the encoded rows ``z``; None of a model that has none. Read once."""
        if not self._read:
            self._read = [leaves_of(self.target, np.asarray(self.target.encoding.decode(z[:LOOKED].numpy()), np.float64))]
        return self._read[0]

    def forward(self, z: Tensor) -> Tensor:
        """Log scores (n, k), float64."""
        out: Tensor = self.answers(z)
        return out


def access_of(module: nn.Module) -> TableAccess:
    """The access inside what wraps it."""
    return next(part for part in module.modules() if isinstance(part, TableAccess))
