"""HopSkipJump: an attack that sees labels only, which shows whether hiding the scores protects a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..progress import Progress
from ..result import Metric
from ..statistics.majority import Skill
from ..targets.target import Target
from ._money import Bought, bought
from ._spending import within
from .attack import BLACK_BOX, Evasion
from .outcome import AttackOutcome, drawn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.perturbation_space import PerturbationSpace

BEFORE_AND_AFTER = 2
PROBE = 256

STRENGTH, TABLE_STRENGTH = 5000, 200  # labels a row, without which a pass is none


class HopSkipJump(Evasion):
    """Finds the boundary between a row and one of another class, then walks along it towards the row.

    Chen, Jordan and Wainwright 2020, arXiv:1904.02144. One walk gives the smallest change, and so the whole curve over eps. Departures:
    it starts from other rows of the data; in tables one-hot groups are drawn at random before the numbers walk.
    """

    id: ClassVar[str] = "evasion.hop_skip_jump"
    title: ClassVar[str] = "HopSkipJump (labels only)"
    question: ClassVar[str] = "How often can someone who only sees the labels fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    holds_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = BLACK_BOX
    sources: ClassVar[tuple[str, ...]] = ("Chen, Jordan and Wainwright 2020, arXiv:1904.02144",)
    cost: ClassVar[str] = "a minute; slower where each query is"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "query_budget", "rows")
    seconds: ClassVar[float] = 60.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 50, "query_budget": 500}
    tiny: ClassVar[Mapping[str, Any]] = {"query_budget": 40}

    renamed: ClassVar[Mapping[str, str]] = {**Evasion.renamed, "queries": "query_budget"}

    norm: Literal["linf", "l2"] = parameter("linf", "How the size of a change is measured: its largest coordinate, or its Euclidean length")
    rows: int = parameter(100, "Rows to attack, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    query_budget: int = parameter(
        1000,
        "Labels a row may cost in all, never exceeded; a curve over money takes them for each of its amounts",
        "queries",
        ge=20,
        le=1_000_000,
    )

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        n = min(self.rows, len(self.eligible(data)))
        return Estimate(
            n * self.query_budget, self._seconds_per_query(target, data) * n * self.query_budget, "at most; what a row may cost is a limit"
        )

    def _seconds_per_query(self, target: Target, data: Dataset) -> float:
        from ..attacks.queries import timed

        x = drawn(data, min(PROBE, self.rows), self.seed).x
        return 2 * timed(lambda: target.labels(x)) / len(x)

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        right = labels == sample.y
        eps_values = self.eps_values(space.largest(self.norm) if space.dimensions else 1.0, len(space.parts))
        dearer = bool(self.max_cost and self.curve)
        near, size = self._near(target, sample, labels, right, space, progress.part(0.4) if dearer else progress)
        within = size <= self.eps * (1 + 1e-6)
        best = np.where(within.reshape(-1, *(1,) * (sample.x.ndim - 1)), near, sample.x)
        fooled_at = np.full(len(sample), np.inf)
        for eps in reversed(eps_values):
            fooled_at[size <= eps * (1 + 1e-6)] = eps
        fooled_at = np.where(right, fooled_at, -1.0)

        def attack(rows: NDArray[np.intp], limited: "PerturbationSpace", part: Progress) -> Bought:
            found, far = self._near(target, sample, labels, np.isin(np.arange(len(sample)), rows), limited, part)
            return Bought(found[rows], far[rows] <= self.eps * (1 + 1e-6))

        charts = bought(self, sample, best, fooled_at, space, attack, progress.part(1.0))
        return AttackOutcome(best, fooled_at, eps_values, size=size, charts=charts)

    def _near(
        self,
        target: Target,
        sample: Dataset,
        labels: NDArray[np.int64],
        right: NDArray[np.bool_],
        space: "PerturbationSpace",
        progress: Progress,
    ) -> tuple[Rows, NDArray[np.float64]]:
        """The nearest rows (n, *shape) found that fool the target, and how far they are (n,), inf where none was.

        All rows walk side by side, each from rows that are answered otherwise; rows that are wrong already are left as they are.
        """
        import torch

        from ..attacks.expectation import labels as decided
        from ..attacks.label_search import search
        from ..attacks.queries import LabelsOnly, rows_of, tensors
        from ..attacks.repair import related

        x, _ = tensors(sample, self.precision(target))
        aim, module = self.aim(sample.schema.classes), LabelsOnly(target)
        gated = related(module, space)
        found, size = sample.x.copy(), np.full(len(sample), np.inf)
        allowed, generator = self._allowed(sample, module.repeats), torch.Generator().manual_seed(self.seed)
        rows = np.flatnonzero(right)
        if len(rows) == 0:
            return found, size
        fooling, y = aim.module(gated), aim.labels(sample.y)[rows]
        nearest, walked = search(
            fooling, x[rows], y, x, space, self.norm, allowed, generator, self.flips, progress, given=aim.labels(labels)
        )
        far = walked.numpy().astype(np.float64)
        if module.repeats == 1:
            nearest, far = self._pruned(fooling, sample.schema, x[rows], y, nearest, far, space)
        found[rows] = within(self.allowed, sample.schema, sample.x[rows], rows_of(nearest, sample.schema, sample.x[rows]))
        if sample.schema.relations or self.allowed.any:  # a row put back is none that was found
            far = np.where((found[rows] == sample.x[rows]).all(1), np.inf, far)
        if module.repeats > 1:  # what was found is the best of many answers: what counts is asked anew
            far = np.where(aim.reached(decided(target, found[rows]), sample.y[rows]), far, np.inf)
        size[rows] = far
        return found, size

    def _allowed(self, sample: Dataset, repeats: int = 1) -> int:
        """What is left of a row's queries for the search: before and after it are asked for too, and what can be put back."""
        features = 0 if sample.schema.images else len(sample.schema.features)
        aside = BEFORE_AND_AFTER + features + (repeats > 1)
        left = self.query_budget // repeats - aside
        if left < 1:
            needed = (aside + 1) * repeats
            raise Problem(f"at least {needed} queries a row for {features} features", f"{self.query_budget}", "Allow more queries")
        return left

    def _pruned(
        self,
        module: "nn.Module",
        schema: Schema,
        origin: "Tensor",
        y: "Tensor",
        x: "Tensor",
        size: NDArray[np.float64],
        space: "PerturbationSpace",
    ) -> tuple["Tensor", NDArray[np.float64]]:
        """In tables, undo the changes that were not needed, at one query a feature at most."""
        import torch

        from ..attacks.categorical_moves import pruned
        from ..attacks.norms import length
        from ..attacks.perturbation_space import Attacked

        if schema.images:
            return x, size
        margin = torch.from_numpy(np.where(np.isfinite(size), 1.0, -1.0)).to(x.dtype)
        before = Attacked(x, margin, torch.zeros(len(x), dtype=torch.bool))
        after = pruned(module, before, origin, y, tuple(encoding_of(schema).slices.values())).x
        left = length(space.change(origin, after), self.norm).numpy().astype(np.float64)
        return after, np.where(np.isfinite(size), left, np.inf)

    def _metrics(
        self,
        sample: Dataset,
        outcome: AttackOutcome,
        right: NDArray[np.bool_],
        fooled: NDArray[np.bool_],
        space: "PerturbationSpace",
        skill: Skill,
    ) -> tuple[Metric, ...]:
        return (*super()._metrics(sample, outcome, right, fooled, space, skill), self._distance(outcome, right))

    def _distance(self, outcome: AttackOutcome, right: NDArray[np.bool_]) -> Metric:
        """The median smallest change over all rows that were right, whatever eps is."""
        sizes = np.empty(0) if outcome.size is None else outcome.size[right]
        note = "for half of the rows or more none was found" if len(sizes) else "no row is classified rightly"
        return self.median("median_distance", "Median smallest change found, of all rightly classified rows", sizes, note)

    def weakness(self, images: bool) -> str:
        needed = STRENGTH if images else TABLE_STRENGTH
        return "" if self.query_budget >= needed else f"a pass needs {needed:,} queries a row, and {self.query_budget:,} were allowed"
