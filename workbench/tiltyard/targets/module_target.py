"""Any torch module as a target: what its head returns is found out, and its classes are put in the schema's order."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..datasets.schema import Schema
from ..errors import Problem
from . import trying
from .architecture import Architecture
from .estimators import Feeds
from .fitting_input import fitting
from .module_input import Fed
from .plain_module import PlainModule
from .torch_target import Outputs, TorchTarget
from .training import Recipe

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset


class Reordered(nn.Module):
    """The inner module's k outputs as columns ``order``; a single output for two classes is turned around."""

    def __init__(self, inner: nn.Module, order: tuple[int, ...], outputs: Outputs) -> None:
        super().__init__()
        self.inner = inner
        self.order = order
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module, other columns first."""
        out: Tensor = self.inner(x)
        if out.ndim == 1 or out.shape[1] == 1:
            return -out if self.outputs == "logits" else 1 - out
        return out[:, list(self.order)]


def module_target(
    module: nn.Module,
    schema: Schema,
    *,
    name: str = "",
    outputs: Outputs | None = None,
    order: tuple[int, ...] = (),
    recipe: Recipe | None = None,
    architecture: Architecture | None = None,
    feeds: Feeds | None = None,
    data: "Dataset | None" = None,
) -> TorchTarget:
    """Wrap ``module``; where ``outputs`` is None a few rows decide between logits and probabilities.

    Parameters
    ----------
    feeds
        What it takes: the ``encoded`` columns or the table's own ``values``. None: found out on the same rows.
    order
        Which output is each class of the schema; empty where they are in its order.

    Raises
    ------
    Problem
        When the module does not take the schema's rows, returns another shape, or NaN.
    """
    name, own = name or type(module).__name__, module
    module, out, about = fitting(module, schema, name, feeds, data)
    k = len(schema.classes)
    found = trying.head(out, k, name)
    notes = () if outputs else (trying.output_note(found, out.ndim == 1 or out.shape[1] == 1),)
    if outputs == "probabilities" and found == "logits":
        raise Problem(
            f"probabilities that sum to 1 a row from {name}", f"values from {out.min():.3g} to {out.max():.3g}", 'Say outputs="logits"'
        )
    outputs = outputs or found
    if order and order != tuple(range(k)):
        module, architecture = Reordered(module, order, outputs), None
    target = TorchTarget(module, schema.classes, schema, name, outputs, recipe, architecture)
    target.assumptions = (*about, *notes)
    target.plainly = _plainly(own, module, schema, order, outputs)
    return target


def _plainly(own: nn.Module, module: nn.Module, schema: Schema, order: tuple[int, ...], outputs: Outputs) -> PlainModule:
    """What asks ``own`` without what was put around it."""
    fed = next((part for part in module.modules() if isinstance(part, Fed)), None)
    by_code = fed is not None and fed.form == "values"
    return PlainModule(own, schema, order, outputs, not by_code, fed.dtype if fed is not None else torch.float32)
