"""Square Attack: random search that asks for scores only, so that a target without gradients is attacked too."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..targets.target import Target
from ._evaluation import Line
from ._query_cost import estimated
from ._score_reaction import reacting
from .at_each_eps import AtEachEps
from .attack import BLACK_BOX

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace

NUMBERS = 2**23  # of all rows at all sizes that are searched at once

STRENGTH, TABLE_STRENGTH = 2500, 200  # queries a row, without which a pass is none


class Square(AtEachEps):
    """Changes a random square of an image, or random columns of a table, and keeps what brings the scores nearer to an error.

    Andriushchenko et al. 2020, arXiv:1912.00049. Departures: a square that would change nothing is turned; l2 and l1 by adding a patch and projecting; tables by
    random columns and random categories; far fewer queries than the paper's 5,000 by default.
    """

    id: ClassVar[str] = "evasion.square"
    title: ClassVar[str] = "Square attack (black box)"
    question: ClassVar[str] = "How often can someone who only sees the scores fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores"})
    holds_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = BLACK_BOX
    sources: ClassVar[tuple[str, ...]] = ("Andriushchenko et al. 2020, arXiv:1912.00049",)
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "a minute; slower where each query is"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "query_budget", "rows")
    seconds: ClassVar[float] = 60.0
    remeasured: ClassVar[bool] = True

    renamed: ClassVar[Mapping[str, str]] = {**AtEachEps.renamed, "tries": "query_budget"}

    rows: int = parameter(100, "Rows to attack, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    query_budget: int = parameter(300, "Queries a row may cost at each eps", "queries", ge=3, le=100_000)

    def together(
        self, eps_values: tuple[float, ...], size: int, module: "nn.Module", space: "PerturbationSpace"
    ) -> tuple[tuple[float, ...], ...]:
        """All at once, so that the target is asked in batches across rows and sizes; one by one where that needs too much memory."""
        return (eps_values,) if size * len(eps_values) <= NUMBERS else super().together(eps_values, size, module, space)

    def access(self, target: Target) -> "nn.Module":
        """Scores only."""
        from ..attacks.queries import Answers

        return Answers(target)

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        import torch

        from ..attacks.expectation import repeats_of, settled
        from ..attacks.norms import each
        from ..attacks.queries import DECIDED
        from ..attacks.score_search import search

        generator = torch.Generator().manual_seed(self.seed)
        sizes = each(eps, x)
        rows = torch.arange(len(x)) % int((sizes == sizes[0]).sum())
        asked = max(self.query_budget // repeats_of(module), 3)
        enough = DECIDED * settled(module)
        return search(module, x, y, space, self.norm, sizes, asked, generator, self.flips, progress, rows, enough)

    def passes(self, flips: int) -> int:
        return self.query_budget

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Measured by the first queries of the search itself, on a few rows."""
        from ..attacks.score_search import search

        space = self.space(data, target)

        def first(module: "nn.Module", x: "Tensor", y: "Tensor", eps: "Radius", owner: "Tensor", queries: int) -> "Attacked":
            import torch

            generator = torch.Generator().manual_seed(self.seed)
            return search(module, x, y, space, self.norm, eps, queries, generator, self.flips, None, owner)

        return estimated(self, target, data, self.query_budget, first)

    def _gradient_lines(self, target: Target, sample: Dataset, space: "PerturbationSpace") -> tuple[Line, ...]:
        """No gradient is asked for; the scores that lead the search are looked at."""
        lines = super()._gradient_lines(target, sample, space)
        return (*lines, reacting(target, sample, space, self.norm, self.eps, self.seed)) if space.dimensions else lines

    def weakness(self, images: bool) -> str:
        needed = STRENGTH if images else TABLE_STRENGTH
        return "" if self.query_budget >= needed else f"a pass needs {needed:,} queries a row, and {self.query_budget:,} were allowed"
