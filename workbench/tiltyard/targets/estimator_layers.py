"""scikit-learn's linear classifiers and multilayer perceptrons as layers of numbers, so that gradients can be had of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows, Schema
from .affine_input import affine_input

Activation = Literal["identity", "relu", "tanh", "logistic"]
Ending = Literal["softmax", "one_vs_rest"]
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
LINEAR = {"LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearDiscriminantAnalysis"}


@dataclass(frozen=True)
class Layers:
    """``layers`` of weights (in, out) and biases (out,) with ``activation`` between them, from encoded rows to one logit or k.

    ``ending`` says what makes probabilities of k logits: a softmax, or a sigmoid of each, divided by their sum. ``order`` are the places
    of the schema's classes among the estimator's. ``empty`` (in, out) is added to the first layer for a number left empty.
    """

    layers: tuple[Layer, ...]
    activation: Activation
    ending: Ending
    order: tuple[int, ...]
    empty: NDArray[np.float64]


def layers_of(estimator: Any, given: Callable[[Rows], Any], schema: Schema, order: tuple[int, ...], rows: Rows) -> Layers | None:
    """The layers of a fitted classifier or pipeline, from encoded rows; None where it has none or they cannot be told.

    Parameters
    ----------
    given
        From rows of the schema to what the estimator takes.
    order
        The places of the schema's classes among the estimator's.
    rows
        Rows on which what its first steps make is held against the map that was found.
    """
    first, last = _parted(estimator)
    head = _head(last)
    if head is None:
        return None
    inner, activation, ending = head

    def asked(x: Rows) -> NDArray[np.float64]:
        made = given(x) if first is None else first.transform(given(x))
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, np.float64).reshape(len(x), -1)

    try:
        into = affine_input(asked, schema, rows)
    except (ValueError, TypeError):  # a step that takes some of these rows only, or text
        return None
    (weights, bias), *others = inner
    if into is None or into.weights.shape[1] != len(weights):
        return None
    joined = (into.weights @ weights, into.base @ weights + bias)
    return Layers((joined, *others), activation, ending, order, into.empty @ weights)


def _parted(estimator: Any) -> tuple[Any, Any]:
    """The steps before the classifier, None where there are none, and the classifier; the best one of a search."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if not hasattr(estimator, "steps"):
        return None, estimator
    before, (first, last) = estimator[:-1], _parted(estimator.steps[-1][1])
    if first is not None:
        return None, None
    return (before if len(before.steps) else None), last


def _head(estimator: Any) -> tuple[tuple[Layer, ...], Activation, Ending] | None:
    """The layers of the classifier itself, exactly of scikit-learn's own classes: a subclass may answer otherwise."""
    kind = type(estimator)
    if not kind.__module__.startswith("sklearn."):
        return None
    if kind.__name__ in LINEAR:
        if kind.__name__ == "SGDClassifier" and estimator.loss != "log_loss":
            return None
        separate = kind.__name__ == "SGDClassifier" or getattr(estimator, "solver", "") == "liblinear"
        weights, bias = np.asarray(estimator.coef_, np.float64), np.asarray(estimator.intercept_, np.float64)
        bias = np.broadcast_to(bias.ravel(), (len(weights),))
        return ((weights.T, bias),), "identity", "one_vs_rest" if separate and len(weights) > 1 else "softmax"
    if kind.__name__ == "MLPClassifier" and estimator.out_activation_ in ("softmax", "logistic"):
        if estimator.out_activation_ == "logistic" and len(estimator.classes_) > 2:
            return None
        pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        layers = tuple((np.asarray(w, np.float64), np.asarray(b, np.float64)) for w, b in pairs)
        return layers, estimator.activation, "softmax"
    return None
