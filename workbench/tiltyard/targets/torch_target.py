"""A torch module as a target: gradients, weights, and training where its recipe is known."""

import copy
import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import EncodedRows
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from .architecture import Affine, Architecture
from .decided import decided
from .decision import Labels, Prediction, Scores
from .image_forms import grain
from .module_input import differentiable, exact, words
from .probability_head import logits_of, two_columns
from .saving import LARGEST, MODEL, packed
from .target import Target
from .training import Recipe, class_logits, fit, fresh
from .versions import here

if TYPE_CHECKING:
    import pandas as pd

Outputs = Literal["logits", "probabilities"]
FLOAT32 = 1e-4  # how far two scores may lie apart that were worked out in float32, in batches of other sizes


class Plainly(Protocol):
    """What asks a model as its own library does; None where that cannot be asked."""

    def images(self, x: Rows) -> Prediction | None:
        """Its answers to images as a data set has them."""

    def table(self, frame: "pd.DataFrame") -> Prediction | None:
        """Its answers to rows of a person's table."""


class Evaluated(nn.Module):
    """A module whose layers stay in eval mode whatever is called, also those that write their own ``train``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.train(mode=False)

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module."""
        out: Tensor = self.inner(x)
        return out

    def train(self, mode: bool = True) -> Self:
        """Nothing but eval mode."""
        for part in self.modules():
            part.training = False
        return self


class Logits(nn.Module):
    """Any classifier head as k logits: of probabilities what the last layer was given, one sigmoid logit as two."""

    def __init__(self, inner: nn.Module, outputs: Outputs) -> None:
        super().__init__()
        self.inner = inner
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        if self.outputs == "probabilities":
            return logits_of(self.inner, x)
        return class_logits(self.inner(x))


def weights_hash(module: nn.Module) -> str:
    """SHA-256 over the layers' text and every tensor of the state, in order."""
    digest = hashlib.sha256(str(module).encode())
    for name, value in module.state_dict().items():
        _add(digest, name, value)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", name: str, value: object) -> None:
    """One entry of a module's state: a tensor, or of quantized layers also a type, or several tensors that are packed together."""
    if isinstance(value, tuple | list):
        for part in value:
            _add(digest, name, part)
        return
    if not isinstance(value, Tensor):
        digest.update(f"{name} {value}".encode())
        return
    digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
    if value.is_quantized:
        value = value.dequantize()
    digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


