"""Square Attack: random search that asks for scores only, so that a target without gradients is attacked too."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from ..check import parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..targets.target import Target
from .attack import BLACK_BOX, AtEachEps, drawn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.perturbation_space import Attacked, PerturbationSpace

PROBES = 10


class Square(AtEachEps):
    """Changes a random square of an image, or random columns of a table, and keeps what brings the scores nearer to an error.

    Andriushchenko et al. 2020, arXiv:1912.00049. Departures: l2 and l1 by adding a patch and projecting; tables by
    random columns and random categories; far fewer queries than the paper's 5,000 by default.
    """

    id: ClassVar[str] = "evasion.square"
    title: ClassVar[str] = "Square attack (black box)"
    question: ClassVar[str] = "How often can someone who only sees the scores fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores"})
    standards: ClassVar[tuple[str, ...]] = BLACK_BOX
    sources: ClassVar[tuple[str, ...]] = ("Andriushchenko et al. 2020, arXiv:1912.00049",)
    cost: ClassVar[str] = "a minute; slower where each query is"
    seconds: ClassVar[float] = 60.0
    remeasured: ClassVar[bool] = True

    renamed: ClassVar[Mapping[str, str]] = {**AtEachEps.renamed, "tries": "query_budget"}

    rows: int = parameter(100, "Rows to attack, drawn at random from those not trained on", "rows", ge=1, le=100_000)
    query_budget: int = parameter(300, "Queries a row may cost at each eps", "queries", ge=3, le=100_000)

    def access(self, target: Target) -> "nn.Module":
        """Scores only."""
        from ..attacks.queries import Answers

        return Answers(target)

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: float, progress: Progress
    ) -> "Attacked":
        import torch

        from ..attacks.score_search import search

        generator = torch.Generator().manual_seed(self.seed)
        return search(module, x, y, space, self.norm, eps, self.query_budget, generator, self.flips, progress)

    def passes(self, flips: int) -> int:
        return self.query_budget

    def seconds_per_row(self, target: Target, data: Dataset) -> float:
        import torch

        from ..attacks.queries import tensors, timed
        from ..attacks.score_search import search

        x, y = tensors(drawn(data, min(64, self.rows), self.seed), self.precision(data))

        def asked() -> None:
            search(self.access(target), x, y, self.space(data), self.norm, self.eps, PROBES, torch.Generator(), self.flips)

        return timed(asked) / len(x) / PROBES
