"""scikit-learn estimators, pipelines and plain predict functions as targets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.class_places import names_of
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from .asked_once import asked_once
from .class_names import by_name, class_order, places_of
from .decision import Decision, Labels, LargestScore, Prediction, Scores
from .estimator_layers import layers_of
from .fingerprints import content_fingerprint
from .fitted_columns import FittedColumns, fitted_names
from .target import Target, uncounted

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from .estimator_module import EstimatorModule

Feeds = Literal["encoded", "frame", "values", "texts"]
Outputs = Literal["probabilities", "logits", "labels"]
Predict = Callable[[Any], Any]
WORDS: dict[Feeds, str] = {
    "encoded": "the encoded columns",
    "frame": "the table as a DataFrame, with its own columns",
    "values": "the table's own values as one array",
    "texts": "its one column of text as a Series",
}


def fed(x: Rows, schema: Schema, feeds: Feeds, dtype: type[Any] = np.float64) -> "pd.DataFrame | NDArray[Any]":
    """x as the model wants it: the person's table, its values as one array, or the encoded columns.

    Parameters
    ----------
    dtype
        Of encoded columns; images are float32 always.
    """
    if feeds == "encoded":
        encoded = encoding_of(schema).encode(x, np.float32 if schema.images else dtype)
        return encoded.copy() if np.may_share_memory(encoded, x) else encoded  # what a model does to its rows is none of ours
    if schema.images:
        return schema.decode(x) if feeds == "frame" else _pixels(x, schema.features[0].divide)
    frame = schema.decode(x)
    return frame if feeds == "frame" else _values(frame)


def own_form(frame: "pd.DataFrame", feeds: Feeds) -> Any:
    """A person's own table in the form that a function takes."""
    if feeds == "texts":
        return frame.iloc[:, 0]
    return frame if feeds == "frame" else frame.to_numpy(copy=True)


def texts_only(schema: Schema) -> bool:
    """Is a row one text and nothing else?"""
    return len(schema.features) == 1 and schema.features[0].kind == "text"


def _values(frame: "pd.DataFrame") -> NDArray[Any]:
    """A table as one array: whole numbers where it has no others, objects where it holds text or dates, else float64."""
    kinds = {dtype.kind for dtype in frame.dtypes}
    if kinds <= set("iu") and all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):
        return frame.to_numpy(copy=True)
    if kinds <= set("biuf"):
        return frame.to_numpy(np.float64, copy=True, na_value=np.nan)
    return frame.to_numpy(object, copy=True)


def _pixels(x: Rows, divide: float) -> NDArray[np.float64]:
    """Images in the numbers of their file, (n, pixels): whole ones where that is what they were before the division."""
    numbers = x.reshape(len(x), -1).astype(np.float64) * divide
    whole = np.rint(numbers)
    return np.where(np.abs(numbers - whole) < 1e-6 * divide, whole, numbers)


