"""What a notebook holds as a target: scikit-learn estimators and pipelines, and plain predict functions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from . import trying
from .estimators import WORDS, Feeds, FunctionTarget, Outputs, SklearnTarget
from .fitted_columns import never_seen

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset


def estimator_target(
    estimator: Any,
    schema: Schema,
    name: str = "",
    feeds: Feeds | None = None,
    data: "Dataset | None" = None,
    named: tuple[str, ...] = (),
) -> SklearnTarget:
    """A fitted classifier or pipeline; what it was fitted on (encoded columns or the table) is found out.

    Raises
    ------
    Problem
        When it is no fitted classifier, takes neither, or refuses a category of the schema.
    """
    _check_classifier(estimator)
    name = name or type(getattr(estimator, "steps", [(0, estimator)])[-1][1]).__name__
    _check_categories(estimator, schema, name, data)
    tried: dict[Feeds, SklearnTarget | Problem] = {}
    rows = trying.rows(schema, data)
    for wants in (feeds,) if feeds else _likely(estimator, schema):
        target = SklearnTarget(estimator, schema, name, wants, named)
        tried[wants] = _outcome(target, rows, name)
    good = {wants: t for wants, t in tried.items() if isinstance(t, SklearnTarget)}
    if not good:
        raise next(t for t in tried.values() if isinstance(t, Problem))
    wants = _best(good, data)
    found = good[wants]
    found.queries = 0
    found.assumptions = () if feeds else (f"It takes {WORDS[wants]}.",)
    if not hasattr(estimator, "predict_proba"):
        found.assumptions += ("It has no predict_proba, so it offers labels only.",)
    return found


def _check_classifier(estimator: Any) -> None:
    if hasattr(estimator, "classes_"):
        if len(np.shape(estimator.classes_)) != 1:
            raise Problem("a classifier of one label", f"{type(estimator).__name__}, which predicts several", "Give one label's estimator")
        return
    kind = getattr(estimator, "_estimator_type", None) or ""
    if kind == "regressor" or ("Regress" in type(estimator).__name__ and "Logistic" not in type(estimator).__name__):
        raise Problem("a classifier", f"{type(estimator).__name__}, which predicts numbers", "Give a classifier")
    raise Problem("a fitted scikit-learn classifier", f"{type(estimator).__name__} without classes_", "Call fit first")


def _check_categories(estimator: Any, schema: Schema, name: str, data: "Dataset | None") -> None:
    """Refuse a category that the model would refuse, here and not in the middle of a check."""
    for column, unknown in never_seen(estimator, schema).items():
        rows = int((data.frame[column] == unknown[0]).sum()) if data is not None else 0
        where = f" in {rows:,} row{'s' * (rows != 1)}" if rows else ""
        known = [c for c in schema.feature(column).categories if c not in unknown]
        raise Problem(
            f"{column!r} to be one of {', '.join(known[:8])}{' …' * (len(known) > 8)}",
            f"{unknown[0]!r}{where}, which {name} was not fitted on",
            "Correct it, leave those rows out, or fit the model with handle_unknown",
        )


def _likely(estimator: Any, schema: Schema) -> tuple[Feeds, ...]:
    """What it may take, likelier first, by the names and number of the columns it was fitted on."""
    columns = [] if schema.images else [str(c) for f in schema.features for c in (f.columns if f.kind == "onehot" else (f.name,))]
    encoding = encoding_of(schema)
    names = [str(n) for n in getattr(estimator, "feature_names_in_", ())]
    if names and not schema.images:
        return ("encoded",) if set(names) == set(encoding.columns) and set(names) != set(columns) else ("frame",)
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        return "frame", "encoded", "values"
    encoded = int(np.prod(encoding.shape))
    found: list[Feeds] = ["encoded"] if width == encoded else []
    if schema.images:
        return (*found, "values") if found else ("encoded", "values")
    if width == len(columns):
        found = ["values", "frame", *found]
    if not found:
        expected = f"a model of {encoded} encoded columns, or of the table's {len(columns)}"
        raise Problem(expected, f"one fitted on {width}", "Give the columns the model was trained on")
    return tuple(found)


def _outcome(target: Any, rows: Rows, name: str) -> Any:
    try:
        trying.answer(lambda: target.scores(rows), name, f"{name} to take rows like the schema's")
    except Problem as problem:
        return problem
    return target


def _best(good: "dict[Feeds, Any]", data: "Dataset | None") -> Feeds:
    """The way of feeding that answers; where several do, the one that is right more often on up to 500 rows."""
    ways = list(good)
    if len(ways) == 1 or data is None:
        return ways[0]
    part = data.sample(500, np.random.default_rng(0))
    return max(ways, key=lambda wants: float((good[wants].labels(part.x) == _in(good[wants], part)).mean()) + 1e-9 * -ways.index(wants))


def _in(target: Any, part: "Dataset") -> NDArray[np.int64]:
    """The labels of the rows as places in the target's own classes; -1 where it knows no such class."""
    places = [target.classes.index(c) if c in target.classes else -1 for c in part.schema.classes]
    return np.array(places, np.int64)[part.y]


