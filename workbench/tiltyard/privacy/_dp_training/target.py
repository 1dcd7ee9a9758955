"""A target that was trained privately and is trained again the same way, so that shadow models are private too."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...datasets.schema import Schema
from ...privacy_accounting.budget import Budget
from ...progress import Progress
from ...targets.architecture import Architecture
from ...targets.target import Target
from ...targets.torch_target import Logits, Outputs, TorchTarget
from ...targets.training import Recipe, fresh
from .loop import Plan, train


class PrivateTarget(TorchTarget):
    """A torch target with the budget it spent (``budget``) and how (``plan``)."""

    def __init__(
        self,
        module: nn.Module,
        classes: tuple[str, ...],
        schema: Schema,
        name: str,
        outputs: Outputs,
        recipe: Recipe | None,
        architecture: Architecture | None,
        plan: Plan,
        budget: Budget,
    ) -> None:
        super().__init__(module, classes, schema, name, outputs, recipe, architecture)
        self.offers = self.offers | {"training"}
        self.plan = plan
        self.budget = budget

    def retrain(self, x: NDArray[np.float32], y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        """DP-SGD again on x, y with the same noise, clipping, rate and epochs."""
        trained = train(Logits(fresh(self.inner, seed), self.outputs), x, y, self.plan, seed, progress)
        assert isinstance(trained, Logits)
        return PrivateTarget(
            trained.inner,
            self.classes,
            self.schema,
            f"{self.name} retrained",
            self.outputs,
            self.recipe,
            self.architecture,
            self.plan,
            self.budget,
        )