class FunctionTarget(Target):
    """A plain function from rows to probabilities, logits or labels.

    Parameters
    ----------
    feeds
        What the function takes: ``encoded`` (one-hot columns), ``frame`` (the person's DataFrame) or ``values`` (its values as one array).
    outputs
        ``probabilities`` (n, k) or (n,) of the last class, ``logits``, or ``labels`` (class names or indices).
    fingerprint
        SHA-256 of the model behind it if it is known; else of the function's code.
    dtype
        Of encoded columns: float64, or float32 for a function that takes no other.
    indices
        Labels only: whether whole numbers that are no class names are places in ``classes``.
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
        dtype: type[Any] = np.float64,
        indices: bool = False,
    ) -> None:
        offers = offers or frozenset({"labels"} if outputs == "labels" else {"labels", "scores"})
        super().__init__(name, classes, schema, offers, fingerprint or content_fingerprint(predict))
        self.predict = predict
        self.wants: Feeds = feeds
        self.outputs: Outputs = outputs
        self.dtype = dtype
        self.indices = indices
        self.given = WORDS[feeds]
        self.decision: Decision | None = None if outputs == "labels" else LargestScore()

    def _asked(self, x: Rows) -> NDArray[Any]:
        return self._returned(self.form(x))

    def form(self, x: Rows) -> Any:
        """x as the function takes it."""
        if self.wants == "texts":
            return own_form(self.schema.decode(x), "texts")
        return fed(x, self.schema, self.wants, self.dtype)

    def _returned(self, rows: Any) -> NDArray[Any]:
        out = np.asarray(self.predict(rows))
        if out.ndim == 0:
            raise Problem(f"numbers from {self.name}, one answer a row", f"{out.tolist()!r}"[:80], "Return an array")
        return out

    def _predict(self, x: Rows) -> Labels:
        return self._labels_in(self._asked(x))

    def _prediction(self, x: Rows) -> Prediction:
        if self.outputs != "labels":
            return super()._prediction(x)
        labels = self._predict(x)
        return Prediction(labels, one_hot(labels, len(self.classes)))

    def _labels_in(self, out: NDArray[Any]) -> Labels:
        return places_of(out.ravel(), self.classes, self.name, self.indices)

    def _scores(self, x: Rows) -> Scores:
        if self.outputs == "labels":
            return one_hot(self._predict(x), len(self.classes))
        return self._scores_in(self._asked(x))

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        if self.schema.images or self.wants == "encoded" or not set(self.schema.columns) <= set(frame.columns):
            return None
        table = frame[list(self.schema.columns)]
        out = self._returned(own_form(table, self.wants))
        if self.decision is None:
            labels = self._labels_in(out)
            return Prediction(labels, one_hot(labels, len(self.classes)))
        scores = self._scores_in(out)
        return Prediction(self.decision(scores), scores)

    def _scores_in(self, out: NDArray[Any]) -> Scores:
        if out.dtype.kind not in "buif":
            raise Problem(
                f"numbers from {self.name}", f"values like {out.ravel()[:1].tolist()}", 'If these are class names say outputs="labels"'
            )
        out = out.astype(np.float64)
        if len(self.classes) == 2 and (out.ndim == 1 or out.shape[1:] == (1,)):
            out = out.reshape(-1, 1)
            zero = np.zeros_like(out) if self.outputs == "logits" else 1 - out
            out = np.concatenate([zero, out], 1)
        return softmax(out) if self.outputs == "logits" else out


def kept_as_fitted(estimator: Any) -> str:
    """The part of an estimator that was fitted beforehand and that its ``fit`` leaves as it is, in words; empty where it has none."""
    if type(estimator).__name__ == "FrozenEstimator":
        return "FrozenEstimator"
    try:
        settings = dict(estimator.get_params())
    except (AttributeError, TypeError):  # one that does not keep what it was made with
        return ""
    for name, value in settings.items():
        beforehand = name.rpartition("__")[2], str(value)
        if type(value).__name__ == "FrozenEstimator" or beforehand in (("cv", "prefit"), ("prefit", "True")):
            return f"{type(estimator).__name__}'s {name}"
    return ""


def softmax(logits: Scores) -> Scores:
    """Probabilities (n, k) of logits (n, k)."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    out: Scores = shifted / shifted.sum(1, keepdims=True)
    return out


def one_hot(labels: Labels, k: int) -> Scores:
    """Scores float64 (n, k) with a 1 at each label."""
    out: Scores = np.eye(k)[labels]
    return out


