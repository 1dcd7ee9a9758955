"""Any torch module as a target: what its head returns is found out, and its classes are put in the schema's order."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from . import trying
from .architecture import Architecture
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
    data: "Dataset | None" = None,
) -> TorchTarget:
    """Wrap ``module``; where ``outputs`` is None a few rows decide between logits and probabilities.

    Parameters
    ----------
    order
        Which output is each class of the schema; empty where they are in its order.

    Raises
    ------
    Problem
        When the module does not take the schema's rows, returns another shape, or NaN.
    """
    name = name or type(module).__name__
    module = module.eval()
    out = _tried(module, trying.rows(schema, data), schema, name)
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
    target.assumptions = notes
    return target


def _tried(module: nn.Module, x: Rows, schema: Schema, name: str) -> NDArray[np.float32]:
    parameter = next(module.parameters(), None)
    if parameter is not None and (parameter.device.type != "cpu" or parameter.dtype != torch.float32):
        raise Problem("a module of float32 on the CPU", f"{parameter.dtype} on {parameter.device}", "Call module.float().cpu() first")

    def call() -> Tensor:
        with torch.inference_mode():
            out: Tensor = module(torch.from_numpy(encoding_of(schema).encode(x)))
            return out

    shape = f"{name} to take rows of shape {encoding_of(schema).shape}"
    out = trying.answer(call, name, shape + _first_layer(module))
    if not isinstance(out, Tensor):
        raise Problem(f"a tensor from {name}", type(out).__name__, "Wrap the module so that it returns class scores alone")
    if len(out) != len(x) if out.ndim else True:
        raise Problem(
            f"one row of scores for each of {len(x)} rows from {name}", f"output of shape {tuple(out.shape)}", "Wrap the module's output"
        )
    return out.float().numpy()


def _first_layer(module: nn.Module) -> str:
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            return f" (its first linear layer takes {layer.in_features} numbers)"
        if isinstance(layer, nn.Conv2d):
            return f" (its first convolution takes {layer.in_channels} channels)"
    return ""