def function_target(
    predict: Callable[[Any], Any],
    schema: Schema,
    *,
    name: str = "",
    outputs: Outputs | None = None,
    feeds: Feeds | None = None,
    order: tuple[int, ...] = (),
    data: "Dataset | None" = None,
) -> FunctionTarget:
    """A plain function from rows to probabilities, logits or labels.

    ``outputs`` None means probabilities; class names that come back make it labels.

    Raises
    ------
    Problem
        When it takes none of the forms of the rows, or returns none of these.
    """
    name = name or getattr(predict, "__name__", "") or type(predict).__name__
    rows = trying.rows(schema, data)
    ways: tuple[Feeds, ...] = (feeds,) if feeds else ("encoded",) if schema.images else ("values", "frame", "encoded")
    good: dict[Feeds, FunctionTarget] = {}
    first: Problem | None = None
    for wants in ways:
        target = FunctionTarget(
            _ordered(predict, order, schema), schema.classes, schema, name, wants, outputs or "probabilities", offers=None
        )
        target.fingerprint = FunctionTarget(predict, schema.classes, schema).fingerprint
        found = _outcome(target, rows, name)
        if isinstance(found, Problem) and outputs is None and 'outputs="labels"' in str(found):
            target = FunctionTarget(predict, schema.classes, schema, name, wants, "labels")
            found = _outcome(target, rows, name)
        if isinstance(found, Problem):
            first = first or found
            if 'outputs="' in found.do or "finite" in found.expected:
                raise found
        else:
            good[wants] = found
    if not good:
        raise first or Problem("a predict function", name, "Give a function from rows to probabilities")
    wants = _best(good, data)
    made = good[wants]
    made.queries = 0
    made.assumptions = () if feeds else (f"It takes {WORDS[wants]}.",)
    if outputs is None:
        made.assumptions += (
            ("It returns class names, so it offers labels only.",) if made.outputs == "labels" else ("It returns probabilities.",)
        )
    return made


def _ordered(predict: Callable[[Any], Any], order: tuple[int, ...], schema: Schema) -> Callable[[Any], Any]:
    if not order or order == tuple(range(len(schema.classes))):
        return predict

    def reordered(x: Any) -> Any:
        out = np.asarray(predict(x))
        return out[:, list(order)] if out.ndim == 2 and out.shape[1] == len(order) else out

    return reordered


def is_estimator(source: Any) -> bool:
    """Does it look like a scikit-learn estimator?"""
    return hasattr(source, "predict") and hasattr(source, "fit")


def predicting(source: Any) -> Callable[[Any], Any] | None:
    """The function to ask: the object itself, its ``predict_proba`` or its ``predict``; None where it has none."""
    if callable(source) and not hasattr(source, "predict"):
        return source  # type: ignore[no-any-return]
    return getattr(source, "predict_proba", None) or getattr(source, "predict", None)
