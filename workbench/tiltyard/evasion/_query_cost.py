"""What a search by scores takes on this model: measured by its first queries on a few rows, what a call costs and what a row in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..check import Estimate
from ..datasets.dataset import Dataset
from ..targets.target import Target
from .at_each_eps import AtEachEps
from .outcome import drawn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace

    Search = Callable[[nn.Module, Tensor, Tensor, Radius, Tensor, int], Attacked]

PROBED, TRIED = 16, 8  # rows, and queries of each


@dataclass(frozen=True)
class Cost:
    """Seconds that a ``call`` costs beside those of each ``row`` in it, the share of rows ``standing`` after `TRIED` calls, and whether
    all eps go in one call."""

    call: float
    row: float
    standing: float
    together: bool


def estimated(check: AtEachEps, target: Target, data: Dataset, query_budget: int, search: "Search") -> Estimate:
    """What a search costs whose rows leave once they are fooled; rows asked are told at most.

    Parameters
    ----------
    search
        From module, rows x, classes y, eps, whose row each is, and queries to what is found.
    """
    from ..attacks.expectation import repeats

    rows, space = check.eligible(data), check.space(data, target)
    n, eps_values = min(check.rows, len(rows)), check.eps_values(100.0, len(space.parts))
    if not n:
        return Estimate(0, 0.0, "no row may be attacked")
    cost = _measured(check, target, drawn(data, min(PROBED, n), check.seed, rows), space, eps_values, search)
    calls, one_by_one = query_budget / repeats(target), 1 if cost.together else len(eps_values)
    seconds = calls * (one_by_one * cost.call + n * len(eps_values) * cost.standing * cost.row)
    return Estimate(n * query_budget * len(eps_values), seconds, "queries at most; rows that are fooled are asked no more")


def _measured(
    check: AtEachEps, target: Target, sample: Dataset, space: "PerturbationSpace", eps_values: tuple[float, ...], search: "Search"
) -> Cost:
    import torch

    from ..attacks.norms import each
    from ..attacks.queries import tensors, timed
    from ..attacks.repair import related
    from ..attacks.score_search import unsettled

    x, _ = tensors(sample, check.precision(target))
    aim = check.aim(sample.schema.classes)
    module, y = aim.module(related(check.access(target), space)), aim.labels(sample.y)
    together = len(check.together(eps_values, x.numel(), module, space)) == 1
    sizes = eps_values if together else (check.eps,)

    def tried(n: int) -> tuple[float, float]:
        """Seconds of a call with n rows, and the share of these that stand after `TRIED` calls."""
        owner = torch.arange(n).repeat(len(sizes))
        found: list[Attacked] = []
        eps: Radius = torch.tensor(sizes, dtype=x.dtype).repeat_interleave(n) if together else check.eps
        took = timed(lambda: found.append(search(module, x[owner], y[owner], eps, owner, TRIED))) / TRIED
        return took, float(unsettled(found[0].margin, each(eps, x[owner]), owner).float().mean())

    (one, _), (many, standing) = tried(1), tried(len(x))
    row = max(many - one, 0.0) / max(len(x) - 1, 1) / len(sizes)
    return Cost(max(one - row * len(sizes), 0.0), row, standing, together)
