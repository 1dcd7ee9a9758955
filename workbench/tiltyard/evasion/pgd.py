"""Projected gradient descent: the white-box attack that every other is measured by."""

from typing import TYPE_CHECKING, ClassVar

from ..check import parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..statistics.majority import Skill
from ..targets.decision import Prediction
from ..targets.target import Target
from ._evaluation import Line
from ._second_search import second
from .at_each_eps import AtEachEps
from .outcome import AttackOutcome

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace
    from ..attacks.smallest import Smallest

FORWARD = 3  # what the queries of a smallest radius cost, in gradient steps
STRENGTH, CLIMB = 20, 10  # gradient steps a row and from each start, without which a pass is none


class PGD(AtEachEps):
    """Climbs the loss by its gradient in many small steps, projected back into the ball of radius eps and to valid rows.

    Madry et al. 2018, arXiv:1706.06083. Departures: of all points seen the one with the largest margin is kept; in l1 the
    steps are sparse and the first half of them is made in a ball of twice eps (after arXiv:2103.01208); in tables categories
    are flipped by gradient and tried (arXiv:1712.06751), whole numbers are rounded at every step, and only valid rows are counted.
    """

    id: ClassVar[str] = "evasion.pgd"
    title: ClassVar[str] = "Projected gradient descent (PGD)"
    question: ClassVar[str] = "How often can a small change of a row, found by gradients, fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    sources: ClassVar[tuple[str, ...]] = ("Madry et al. 2018, arXiv:1706.06083", "Croce and Hein 2021, arXiv:2103.01208")
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "seconds to a minute"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "steps", "rows")
    seconds: ClassVar[float] = 60.0
    remeasured: ClassVar[bool] = True

    steps: int = parameter(40, "Gradient steps from each start", "steps", ge=1, le=10_000)
    restarts: int = parameter(1, "Random starts; every second one climbs the margin instead of the loss", "starts", ge=1, le=1_000)

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        import torch

        from ..attacks.categorical_moves import attack

        generator = torch.Generator().manual_seed(self.seed)
        return attack(module, x, y, space, self.norm, float(eps), self.steps, generator, self.restarts, self.flips, progress)

    def searched(self, eps_values: tuple[float, ...], dimensions: int) -> tuple[float, ...]:
        """Eps itself, and changed categories alone; the curve is read from the smallest radii."""
        return tuple(eps for eps in eps_values if eps in (0.0, self.eps)) if dimensions else eps_values

    def radii(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", found: "Attacked", progress: Progress
    ) -> "Smallest":
        from ..attacks.expectation import SETTLED, repeats_of
        from ..attacks.smallest import from_points
        from ..attacks.standing import Standing

        enough = SETTLED if repeats_of(module) > 1 else 0.0
        standing = Standing(module, x, y, space, self.norm, self.eps, enough)
        return from_points(standing, found, max(2, self.steps * self.restarts // 2 - FORWARD), progress)

    def _lines(
        self, target: Target, sample: Dataset, before: Prediction, outcome: AttackOutcome, space: "PerturbationSpace", skill: Skill
    ) -> tuple[Line, ...]:
        """As everywhere; where a pass is near, what other searches find from here on."""
        asked = {line.name: line for line in second(self, target, sample, outcome, space)}
        return tuple(asked.get(line.name, line) for line in super()._lines(target, sample, before, outcome, space, skill))

    def passes(self, flips: int) -> int:
        return self.restarts * (self.steps + 1) * (1 + flips) + 9 * flips

    def weakness(self, images: bool) -> str:
        enough = self.steps * self.restarts >= STRENGTH and self.steps >= CLIMB
        return "" if enough else f"a pass needs {STRENGTH} gradient steps a row, {CLIMB} from each start at least; run evasion.strong"