class SklearnTarget(FunctionTarget):
    """A fitted scikit-learn classifier or pipeline, which decides by its own ``predict``. Trained again by ``sklearn.base.clone``.

    Parameters
    ----------
    order
        Which of the estimator's ``classes_`` is each class of the schema, where a person says so; else they are found by name.
    """

    fits_in_one_go = True

    def __init__(self, estimator: Any, schema: Schema, name: str = "", feeds: Feeds = "encoded", order: tuple[int, ...] = ()) -> None:
        if not hasattr(estimator, "classes_"):
            raise Problem("a fitted scikit-learn classifier", f"{type(estimator).__name__} without classes_", "Call fit first")
        scored = hasattr(estimator, "predict_proba")
        kept = kept_as_fitted(estimator)
        offers = frozenset({"labels"} | ({"scores"} if scored else set()) | (set() if kept else {"training"}))
        super().__init__(
            self._probabilities,
            schema.classes,
            schema,
            name or type(estimator).__name__,
            feeds,
            "probabilities" if scored else "labels",
            content_fingerprint(estimator),
            offers,
        )
        self.estimator = estimator
        self.fitted = FittedColumns(estimator)
        self.own_classes = names_of(estimator.classes_)
        self.order = order or class_order(self.own_classes, schema.classes, self.name)
        self.decision = None
        self._layers: EstimatorModule | None = None
        self._known_by: Rows | None = None
        if kept:
            self.assumptions = (f"It cannot be trained again: {kept} was fitted beforehand, and a fit leaves it as it is.",)

    def rows(self, x: Rows) -> Any:
        """x under the column names, in their order, and with the category values that the estimator was fitted on."""
        rows = self.form(x)
        if self.wants == "texts":
            return rows
        if self.wants == "encoded" and not self.schema.images and fitted_names(self.estimator):
            import pandas as pd

            rows = pd.DataFrame(rows, columns=list(self.encoding.columns))
        return self.fitted.given(rows)

    def look_for_layers(self, rows: Rows) -> None:
        """Offer gradients where the estimator is made of layers that answer ``rows`` as it does, see `estimator_layers`."""
        self._known_by, self._layers = rows, None
        if self.wants == "texts" or self.outputs != "probabilities":
            return
        found = layers_of(self.estimator, self.rows, self.schema, tuple(self.order), rows)
        if found is None:
            return
        import torch

        from .estimator_module import EstimatorModule

        made = EstimatorModule(found).eval()
        with uncounted():
            truly = self.predictions(rows)
        if made.answers_as(truly, torch.from_numpy(encoding_of(self.schema).encode(rows, np.float64))):
            self._layers = made
            self.offers |= {"gradients"}

    @property
    def module(self) -> "torch.nn.Module":
        if self._layers is None:
            return super().module
        from .decided import decided
        from .torch_target import Evaluated

        found = decided(self._layers, self.decision)
        return found if found is self._layers else Evaluated(found)

    def _asked(self, x: Rows) -> NDArray[Any]:
        return self._probabilities(self.rows(x))

    def _probabilities(self, x: Any) -> NDArray[Any]:
        return by_name(self.estimator.predict_proba(x), self.own_classes)[:, self.order]

    def _predict(self, x: Rows) -> Labels:
        return self._named_by_it(self.estimator.predict(self.rows(x)))

    def _prediction(self, x: Rows) -> Prediction:
        if self.decision is not None or self.outputs == "labels":
            return super()._prediction(x)
        both = asked_once(self.estimator, self.rows(x), lambda: self.rows(x))
        return Prediction(self._named_by_it(both.labels), by_name(both.scores, self.own_classes)[:, self.order])

    def unaided(self, frame: "pd.DataFrame") -> Prediction | None:
        names = fitted_names(self.estimator)
        columns = names or list(self.schema.columns)
        if self.schema.images or self.wants == "encoded" or not set(columns) <= set(frame.columns):
            return None
        table = frame[columns] if names else own_form(frame[columns], self.wants)
        labels = self._named_by_it(self.estimator.predict(table.copy()))  # a copy: steps with copy=False write into it
        scores = self._probabilities(table) if self.outputs == "probabilities" else one_hot(labels, len(self.classes))
        return Prediction(labels if self.decision is None else self.decision(scores), scores)

    def _named_by_it(self, answers: Any) -> Labels:
        """What its ``predict`` answered as class indices."""
        theirs = places_of(np.asarray(answers).ravel(), self.own_classes, self.name, indices=True)
        return np.argsort(self.order)[theirs].astype(np.int64)

    def retrain(self, x: Rows, y: Labels, seed: int, progress: Progress) -> Target:
        from sklearn.base import clone

        if len(np.unique(y)) < len(self.classes):
            raise Unavailable(f"rows of all {len(self.classes)} classes to train on", f"{len(np.unique(y))}", "Give more rows")
        again = clone(self.estimator)
        seeds = {key: seed for key in again.get_params() if key.endswith("random_state")}
        again.set_params(**seeds)
        progress.step(0.0, f"fitting {type(again).__name__}")
        again.fit(self.rows(x), self.own_labels(y))
        progress.step(1.0, "fitted")
        return self.made(again, f"{self.name} retrained")

    @property
    def model_type(self) -> str:
        """The estimator's own class: ``RandomForestClassifier``."""
        return type(self.estimator).__name__

    def own_labels(self, y: Labels) -> NDArray[Any]:
        """Class indices (n,) as the labels that the estimator was fitted on."""
        own: NDArray[Any] = np.asarray(self.estimator.classes_)[list(self.order)][y]
        return own

    def made(self, estimator: Any, name: str) -> "SklearnTarget":
        """A target of the same make around another estimator of the same classes (a defense's result)."""
        made = SklearnTarget(estimator, self.schema, name, self.wants, self.order)
        if self.decision is not None:
            made.decide(self.decision)
        if self._known_by is not None:
            made.look_for_layers(self._known_by)
        return made
