"""A target that was trained privately and is trained again the same way, so that shadow models are private too."""

from torch import nn

from ...datasets.encoding import EncodedRows
from ...datasets.schema import Rows, Schema
from ...privacy_accounting.budget import Budget
from ...progress import Progress
from ...targets.architecture import Architecture
from ...targets.decision import Labels
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

    def retrain(self, x: Rows, y: Labels, seed: int, progress: Progress) -> Target:
        """DP-SGD again on x, y with the same noise, clipping, rate and epochs."""
        start = Logits(fresh(self.inner, seed), self.outputs)
        trained = train(start, EncodedRows(self.encoding, x), y, self.plan, seed, progress)
        assert isinstance(trained, Logits)
        made = PrivateTarget(
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
        made.decision = self.decision
        return made
