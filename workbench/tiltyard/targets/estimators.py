"""scikit-learn estimators, pipelines and plain predict functions as targets."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.labels import texts
from ..datasets.schema import Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from .fitted_columns import as_fitted
from .target import Target

if TYPE_CHECKING:
    import pandas as pd

Feeds = Literal["encoded", "frame", "values"]
Outputs = Literal["probabilities", "logits", "labels"]
Predict = Callable[["pd.DataFrame | NDArray[np.float32]"], Any]


def fed(x: NDArray[np.float32], schema: Schema, feeds: Feeds) -> "pd.DataFrame | NDArray[np.float32]":
    """x as the model wants it: encoded float32, the person's table, or the table's numbers."""
    if feeds == "encoded":
        return x
    frame = schema.decode(x)
    return frame if feeds == "frame" else frame.to_numpy(np.float32)


class FunctionTarget(Target):
    """A plain function from rows to probabilities, logits or labels.

    Parameters
    ----------
    feeds
        What the function takes: ``encoded`` (x), ``frame`` (the person's DataFrame) or ``values`` (its numbers).
    outputs
        ``probabilities`` (n, k) or (n,) of the last class, ``logits``, or ``labels`` (class names or indices).
    fingerprint
        SHA-256 of the model behind it if it is known; else of the function's code.
    """

    def __init__(
        self,
        predict: Predict,
        classes: tuple[str, ...],
        schema: Schema,
        name: str = "predict function",
        feeds: Feeds = "encoded",
        outputs: Outputs = "probabilities",
        fingerprint: str = "",
        offers: frozenset[str] | None = None,
    ) -> None:
        offers = offers or frozenset({"labels"} if outputs == "labels" else {"labels", "scores"})
        super().__init__(name, classes, schema, offers, fingerprint or _code_hash(predict))
        self.predict = predict
        self.wants: Feeds = feeds
        self.outputs: Outputs = outputs

    def _scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.asarray(self.predict(fed(x, self.schema, self.wants)))
        if out.ndim == 0:
            raise Problem(f"numbers from {self.name}, one answer a row", f"{out.tolist()!r}"[:80], "Return an array")
        if self.outputs == "labels":
            return one_hot(out, self.classes)
        if out.dtype.kind not in "buif":
            raise Problem(
                f"numbers from {self.name}", f"values like {out.ravel()[:1].tolist()}", 'If these are class names say outputs="labels"'
            )
        out = out.astype(np.float32)
        if out.ndim == 1 or (out.ndim == 2 and out.shape[1] == 1 and len(self.classes) == 2):
            out = out.reshape(-1, 1)
            zero = np.zeros_like(out) if self.outputs == "logits" else 1 - out
            out = np.concatenate([zero, out], 1)
        return softmax(out) if self.outputs == "logits" else out


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (n, k) of logits (n, k)."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    out: NDArray[np.float32] = shifted / shifted.sum(1, keepdims=True)
    return out


def one_hot(labels: NDArray[Any], classes: tuple[str, ...]) -> NDArray[np.float32]:
    """float32 (n, k) with a 1 at each label, a class's name or its index."""
    names = {name: i for i, name in enumerate(classes)}
    numbers = not (set(map(str, labels.ravel().tolist())) <= set(names))
    try:
        index = labels.astype(np.int64) if numbers else np.array([names[str(v)] for v in labels.ravel().tolist()])
        out: NDArray[np.float32] = np.eye(len(classes), dtype=np.float32)[index.ravel()]
        return out
    except (ValueError, IndexError):
        raise Problem(f"labels among {', '.join(classes)}", f"{labels.ravel()[0]!r}", "Name the classes as the model does") from None


def _code_hash(function: Predict) -> str:
    code = getattr(function, "__code__", None)
    text = code.co_code + repr(code.co_consts).encode() if code else repr(type(function)).encode()
    return hashlib.sha256(text).hexdigest()


def _estimator_hash(estimator: Any) -> str:
    import joblib

    return hashlib.sha256(joblib.hash(estimator).encode()).hexdigest()


def class_order(theirs: tuple[str, ...], ours: tuple[str, ...]) -> NDArray[np.intp]:
    """Which of the model's classes is each of ours: by name where the names are the same, else by place."""
    if len(theirs) != len(ours):
        raise Problem(
            f"a model of the {len(ours)} classes {', '.join(ours[:8])}",
            f"{len(theirs)}: {', '.join(theirs[:8])}",
            "Name the model's classes",
        )
    return np.array([theirs.index(name) for name in ours] if set(theirs) == set(ours) else range(len(ours)), np.intp)


class SklearnTarget(FunctionTarget):
    """A fitted scikit-learn classifier or pipeline. Trained again by ``sklearn.base.clone``."""

    fits_in_one_go = True

    def __init__(self, estimator: Any, schema: Schema, name: str = "", feeds: Feeds = "encoded") -> None:
        if not hasattr(estimator, "classes_"):
            raise Problem("a fitted scikit-learn classifier", f"{type(estimator).__name__} without classes_", "Call fit first")
        scored = hasattr(estimator, "predict_proba")
        offers = frozenset({"labels", "training"} | ({"scores"} if scored else set()))
        super().__init__(
            self._answer,
            schema.classes,
            schema,
            name or type(estimator).__name__,
            feeds,
            "probabilities" if scored else "labels",
            _estimator_hash(estimator),
            offers,
        )
        self.estimator = estimator
        self.order = class_order(tuple(texts(np.asarray(estimator.classes_)).tolist()), schema.classes)

    def _given(self, x: "pd.DataFrame | NDArray[np.float32]") -> "pd.DataFrame | NDArray[np.float32]":
        """x under the column names, in their order, and with the category values that the estimator was fitted on."""
        return as_fitted(x, self.estimator)

    def _answer(self, x: "pd.DataFrame | NDArray[np.float32]") -> Any:
        if self.outputs == "probabilities":
            return np.asarray(self.estimator.predict_proba(self._given(x)))[:, self.order]
        index = np.searchsorted(self.estimator.classes_, self.estimator.predict(self._given(x)))
        return np.asarray(self.classes, dtype=object)[np.argsort(self.order)[index]]

    def retrain(self, x: NDArray[np.float32], y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        from sklearn.base import clone

        if len(np.unique(y)) < len(self.classes):
            raise Unavailable(f"rows of all {len(self.classes)} classes to train on", f"{len(np.unique(y))}", "Give more rows")
        again = clone(self.estimator)
        seeds = {key: seed for key in again.get_params() if key.endswith("random_state")}
        again.set_params(**seeds)
        progress.step(0.0, f"fitting {type(again).__name__}")
        again.fit(self._given(fed(x, self.schema, self.wants)), np.asarray(self.estimator.classes_)[self.order][y])
        progress.step(1.0, "fitted")
        return SklearnTarget(again, self.schema, f"{self.name} retrained", self.wants)
