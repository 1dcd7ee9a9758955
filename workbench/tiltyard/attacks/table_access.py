"""What the attack on tables sees of a target: its scores, and its gradients where it offers any."""

from torch import Tensor, nn

from ..targets.module_input import exact
from ..targets.target import Target
from .expectation import expected
from .queries import Answers, Counted


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
        self.climbed: nn.Module | None = None
        if "gradients" in target.offers:
            module = expected(Counted(target.module, target), target)
            self.climbed = module if exact(target.module) else Widened(module)

    def forward(self, z: Tensor) -> Tensor:
        """Log scores (n, k), float64."""
        out: Tensor = self.answers(z)
        return out


def access_of(module: nn.Module) -> TableAccess:
    """The access inside what wraps it."""
    return next(part for part in module.modules() if isinstance(part, TableAccess))
