"""A module whose rows are counted and whose budget is never overrun."""

from torch import Tensor, nn

from .query_budget import Meter


class Metered(nn.Module):
    """``inner``, asked through a `Meter`."""

    def __init__(self, inner: nn.Module, meter: Meter) -> None:
        super().__init__()
        self.inner = inner
        self.meter = meter

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module; `BudgetSpent` before a row beyond the budget is answered."""
        self.meter.take(len(x))
        out: Tensor = self.inner(x)
        return out
