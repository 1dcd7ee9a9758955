"""Canaries in blank input columns: columns that are zero in every row but one canary each, and reach the logits by weights of their own.

How far a column's weights moved towards its canary's label says whether the canary was trained on; a blank column is moved by nothing
else but noise. So any trainer of a torch module is audited in one training, from its final weights or from its answers.
"""

import copy
from dataclasses import dataclass
from types import MethodType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import EncodedRows
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..targets.target import Target
from ..targets.torch_target import TorchTarget

Scores = NDArray[np.float64]
CHUNK = 512


def _blank(layer: nn.Linear) -> None:
    with torch.no_grad():
        layer.weight.zero_()


class Widened(nn.Module):
    """``inner`` on the first columns of flat rows (n, columns + blanks), and the blank ones added to its outputs."""

    def __init__(self, inner: nn.Module, shape: tuple[int, ...], blanks: int, outputs: int) -> None:
        super().__init__()
        self.inner = inner
        self.shape = shape
        self.size = int(np.prod(shape))
        self.blank = nn.Linear(blanks, outputs, bias=False)
        # A plain Linear, which every private trainer knows, that starts at zero whoever draws weights anew.
        self.blank.reset_parameters = MethodType(_blank, self.blank)  # type: ignore[method-assign]
        self.blank.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of the inner module, (n, k) or (n, 1)."""
        out: Tensor = self.inner(x[:, : self.size].reshape(-1, *self.shape))
        moved: Tensor = self.blank(x[:, self.size :])
        return (out[:, None] if out.ndim == 1 else out) + moved


@dataclass(frozen=True)
class Canaries:
    """Rows (m, columns) as the module eats them, the label each is trained with (m,), its size in its own column (m,), and whether it is in."""

    x: Rows
    y: NDArray[np.int64]
    size: Scores
    inside: NDArray[np.bool_]

    def wide(self, which: NDArray[np.intp]) -> NDArray[np.float32]:
        """The canaries ``which``, each with its size in its own column: float32 (len(which), columns + m)."""
        blank = np.zeros((len(which), len(self.y)), np.float32)
        blank[np.arange(len(which)), which] = self.size[which]
        return np.concatenate([self.x[which].astype(np.float32), blank], 1)


def flat(target: Target, x: Rows) -> NDArray[np.float32]:
    """Rows of x as the module eats them, flattened: float32 (n, columns)."""
    rows = EncodedRows(target.encoding, x)
    return np.concatenate([rows[i : i + CHUNK].reshape(len(x[i : i + CHUNK]), -1) for i in range(0, len(x), CHUNK)]).astype(np.float32)


def _plain(columns: int, schema: Schema) -> Schema:
    """A schema of so many numbers."""
    features = tuple(Feature(name=f"column {i}", kind="continuous", low=-1e6, high=1e6) for i in range(columns))
    return Schema(features=features, label=schema.label, classes=schema.classes)


def widened(target: Target, blanks: int) -> TorchTarget:
    """``target`` with so many blank columns beside its encoded ones, to be trained again by its own routine."""
    if not isinstance(target, TorchTarget):
        raise Unavailable("a torch module for canaries in blank columns", type(target).__name__, "Audit it as it is")
    shape = target.encoding.shape
    with torch.no_grad():
        out = target.inner.eval()(torch.zeros(1, *shape))
    wide = copy.copy(target)
    wide.inner = Widened(copy.deepcopy(target.inner), shape, blanks, out.shape[1] if out.ndim > 1 else 1)
    wide.schema = _plain(int(np.prod(shape)) + blanks, target.schema)
    wide.architecture = None
    return wide


def trained(target: TorchTarget, x: NDArray[np.float32], y: NDArray[np.int64], canaries: Canaries, seed: int, progress: Progress) -> Target:
    """The wide ``target`` trained by its own routine on rows x (n, columns), y, and on the canaries that are in."""
    inside = np.flatnonzero(canaries.inside)
    rows = np.concatenate([np.concatenate([x, np.zeros((len(x), len(canaries.y)), np.float32)], 1), canaries.wide(inside)])
    return target.retrain(rows, np.concatenate([y, canaries.y[inside]]).astype(np.int64), seed, progress)


def by_weights(model: Target, canaries: Canaries) -> Scores:
    """How far each canary's column moved towards its label and away from the others, float64 (m,): from the final weights alone."""
    module = getattr(model, "inner", None)
    found = next((part for part in module.modules() if isinstance(part, Widened)), None) if isinstance(module, nn.Module) else None
    if found is None:
        raise Problem("a trained model of the same make", type(model).__name__, "Let the training routine return the module it was given")
    moved = found.blank.weight.detach().double()
    if moved.shape[0] == 1:  # one sigmoid logit: up for the second class
        return np.asarray(moved[0].numpy() * (2 * canaries.y - 1))
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(canaries.x.astype(np.float32)), CHUNK)
        p = torch.cat([found.inner(part.reshape(-1, *found.shape)) for part in parts]).double().softmax(1)
    y = torch.from_numpy(canaries.y)
    towards = nn.functional.one_hot(y, p.shape[1]).double() - p
    towards = towards / towards.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return np.asarray((moved.T * towards).sum(1).numpy())


def by_answers(model: Target, canaries: Canaries, progress: Progress) -> Scores:
    """How much more the model gives a canary its label with its column than without, in log odds, float64 (m,): from answers alone."""
    from .membership import logit_scaled

    found = []
    dtype = model.schema.dtype
    for start in range(0, len(canaries.y), CHUNK):
        progress.step(start / len(canaries.y), "asking about canaries")
        which = np.arange(start, min(start + CHUNK, len(canaries.y)))
        wide = canaries.wide(which)
        bare = wide.copy()
        bare[:, canaries.x.shape[1] :] = 0
        y = canaries.y[which]
        found.append(logit_scaled(model.scores(wide.astype(dtype)), y) - logit_scaled(model.scores(bare.astype(dtype)), y))
    return np.concatenate(found)
