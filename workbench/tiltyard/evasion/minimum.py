"""The smallest change that fools the model, row by row: how near is the nearest error?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..progress import Progress
from ..result import Metric
from ..statistics.majority import Skill
from ..targets.target import Target
from ._evaluation import Line, not_asked, of_gradients
from ._money import Bought, bought
from ._spending import within
from .attack import SHARES, Evasion
from .outcome import AttackOutcome, drawn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.smallest import Smallest
    from ..attacks.ways import Way


STRENGTH = 40
FORWARD = 20  # queries a row beside the gradients
LEAST, SLACK = 1e-9, 1e-6
FIRST = {"linf": 0.05, "l2": 0.05, "l1": 0.02}  # the first radius, of the whole range


@dataclass(frozen=True)
class Found:
    """The nearest fooling rows (n, *shape) of a table or pictures, and how far each lies, inf where none was found, (n,)."""

    x: Rows
    size: NDArray[np.float64]


class Minimum(Evasion):
    """Looks for the smallest change of each row instead of trying one size: radii in linf, l2 and l1, or the fewest changed coordinates.

    Pintor et al. 2021, arXiv:2102.12827, with steps as shares of a row's own radius (so that in l2 its schedule is near that of Rony et al.
    2019, arXiv:1811.09600); in l0 sigma-zero, Cinà et al. 2024, arXiv:2402.01879. In l0 ``eps`` is how many numbers may be changed.
    Categories stay as they are.
    """

    id: ClassVar[str] = "evasion.minimum"
    title: ClassVar[str] = "Smallest change"
    question: ClassVar[str] = "How small a change of a row fools the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    sources: ClassVar[tuple[str, ...]] = (
        "Pintor et al. 2021, arXiv:2102.12827",
        "Rony et al. 2019, arXiv:1811.09600",
        "Cinà et al. 2024, arXiv:2402.01879",
    )
    cost: ClassVar[str] = "seconds to a minute"
    main: ClassVar[tuple[str, ...]] = ("norm", "eps", "steps", "rows")
    seconds: ClassVar[float] = 60.0
    renamed: ClassVar[Mapping[str, str]] = {}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "steps": 10}
    leads: ClassVar[tuple[str, ...]] = ("median_distance",)

    norm: Literal["linf", "l2", "l1", "l0"] = parameter(  # type: ignore[assignment]
        "l2", "How the size of a change is measured: its largest coordinate, its length, the sum of its coordinates, or how many differ"
    )
    eps: float = parameter(
        1.0, "The size up to which a row counts as fooled in the robust accuracy, in ranges; in l0 how many numbers", "ranges", gt=0, le=1e6
    )
    flips: int = parameter(0, "Categories stay as they are here, so none; the strong evaluation changes them", "features", ge=0, le=0)
    steps: int = parameter(100, "Gradients asked for a row", "steps", ge=2, le=10_000)

    def weakness(self, images: bool) -> str:
        return "" if self.steps >= STRENGTH else f"a pass needs {STRENGTH} gradient steps a row"

    def space(self, data: Dataset, target: Target) -> "PerturbationSpace":
        from ..errors import Problem

        asked = self if self.norm != "l0" else self.model_copy(update={"norm": "l2", "eps": LEAST})
        space = super(Minimum, asked).space(data, target)
        if not space.dimensions:
            raise Problem("a number that an attacker may change", "none", "Mark numbers as mutable in the schema")
        if self.norm == "l0" and self.eps > space.dimensions:
            raise Problem(f"an l0 eps of at most {space.dimensions}, all numbers there are", f"{self.eps:g}", "Choose a smaller eps")
        return space

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.expectation import expected, repeats
        from ..attacks.queries import seconds_per_row

        n = min(self.rows, len(self.eligible(data))) * repeats(target)
        module = expected(target.module, target)
        each = seconds_per_row(module, drawn(data, 64, self.seed), "l2", self.precision(target)) / repeats(target)
        return Estimate(n * (self.steps + FORWARD), each * n * (self.steps + FORWARD / 3))

    def eps_values(self, largest: float, groups: int) -> tuple[float, ...]:
        """Up to twice eps, ascending; in l0 whole."""
        values = {self.eps * share for share in (SHARES if self.curve else (1.0,))}
        return tuple(sorted({float(np.ceil(value)) for value in values if value != self.eps} | {self.eps} if self.norm == "l0" else values))

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        right = labels == sample.y
        rows = np.flatnonzero(right)
        best, size = sample.x.copy(), np.full(len(sample), np.inf)
        lines: tuple[Line, ...] = ()
        module: nn.Module = target.module
        if len(rows):
            some = sample.take(rows)
            taken = self._way(target, some, space)
            module = taken.module
            lines = (*of_gradients(taken.facts, taken.remedied), *not_asked())
            found = self._nearest(target, some, module, space, progress)
            holds = np.isfinite(found.size)
            size[rows[holds]], best[rows[holds]] = found.size[holds], found.x[holds]
        best[size > self.eps * (1 + SLACK)] = sample.x[size > self.eps * (1 + SLACK)]
        eps_values = self.eps_values(0.0, 0)
        fooled_at = np.full(len(sample), np.inf)
        for eps in reversed(eps_values):
            fooled_at[size <= eps * (1 + SLACK)] = eps
        fooled_at = np.where(right, fooled_at, -1.0)

        def attack(rows: NDArray[np.intp], limited: "PerturbationSpace", part: Progress) -> Bought:
            again = self._nearest(target, sample.take(rows), module, limited, part)
            return Bought(again.x, again.size <= self.eps * (1 + SLACK))

        charts = bought(self, sample, best.copy(), fooled_at, space, attack, progress.part(1.0))  # the rows given stay the nearest
        return AttackOutcome(best, fooled_at, eps_values, size=size, lines=lines, charts=charts)

    def _way(self, target: Target, rows: Dataset, space: "PerturbationSpace") -> "Way":
        """The module to follow: the target's own, or one that goes around what hides its gradients."""
        import torch

        from ..attacks.queries import tensors
        from ..attacks.ways import way

        x, _ = tensors(rows, self.precision(target))
        norm = "l2" if self.norm == "l0" else self.norm
        return way(
            target.module, x, torch.from_numpy(np.ascontiguousarray(rows.y)), space, norm, min(self.eps, space.largest(norm)), self.seed
        )

    def _nearest(self, target: Target, rows: Dataset, module: "nn.Module", space: "PerturbationSpace", progress: Progress) -> "Found":
        """The nearest fooling points as rows of the data set, judged by the target itself."""
        from ..attacks.expectation import expected, settled
        from ..attacks.expectation import labels as decided
        from ..attacks.queries import Counted, rows_of, tensors
        from ..attacks.repair import related

        aim = self.aim(rows.schema.classes)
        x, _ = tensors(rows, self.precision(target))
        climbed = aim.module(related(expected(Counted(module, target), target), space))
        enough = settled(climbed)
        found = self._smallest(climbed, x, aim.labels(rows.y), space, enough, progress)
        points = within(self.allowed, rows.schema, rows.x, rows_of(found.x, rows.schema, rows.x))
        holds = aim.reached(decided(target, points), rows.y)
        return Found(points, np.where(holds, found.radius.numpy(), np.inf))

    def _smallest(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", enough: float, progress: Progress
    ) -> "Smallest":
        from ..attacks.fewest import fewest
        from ..attacks.smallest import smallest
        from ..attacks.standing import Standing

        if self.norm == "l0":
            return fewest(module, x, y, space, self.steps, progress, enough)
        return smallest(Standing(module, x, y, space, self.norm, space.largest(self.norm) * FIRST[self.norm], enough), self.steps, progress)

    def _metrics(
        self,
        sample: Dataset,
        outcome: AttackOutcome,
        right: NDArray[np.bool_],
        fooled: NDArray[np.bool_],
        space: "PerturbationSpace",
        skill: Skill,
    ) -> tuple[Metric, ...]:
        note = "for half of the rows or more none was found" if right.any() else "no row is classified rightly"
        label = "Median smallest change found, of all rightly classified rows"
        distance = self.median("median_distance", label, self._found_sizes(outcome)[right], note)
        return (*super()._metrics(sample, outcome, right, fooled, space, skill), distance)

    def _change(self, sample: Dataset, outcome: AttackOutcome, fooled: NDArray[np.bool_], space: "PerturbationSpace") -> Metric:
        return self.median(
            "median_change", "Median change of the numbers in fooled rows", self._found_sizes(outcome)[fooled], "no row was fooled"
        )

    def _found_sizes(self, outcome: AttackOutcome) -> NDArray[np.float64]:
        return np.full(len(outcome.x), np.inf) if outcome.size is None else outcome.size
