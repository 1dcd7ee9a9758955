"""The strong evaluation of tables: gradients where the target offers any, a search by scores, and the leaves of trees."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import Metric
from ..statistics.intervals import rate_by_row
from ..statistics.majority import Skill
from ..targets.decision import Prediction
from ..targets.target import Target
from ._evaluation import Line
from ._query_cost import estimated
from .at_each_eps import AtEachEps
from .outcome import AttackOutcome

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace

STRENGTH = 300  # queries a row, without which a pass is none
STEPS = 20
NUMBERS = 2**24  # that a search over several sizes of a change holds at most
LEAVES, AGREES = "The leaves of its trees were read", "No row that is proved robust was fooled"


class Tabular(AtEachEps):
    """Climbs by gradients where there are any, then asks for scores: each column by itself, all together, then at random from the best point.
    At last it moves to the leaves of trees, also behind pipelines whose steps go column by column: of a single tree, without relations, its
    robust accuracy is exact. What the leaves prove stands beside it: at least so robust, after Chen et al. 2019 (arXiv:1906.03849).

    After CAA (Simonetto et al. 2024, arXiv:2406.00775), which goes from a gradient attack with repair to a search. Departures: the search
    keeps one point a row and not a population; it asks every column first; a move that changes nothing is taken, for trees have plateaus.
    Relations between columns are kept in every point that is asked.
    """

    id: ClassVar[str] = "evasion.tabular"
    title: ClassVar[str] = "Strong evaluation of tables"
    question: ClassVar[str] = "How robust is a model of tables really, whatever it is made of?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "table"})
    holds_text: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = (
        "Simonetto et al. 2024, arXiv:2406.00775",
        "Simonetto et al. 2022, arXiv:2112.01156",
        "Zhang et al. 2020, arXiv:2010.11598",
        "Chen et al. 2019, arXiv:1906.03849",
    )
    cost: ClassVar[str] = "a minute; slower where each query is"
    main: ClassVar[tuple[str, ...]] = ("eps", "query_budget", "flips", "rows")
    seconds: ClassVar[float] = 60.0
    renamed: ClassVar[Mapping[str, str]] = {}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "query_budget": 12, "curve": False}

    rows: int = parameter(100, "Rows to attack, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    query_budget: int = parameter(
        300, "Queries a row may cost at each eps, gradients and leaves of trees aside", "queries", ge=5, le=100_000
    )
    gradients: bool = parameter(True, "Climb by gradients first, where the target offers any")

    trees: bool = parameter(True, "Read the leaves of trees, where the model is a tree, forest or boosting that shows them")

    def access(self, target: Target) -> "nn.Module":
        """Scores, and gradients where there are any."""
        from ..attacks.table_access import TableAccess

        return TableAccess(target)

    def together(
        self, eps_values: tuple[float, ...], size: int, module: "nn.Module", space: "PerturbationSpace"
    ) -> tuple[tuple[float, ...], ...]:
        """All at once, so that the target is asked in batches across rows and sizes; one by one where gradients are climbed, where relations
        or limits are kept, and where that needs too much memory."""
        from ..attacks.table_access import access_of

        alone = space.repair is not None or (self.gradients and access_of(module).climbed is not None)
        return super().together(eps_values, size, module, space) if alone or size * len(eps_values) > NUMBERS else (eps_values,)

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        import torch

        from ..attacks.expectation import repeats_of, settled
        from ..attacks.leaf_search import leaf_search
        from ..attacks.norms import each
        from ..attacks.queries import DECIDED
        from ..attacks.table_access import access_of
        from ..attacks.table_search import Ball, search

        generator, sizes = torch.Generator().manual_seed(self.seed), each(eps, x)
        owner = torch.arange(len(x)) % int((sizes == sizes[0]).sum())
        start = None if isinstance(eps, torch.Tensor) else self._climbed(module, x, y, space, eps, generator, progress.part(0.3))
        asked, enough = max(self.query_budget // repeats_of(module), 3), DECIDED * settled(module)
        found = search(module, x, y, space, self.norm, eps, asked, generator, self.flips, progress.part(0.6), start, enough, owner)
        leaves = access_of(module).leaves(x) if self.trees else None
        if leaves is None or repeats_of(module) > 1:
            return found
        ball = Ball(space, self.norm, eps, min(self.flips, len(space.parts)))
        return leaf_search(module, x, y, ball, leaves, found, generator, progress, owner)

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        outcome = super().find_adversarial(target, sample, labels, space, progress)
        return self._proving(target, sample, outcome, space) if self.trees else outcome

    def _proving(self, target: Target, sample: Dataset, outcome: AttackOutcome, space: "PerturbationSpace") -> AttackOutcome:
        """The outcome with what the leaves of trees prove, and the lines of the evaluation that say so."""
        from ..attacks.leaf_bounds import Proof, proved
        from ..attacks.tree_leaves import read_leaves
        from ..targets.target import uncounted

        with uncounted():
            read = read_leaves(target, sample.x)
            proof = Proof(None, read.why)
            if read.leaves is not None:
                proof = proved(target, sample, read.leaves, space, self.eps, min(self.flips, len(space.parts)))
        line = Line(LEAVES, None if read.leaves is None else True, read.words)
        if proof.rows is None:
            return replace(outcome, proof=(line, Line(AGREES, None, proof.why)))
        right, fooled = outcome.fooled_at >= 0, outcome.fooled_at <= self.eps
        rows = proof.rows & right
        wrong = int((rows & fooled).sum())
        found = f"{int(rows.sum())} of {int(right.sum())} rows are proved, {wrong} of them were fooled"
        return replace(outcome, proved=rows, proof=(line, Line(AGREES, wrong == 0, found, "Report this: a proof of ours is wrong")))

    def _lines(
        self, target: Target, sample: Dataset, before: Prediction, outcome: AttackOutcome, space: "PerturbationSpace", skill: Skill
    ) -> tuple[Line, ...]:
        return (*super()._lines(target, sample, before, outcome, space, skill), *outcome.proof)

    def _metrics(
        self,
        sample: Dataset,
        outcome: AttackOutcome,
        right: NDArray[np.bool_],
        fooled: NDArray[np.bool_],
        space: "PerturbationSpace",
        skill: Skill,
    ) -> tuple[Metric, ...]:
        metrics = super()._metrics(sample, outcome, right, fooled, space, skill)
        if outcome.proved is None:
            return metrics
        label = f"At least so robust, proved by the leaves of its trees ({self.sized(sample)})"
        return (*metrics, rate_by_row("proved_accuracy", label, outcome.proved & right, sample.fingerprint, "higher"))

    def _climbed(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: float, generator: Any, progress: Progress
    ) -> "Tensor | None":
        """Where gradients lead, (n, d); None without any."""
        from ..attacks.aim import Aimed
        from ..attacks.categorical_moves import attack
        from ..attacks.repair import related
        from ..attacks.table_access import access_of
        from ..errors import Unavailable

        climbed = access_of(module).climbed
        if climbed is None or not self.gradients:
            return None
        climbed = related(climbed, space)
        aimed = next((part for part in module.modules() if isinstance(part, Aimed)), None)
        climbed = climbed if aimed is None else Aimed(climbed, aimed.goal)
        try:
            return attack(climbed, x, y, space, self.norm, eps, STEPS, generator, 2, self.flips, progress).x
        except Unavailable:  # no score depends on x by a derivative: the search goes on alone
            return None

    def passes(self, flips: int) -> int:
        return self.query_budget

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Measured by the first queries of the search itself, on a few rows."""
        from ..attacks.table_search import search

        space = self.space(data, target)

        def first(module: "nn.Module", x: "Tensor", y: "Tensor", eps: "Radius", owner: "Tensor", queries: int) -> "Attacked":
            import torch

            generator = torch.Generator().manual_seed(self.seed)
            return search(module, x, y, space, self.norm, eps, queries, generator, self.flips, owner=owner)

        return estimated(self, target, data, self.query_budget, first)

    def weakness(self, images: bool) -> str:
        return "" if self.query_budget >= STRENGTH else f"a pass needs {STRENGTH} queries a row, and {self.query_budget:,} were allowed"
