"""The strong evaluation: what AutoAttack finds at a fraction of its passes, and the checks that say whether to believe it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..progress import Progress
from ..targets.target import Target
from ._evaluation import of_gradients
from ._money import Bought, bought
from ._spending import within
from ._strong_lines import own_lines, stage_table
from .attack import Evasion
from .outcome import AttackOutcome, drawn

if TYPE_CHECKING:
    from torch import Tensor

    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.standing import Standing
    from ..attacks.strong_stages import Plan
    from ..attacks.ways import Way

PASSES, FORWARD, CONFIRMED = 55, 60, 250
LEAST_RADII, MOST_RADII, FORWARD_RADII = 8, 20, 3


class Strong(Evasion):
    """Stages over the rows that still stand: gradients first, then queries from the best point found and, as a sentinel, from nothing.

    Its robust accuracy is held against AutoAttack (Croce and Hein 2020, arXiv:2003.01690) by ``benchmarks/bench_strong.py``.
    Departures: APGD's schedule is a fixed one; rows leave soon after they fall; the later stages see only the rows nearest to an
    error; FAB and DLR are left out. In l1 the steps are sparse and begin in a larger ball (Croce and Hein 2021, arXiv:2103.01208).
    Where queries alone find what the gradients did not, all rows are searched and the result says so.
    """

    id: ClassVar[str] = "evasion.strong"
    title: ClassVar[str] = "Strong evaluation"
    question: ClassVar[str] = "How robust is the model really, by an evaluation that checks itself?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    sources: ClassVar[tuple[str, ...]] = (
        "Croce and Hein 2020, arXiv:2003.01690",
        "Andriushchenko et al. 2020, arXiv:1912.00049",
        "Athalye et al. 2018, arXiv:1802.00420",
        "Carlini et al. 2019, arXiv:1902.06705",
        "Croce and Hein 2021, arXiv:2103.01208",
    )
    core: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {}
    cost: ClassVar[str] = "seconds to a minute"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "rows", "confirm")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "effort": 0.05}
    leads: ClassVar[tuple[str, ...]] = ("success_rate",)

    confirm: bool = parameter(False, "Also ask 5,000 queries of the twentieth of the rows nearest to an error")
    effort: float = parameter(1.0, "Steps and queries of every stage, as a share of the recipe's; a pass needs 1", ge=0.01, le=20)
    remedy: bool = parameter(True, "Where a check of the gradients fails, go around it: logits before the head, BPDA past the first steps")

    def weakness(self, images: bool) -> str:
        return "" if self.effort >= 1 else f"a pass needs an effort of 1, and {self.effort:g} was made"

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.expectation import expected, repeats
        from ..attacks.queries import seconds_per_row

        n = min(self.rows, len(self.eligible(data)))
        times = repeats(target) * max(self.effort, 0.02)
        gradients, forward = n * times * PASSES * (1 + self.flips), n * times * (FORWARD + CONFIRMED * self.confirm)
        each = seconds_per_row(expected(target.module, target), drawn(data, 64, self.seed), self.norm, self.precision(target)) / repeats(
            target
        )
        return Estimate(int(gradients + forward), each * (gradients + forward / 3), "rows that are fooled early cost less")

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        import torch

        from ..attacks.expectation import expected, repeats, settled
        from ..attacks.queries import Counted, tensors
        from ..attacks.repair import related
        from ..attacks.standing import Standing
        from ..attacks.strong_stages import run_stages
        from ..attacks.ways import way

        x, _ = tensors(sample, self.precision(target))
        aim = self.aim(sample.schema.classes)
        right = labels == sample.y
        eps_values = self.eps_values(space.largest(self.norm) if space.dimensions else 1.0, len(space.parts))
        y = aim.labels(sample.y)
        rows = torch.from_numpy(np.flatnonzero(right))
        if len(rows) == 0:
            return AttackOutcome(sample.x.copy(), np.where(right, np.inf, -1.0), eps_values)
        found_way = way(target.module, x[rows], torch.from_numpy(sample.y)[rows], space, self.norm, self.eps, self.seed, self.remedy)
        module = aim.module(related(expected(Counted(found_way.module, target), target), space))
        noisy = repeats(target) > 1
        standing = Standing(module, x[rows], y[rows], space, self.norm, self.eps, settled(module))
        clean = standing.margin.clone()
        generator = torch.Generator().manual_seed(self.seed)
        suspect = run_stages(standing, self.plan(noisy), generator, progress.part(0.75))
        outcome = self._outcome(target, sample, right, eps_values, standing, clean, found_way, suspect, progress.part(0.5))

        def attack(some: NDArray[np.intp], limited: "PerturbationSpace", part: Progress) -> Bought:
            again = Standing(module, x[some], y[some], limited, self.norm, self.eps, settled(module))
            run_stages(again, self.plan(noisy), torch.Generator().manual_seed(self.seed), part)
            points = self._as_rows(self._tidied(again, sample), sample, some)
            return Bought(points, self._fooled(target, sample, some, points))

        charts = bought(self, sample, outcome.x, outcome.fooled_at, space, attack, progress.part(1.0))
        return replace(outcome, charts=charts)

    def plan(self, noisy: bool) -> "Plan":
        """The stages by the settings; of a model that draws queries alone say little."""
        from ..attacks.strong_stages import Plan

        return Plan(not noisy, self.confirm, self.flips, self.effort)

    def _outcome(
        self,
        target: Target,
        sample: Dataset,
        right: NDArray[np.bool_],
        eps_values: tuple[float, ...],
        standing: "Standing",
        clean: "Tensor",
        found_way: "Way",
        suspect: bool,
        progress: Progress,
    ) -> AttackOutcome:
        """What was found as rows of the data set, judged by the target itself; the curve, the checks and the stages."""
        rows = np.flatnonzero(right)
        points = self._tidied(standing, sample)
        best = sample.x.copy()
        best[rows] = self._as_rows(points, sample, rows)
        size = np.full(len(sample), np.inf)
        fell = self._fooled(target, sample, rows, best[rows])
        size[rows[fell]] = self.eps
        lines = (
            *of_gradients(found_way.facts, found_way.remedied),
            *own_lines(self, target, sample, rows, fell, standing, clean, suspect),
        )
        if eps_values[0] == 0:
            alone = self._alone_found(sample, rows, standing)
            size[rows[self._written(target, sample, rows, alone, best, fell)]] = 0.0
        if self.curve:
            self._curve(target, sample, rows, standing, size, best, fell, progress.part(1.0))
        fooled_at = np.full(len(sample), np.inf)
        for eps in reversed(eps_values):
            fooled_at[size <= eps * (1 + 1e-6)] = eps
        fooled_at[rows[fell]] = np.minimum(fooled_at[rows[fell]], self.eps)
        return AttackOutcome(best, np.where(right, fooled_at, -1.0), eps_values, lines=lines, tables=(stage_table(standing, rows),))

    def _as_rows(self, points: "Tensor", sample: Dataset, rows: NDArray[np.intp]) -> Rows:
        """Points of these rows as valid rows of the data set that cost no more than is allowed."""
        from ..attacks.queries import rows_of

        was = sample.x[rows]
        return within(self.allowed, sample.schema, was, rows_of(points, sample.schema, was))

    def _alone_found(self, sample: Dataset, rows: NDArray[np.intp], standing: "Standing") -> Rows:
        """These rows with changed categories alone, up to `flips` in a row."""
        import torch

        from ..attacks.categorical_moves import attack

        generator = torch.Generator().manual_seed(self.seed)
        found = attack(standing.module, standing.x, standing.y, standing.space, self.norm, 0.0, 1, generator, 1, self.flips)
        return self._as_rows(found.x, sample, rows)

    def _written(
        self, target: Target, sample: Dataset, rows: NDArray[np.intp], points: Rows, best: Rows, fell: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which of ``points`` fool; of rows that nothing else fooled they are written into ``best``."""
        holds = self._fooled(target, sample, rows, points)
        best[rows[holds & ~fell]] = points[holds & ~fell]
        return holds

    def _fooled(self, target: Target, sample: Dataset, rows: NDArray[np.intp], x: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of these rows (m,) the target itself is fooled by."""
        from ..attacks.expectation import labels

        return self.aim(sample.schema.classes).reached(labels(target, x), sample.y[rows])

    def _tidied(self, standing: "Standing", sample: Dataset) -> "Tensor":
        """The best points; in tables without changes that were not needed."""
        import torch

        from ..attacks.categorical_moves import pruned
        from ..attacks.expectation import repeats_of
        from ..attacks.perturbation_space import Attacked

        if sample.schema.images or repeats_of(standing.module) > 1:
            return standing.best
        found = Attacked(standing.best, standing.margin, torch.zeros(len(standing.x), dtype=torch.bool))
        return pruned(standing.module, found, standing.x, standing.y, tuple(encoding_of(sample.schema).slices.values())).x

    def _curve(
        self,
        target: Target,
        sample: Dataset,
        rows: NDArray[np.intp],
        standing: "Standing",
        size: NDArray[np.float64],
        best: Rows,
        fell: NDArray[np.bool_],
        progress: Progress,
    ) -> None:
        """Write the smallest radius found of each row into ``size``, from the best points on."""
        from ..attacks.smallest import smallest

        spent = (standing.gradients + standing.queries / 3) / len(standing.x)
        steps = min(MOST_RADII, max(LEAST_RADII, round(spent / 2) - FORWARD_RADII))  # a half of what eps itself cost
        found = smallest(standing, max(1, round(steps * min(self.effort, 1.0))), progress)
        points = self._as_rows(found.x, sample, rows)
        near = found.radius.numpy() <= self.eps * (1 + 1e-6)
        holds = self._written(target, sample, rows, points, best, fell | ~near) & np.isfinite(found.radius.numpy())
        size[rows[holds]] = np.minimum(size[rows[holds]], found.radius.numpy()[holds])
