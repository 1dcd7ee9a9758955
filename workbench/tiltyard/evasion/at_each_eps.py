"""The base class of attacks that search within a given eps: one eps after the other, on the rows that still stand."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..progress import Progress
from ..result import Chart
from ..targets.target import Target
from ._money import Bought, bought
from ._spending import within
from .attack import Evasion
from .outcome import AttackOutcome

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.aim import Aim
    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace
    from ..attacks.smallest import Smallest


@dataclass(frozen=True)
class _Warm:
    """What the search at eps found for these rows of the sample."""

    rows: NDArray[np.intp]
    found: "Attacked"


@dataclass(frozen=True)
class _Near:
    """The nearest fooling points of these rows of the sample."""

    rows: NDArray[np.intp]
    found: "Smallest"


CURVE = 1.5  # what a curve from the smallest radii costs, in searches at one eps


class AtEachEps(Evasion):
    """Base class of attacks that search within a given eps (FGSM, PGD, Square): write ``attack`` and ``passes``.

    This class calls ``attack`` at one eps after the other, each time on the rows that no smaller eps fooled, or where `together` says so
    at several in one call.
    """

    @abstractmethod
    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        """The strongest valid rows within ``eps`` of x (n, *shape), which the target classifies rightly as y (n,)."""

    @abstractmethod
    def passes(self, flips: int) -> int:
        """How often a row is sent through the model at one eps, at most; ``flips`` groups may change."""

    def searched(self, eps_values: tuple[float, ...], dimensions: int) -> tuple[float, ...]:
        """The values of eps at which ``attack`` is called; the others are read from each row's smallest radius, see `radii`."""
        return eps_values

    def radii(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", found: "Attacked", progress: Progress
    ) -> "Smallest":
        """The smallest change of x (n, *shape) that fools, where not all values of eps are searched."""
        raise NotImplementedError

    def together(
        self, eps_values: tuple[float, ...], size: int, module: "nn.Module", space: "PerturbationSpace"
    ) -> tuple[tuple[float, ...], ...]:
        """The values of eps in the parts that one call of ``attack`` takes; ``size`` is how many numbers all rows hold."""
        return tuple((eps,) for eps in eps_values)

    def access(self, target: Target) -> "nn.Module":
        """What the attacker sees of the target: its module with gradients, or of one that draws its expectation."""
        from ..attacks.expectation import expected
        from ..attacks.queries import Counted

        return expected(Counted(target.module, target), target)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Times one small batch; an upper bound, as rows that are fooled early are not attacked at a larger eps."""
        from ..attacks.expectation import repeats

        n = min(self.rows, len(self.eligible(data)))
        groups = len(self.space(data, target).parts)
        eps_values = self.eps_values(100.0, groups)
        searched = self.searched(eps_values, self.space(data, target).dimensions)
        times = round(self.passes(min(self.flips, groups)) * len(searched) * (1 if searched == eps_values else CURVE))
        times *= repeats(target) if "gradients" in self.needs else 1
        return Estimate(n * times, self.seconds_per_row(target, data) * n * times, "at most; rows that are fooled early cost less")

    def seconds_per_row(self, target: Target, data: Dataset) -> float:
        """What one pass of one row costs, by the gradient."""
        from ..attacks.expectation import expected, repeats
        from ..attacks.queries import seconds_per_row

        return seconds_per_row(expected(target.module, target), data, self.norm, self.precision(target)) / repeats(target)

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        from ..attacks.queries import tensors, zero_gradient_rows
        from ..attacks.repair import related

        x, _ = tensors(sample, self.precision(target))
        aim = self.aim(sample.schema.classes)
        module, y = aim.module(related(self.access(target), space)), aim.labels(sample.y)
        fooled_at = np.where(labels == sample.y, np.inf, -1.0)
        best = sample.x.copy()
        zero_gradient = np.zeros(len(sample), bool)
        eps_values = self.eps_values(space.largest(self.norm) if space.dimensions else 1.0, len(space.parts))
        searched = self.searched(eps_values, space.dimensions)
        warm: _Warm | None = None
        for values in self.together(searched, x.numel(), module, space):
            part = progress.part(len(values) / len(searched) * (1 if searched == eps_values else 0.7))
            left = np.flatnonzero(np.isinf(fooled_at))
            if len(left) == 0:
                break
            owner, radius = np.tile(left, len(values)), np.repeat(values, len(left))
            found = self._found(module, x[owner], y[owner], space, values, part, sample)
            rows, fooled = self._judged(target, aim, sample, owner, found)
            if values == (self.eps,):
                warm = _Warm(left, found)
            for eps in values:
                mine = np.isinf(fooled_at[owner]) & (radius == eps)
                fooled_at[owner[mine & fooled]] = eps
                if eps <= self.eps * (1 + 1e-9):
                    best[owner[mine]] = rows[mine]
            if values == (self.eps,) and "gradients" in self.needs:
                zero_gradient[left] = zero_gradient_rows(module, found, x[left], space, self.norm, self.eps, self.seed)
        if searched != eps_values and warm is not None:
            near = self._radii(module, x, y, space, warm, progress.part(1.0))
            self._between(target, aim, sample, eps_values, AttackOutcome(best, fooled_at, eps_values), near)
        asked = zero_gradient & np.isinf(fooled_at) if "gradients" in self.needs else None
        charts = self._money_curve(target, aim, sample, module, space, best, fooled_at, progress.part(1.0))
        return AttackOutcome(best, fooled_at, eps_values, asked, charts=charts)

    def _money_curve(
        self,
        target: Target,
        aim: "Aim",
        sample: Dataset,
        module: "nn.Module",
        space: "PerturbationSpace",
        best: Rows,
        fooled_at: NDArray[np.float64],
        progress: Progress,
    ) -> tuple[Chart, ...]:
        """The curve over money, where that is limited; rows that can be fooled for less are written into ``best``."""
        from ..attacks.queries import tensors

        x, _ = tensors(sample, self.precision(target))
        y = aim.labels(sample.y)

        def attack(rows: NDArray[np.intp], limited: "PerturbationSpace", part: Progress) -> Bought:
            found = self._found(module, x[rows], y[rows], limited, (self.eps,), part, sample)
            return Bought(*self._judged(target, aim, sample, rows, found))

        return bought(self, sample, best, fooled_at, space, attack, progress)

    def _radii(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", warm: "_Warm", progress: Progress
    ) -> "_Near":
        return _Near(warm.rows, self.radii(module, x[warm.rows], y[warm.rows], space, warm.found, progress))

    def _between(
        self, target: Target, aim: "Aim", sample: Dataset, eps_values: tuple[float, ...], outcome: AttackOutcome, near: "_Near"
    ) -> None:
        """Write into ``outcome`` at which eps rows are fooled by their smallest radius, as the target itself judges them."""
        points, fooled = self._judged(target, aim, sample, near.rows, near.found)
        radius, fooled_at = np.where(fooled, near.found.radius.numpy(), np.inf), outcome.fooled_at
        new = (radius <= self.eps * (1 + 1e-6)) & (fooled_at[near.rows] > self.eps)
        outcome.x[near.rows[new]] = points[new]
        for eps in reversed(eps_values):
            rows = near.rows[radius <= eps * (1 + 1e-6)]
            fooled_at[rows] = np.minimum(fooled_at[rows], eps)

    def _found(
        self,
        module: "nn.Module",
        x: "Tensor",
        y: "Tensor",
        space: "PerturbationSpace",
        values: tuple[float, ...],
        progress: Progress,
        sample: Dataset,
    ) -> "Attacked":
        """The attack at ``values`` of eps, x holding the rows once for each; in tables without changes that were not needed."""
        import torch

        from ..attacks.categorical_moves import pruned
        from ..attacks.expectation import repeats_of

        each = torch.tensor(values, dtype=x.dtype).repeat_interleave(len(x) // len(values))
        found = self.attack(module, x, y, space, values[0] if len(values) == 1 else each, progress)
        return (
            found
            if sample.schema.images or repeats_of(module) > 1
            else pruned(module, found, x, y, tuple(encoding_of(sample.schema).slices.values()))
        )

    def _judged(
        self, target: Target, aim: "Aim", sample: Dataset, owner: NDArray[np.intp], found: "Attacked | Smallest"
    ) -> tuple[Rows, NDArray[np.bool_]]:
        """What was found as rows of the table, and which of them the target itself is fooled by."""
        from ..attacks.expectation import labels
        from ..attacks.queries import rows_of

        was = sample.x[owner]
        rows = within(self.allowed, sample.schema, was, rows_of(found.x, sample.schema, was))
        return rows, aim.reached(labels(target, rows), sample.y[owner])
