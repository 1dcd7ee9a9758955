"""Fresh models of the target's own make on weighted rows: what a reduction to weighted classification asks for."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..errors import Unavailable
from ..progress import Progress
from ..targets.estimators import SklearnTarget
from ..targets.target import Target


class Learner(Protocol):
    """Trains a fresh target on rows of weight ``weights`` float64 (n,), mean 1."""

    def __call__(self, x: Rows, y: NDArray[np.int64], weights: NDArray[np.float64], progress: Progress) -> Target: ...


def learner(target: Target, seed: int) -> Learner:
    """How to train another of ``target``'s make.

    Raises
    ------
    Unavailable
        It is neither a scikit-learn target nor a torch target with a recipe.
    """
    if isinstance(target, SklearnTarget):
        return _Sklearn(target, seed)
    if {"training", "weights"} <= target.offers:
        return _Torch(target, seed)
    do = "Use fairness.threshold_optimizer, which trains nothing"
    raise Unavailable("a scikit-learn model or a torch module with its recipe, to train again", type(target).__name__, do)


@dataclass(frozen=True)
class _Torch:
    target: Any
    seed: int

    def __call__(self, x: Rows, y: NDArray[np.int64], weights: NDArray[np.float64], progress: Progress) -> Target:
        from ..targets.torch_target import Logits
        from ..targets.training import fit, fresh

        if self.target.outputs != "logits":
            raise Unavailable("a module that returns logits, to train it again", "probabilities", "Give the module without its softmax")
        soft = np.eye(len(self.target.classes), dtype=np.float32)[y] * weights[:, None].astype(np.float32)
        module = fresh(self.target.inner, self.seed).requires_grad_()
        fit(Logits(module, "logits"), self.target.encoding.encode(x), y, self.target.recipe, self.seed, progress, soft=soft)
        made: Target = self.target.made(module.eval(), f"{self.target.name}, weighted")
        return made


@dataclass(frozen=True)
class _Sklearn:
    target: SklearnTarget
    seed: int

    def __call__(self, x: Rows, y: NDArray[np.int64], weights: NDArray[np.float64], progress: Progress) -> Target:
        from sklearn.base import clone

        model = clone(self.target.estimator)
        model.set_params(**{key: self.seed for key in model.get_params() if key.endswith("random_state")})
        answer = self.target.own_labels(y)
        name = _weight_name(model)
        if name:
            model.fit(self.target.rows(x), answer, **{name: weights})
        else:
            rows = np.random.default_rng(self.seed).choice(len(x), len(x), p=weights / weights.sum())
            model.fit(self.target.rows(x[rows]), answer[rows])
        progress.check()
        return self.target.made(model, f"{self.target.name}, weighted")


def _weight_name(model: Any) -> str:
    """The name under which ``fit`` takes weights, or nothing: then rows are drawn by weight instead."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(model, Pipeline):
        step, last = model.steps[-1]
        return f"{step}__sample_weight" if has_fit_parameter(last, "sample_weight") else ""
    return "sample_weight" if has_fit_parameter(model, "sample_weight") else ""
