"""The fast gradient sign method: one step of length eps."""

from typing import TYPE_CHECKING, ClassVar

from ..progress import Progress
from .at_each_eps import AtEachEps

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace


class FGSM(AtEachEps):
    """One step in the steepest direction that eps and bounds allow; fast and weak, a lower bar than PGD.

    Goodfellow et al. 2015, arXiv:1412.6572. Departures: in l2 and l1 the step is the exact best of the ball within the
    bounds for a linear model; in tables one flip of a category is tried before the step for each that is allowed.
    """

    id: ClassVar[str] = "evasion.fgsm"
    title: ClassVar[str] = "Fast gradient sign method (FGSM)"
    question: ClassVar[str] = "How often does a single gradient step fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    sources: ClassVar[tuple[str, ...]] = ("Goodfellow et al. 2015, arXiv:1412.6572",)
    cost: ClassVar[str] = "a second"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "rows", "only")

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        from ..attacks.categorical_moves import single_step

        return single_step(module, x, y, space, self.norm, float(eps), self.flips, progress)

    def passes(self, flips: int) -> int:
        return 2 + 11 * flips

    def weakness(self, images: bool) -> str:
        return "one step shows no robustness: run evasion.strong"