class TorchTarget(Target):
    """Wrap ``module`` (encoded rows to logits or probabilities; `module_input.Fed` where it takes another form).

    ``plainly`` is what asks the model as its own library does; None where there is no other way than this one.

    Parameters
    ----------
    architecture
        Its description, where there is one; needed to save it as safetensors.
    recipe
        How it was trained; without it the target offers no training.
    """

    def __init__(
        self,
        module: nn.Module,
        classes: tuple[str, ...],
        schema: Schema,
        name: str = "torch model",
        outputs: Outputs = "logits",
        recipe: Recipe | None = None,
        architecture: Architecture | None = None,
    ) -> None:
        offers = {"labels", "scores", "weights"} | ({"training"} if recipe else set())
        offers |= {"gradients"} if differentiable(module) else set()
        module = module.eval().requires_grad_(requires_grad=False)
        super().__init__(name, classes, schema, frozenset(offers), weights_hash(module))
        self.inner = module
        self.outputs: Outputs = outputs
        self.recipe = recipe
        self.architecture = architecture
        self.given = words(module, schema)
        self.plainly: Plainly | None = None
        self._dtype = np.float64 if exact(module) and not schema.images else np.float32
        self.close = FLOAT32
        self._logits = Evaluated(Logits(module, outputs))

    @property
    def module(self) -> nn.Module:
        """Logits (n, k) from encoded rows, whose largest is the decision. Frozen; copy ``inner`` to train.

        Raises
        ------
        Unavailable
            It looks its input up by whole number.
        """
        if "gradients" not in self.offers:
            found = f"{self.name}, which looks its input up by whole number"
            raise Unavailable("a target with gradients", found, "Use a black-box check")
        ruled = decided(self._logits, self.decision)
        return ruled if ruled is self._logits else Evaluated(ruled)

    @property
    def grain(self) -> float:
        return grain(self.inner)

    def _scores(self, x: Rows) -> Scores:
        with torch.inference_mode():
            z = torch.from_numpy(np.array(self.encoding.encode(x, self._dtype)))  # its own: a first layer may work in place
            own = self.outputs == "probabilities"
            out = two_columns(self.inner(z)).double() if own else torch.softmax(self._logits(z).double(), 1)
            scores: Scores = out.numpy()
            return scores

    def unaided_images(self, x: Rows) -> Prediction | None:
        return self._by_rule(self.plainly.images(x)) if self.plainly is not None else None

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        return self._by_rule(self.plainly.table(frame)) if self.plainly is not None else None

    def _by_rule(self, found: Prediction | None) -> Prediction | None:
        """The same scores, judged by the rule in force."""
        return found if found is None or self.decision is None else Prediction(self.decision(found.scores), found.scores)

    def files(self) -> dict[str, bytes]:
        """``model.safetensors``, where its layers are described and it is not too large to be kept unasked."""
        size = sum(tensor.nbytes for tensor in self.inner.state_dict().values())
        return {MODEL: self.safetensors()} if self.architecture is not None and size <= LARGEST else {}

    def safetensors(self) -> bytes:
        """As of any target. Where its layers are not described the file holds weights, schema and classes: open it with ``factory=`` or ``data=``.

        Raises
        ------
        Problem
            A layer of ours stands before layers that are not described, so that no factory of the person's makes it.
        """
        if self.architecture is None and any(isinstance(part, Affine) for part in self.inner.modules()):
            found = f"{self.name}, whose layers are not described behind a projection"
            raise Problem("a target with its architecture", found, "Give architecture=Architecture(…) when wrapping the module")
        facts = {
            "name": self.name,
            "architecture": self.architecture.model_dump(mode="json") if self.architecture else None,
            "classes": list(self.classes),
            "schema": self.schema.model_dump(mode="json"),
            "recipe": self.recipe.model_dump(mode="json") if self.recipe else None,
            "outputs": self.outputs,
        }
        return packed(self.inner.state_dict(), facts, self.trained_with)

    def trainable(self) -> nn.Module:
        """A copy of the inner module whose parameters want gradients."""
        return copy.deepcopy(self.inner).requires_grad_()

    def made(self, module: nn.Module, name: str) -> "TorchTarget":
        """A target of the same make around another module (a defense's result, a shadow model)."""
        made = TorchTarget(module, self.classes, self.schema, name, self.outputs, self.recipe, self.architecture)
        made.trained_with = here()
        if self.decision is not None and self.decision != made.decision:
            made.decide(self.decision)
        return made

    def retrain(self, x: Rows, y: Labels, seed: int, progress: Progress) -> Target:
        if self.recipe is None:
            raise Unavailable("a target with a training recipe", "none", "Open it with recipe=Recipe(…)")
        if self.outputs != "logits":
            raise Unavailable("a module that returns logits, to train it again", "probabilities", "Give the module without its softmax")
        module = fresh(self.inner, seed).requires_grad_()
        return self.made(fit(module, EncodedRows(self.encoding, x, self._dtype), y, self.recipe, seed, progress), f"{self.name} retrained")

    def retrain_together(
        self, x: Rows, y: Labels, rows: Sequence[NDArray[np.intp]], seeds: Sequence[int], progress: Progress
    ) -> list[Target] | None:
        """Small networks on tables side by side, see `stacked_training`; a target with a training of its own is trained by that."""
        from .stacked_training import fit_stacked, quicker

        if len(rows) < 2 or (plain := self._stackable(x)) is None or self.recipe is None:
            return None
        encoded, classes = EncodedRows(self.encoding, x, self._dtype), np.ascontiguousarray(y, np.int64)
        if not quicker(plain, encoded, classes, len(rows), self.recipe):
            return None
        held, answers = torch.from_numpy(encoded[np.arange(len(x))]), torch.from_numpy(classes)
        modules = fit_stacked(plain, held, answers, rows, self.recipe, seeds, progress)
        return [self.made(module, f"{self.name} retrained") for module in modules]

    def training_speedup(self, x: Rows, y: Labels, models: int) -> float:
        from .stacked_training import CLEARLY, speedup

        if models < 2 or (plain := self._stackable(x)) is None or self.recipe is None:
            return 1.0
        encoded, classes = EncodedRows(self.encoding, x, self._dtype), np.ascontiguousarray(y, np.int64)
        found = speedup(plain, encoded, classes, models, self.recipe)
        return found if found > 1 / CLEARLY else 1.0

    def _stackable(self, x: Rows) -> nn.Sequential | None:
        """A copy of the module where networks of its make can be trained side by side on x."""
        from .stacked_training import TABLE, stackable

        own = type(self).retrain is TorchTarget.retrain and self.recipe is not None and self.outputs == "logits"
        shape = self.encoding.shape
        if not own or len(x) * math.prod(shape) > TABLE or not stackable(self.inner, shape):
            return None
        plain = copy.deepcopy(self.inner).requires_grad_()
        assert isinstance(plain, nn.Sequential)
        return plain
