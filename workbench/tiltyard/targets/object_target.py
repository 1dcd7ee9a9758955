"""scikit-learn estimators and pipelines that a notebook holds, as targets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from . import trying
from .estimators import WORDS, Feeds, SklearnTarget, texts_only
from .fitted_columns import columns_missing, fitted_names, listed, never_seen

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

OTHERS = {"outlier_detector": "looks for outliers", "clusterer": "finds clusters", "transformer": "changes columns"}
KNOWN_BY = 200  # rows, also such as lack numbers, on which the layers of an estimator must answer as it does


def estimator_target(
    estimator: Any,
    schema: Schema,
    name: str = "",
    feeds: Feeds | None = None,
    data: "Dataset | None" = None,
    order: tuple[int, ...] = (),
) -> SklearnTarget:
    """A fitted classifier or pipeline; what it was fitted on (encoded columns or the table) is found out.

    Parameters
    ----------
    order
        Which of its classes is each class of the schema, where a person says so; else they are found by name.

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
    for wants in (feeds,) if feeds else _likely(estimator, schema, data.assumed if data is not None else ()):
        target = SklearnTarget(estimator, schema, name, wants, order)
        tried[wants] = _outcome(target, rows, name)
    good = {wants: t for wants, t in tried.items() if isinstance(t, SklearnTarget)}
    if not good:
        raise next(t for t in (_empty_columns(tried, data, name), *tried.values()) if isinstance(t, Problem))
    wants = _best(good, data)
    found = good[wants]
    fits = data is not None and data.schema.shape == schema.shape
    found.look_for_layers(data.sample(KNOWN_BY, np.random.default_rng(0)).x if data is not None and fits else rows)
    found.queries = 0
    found.assumptions = () if feeds else (f"It takes {WORDS[wants]}{_by_position(estimator, found)}.",)
    if not hasattr(estimator, "predict_proba"):
        found.assumptions += ("It has no predict_proba, so it offers labels only.",)
    if "gradients" in found.offers:
        found.assumptions += ("It offers gradients: its weights were read, and they answer as it does.",)
    return found


def _by_position(estimator: Any, target: SklearnTarget) -> str:
    """What to add of an estimator that knows no names of columns."""
    if target.schema.images or fitted_names(estimator):
        return ""
    columns = target.encoding.columns if target.wants == "encoded" else target.schema.columns
    return f", by position, as it was fitted without names: {listed(list(columns), 8)}"


def _check_classifier(estimator: Any) -> None:
    if hasattr(estimator, "classes_"):
        if len(np.shape(estimator.classes_)) != 1:
            raise Problem("a classifier of one label", f"{type(estimator).__name__}, which predicts several", "Give one label's estimator")
        return
    who = type(estimator).__name__
    kind = _kind(estimator)
    if kind == "regressor" or ("Regress" in who and "Logistic" not in who):
        raise Problem("a classifier", f"{who}, which predicts numbers", "Give a classifier")
    if kind in OTHERS:
        raise Problem("a classifier", f"{who}, which {OTHERS[kind]}", "Give a classifier, or a function that gives a class for each row")
    do = "Call fit first; if its class keeps no classes_ when fitted, give its predict or predict_proba as a function"
    raise Problem("a fitted scikit-learn classifier", f"{who} without classes_", do)


def _kind(estimator: Any) -> str:
    """What scikit-learn says that it is; of a pipeline, its last step."""
    try:
        from sklearn.utils import get_tags

        return get_tags(estimator).estimator_type or ""
    except Exception:  # a class that follows scikit-learn in part has no tags, or some that fail
        return getattr(estimator, "_estimator_type", None) or ""


def _check_categories(estimator: Any, schema: Schema, name: str, data: "Dataset | None") -> None:
    """Refuse a category that the model would refuse, here and not in the middle of a check."""
    for column, unknown in never_seen(estimator, schema).items():
        place = float(schema.feature(column).categories.index(unknown[0]))
        rows = int((data.x[:, schema.slices[column].start] == place).sum()) if data is not None else 0
        where = f" in {rows:,} row{'s' * (rows != 1)}" if rows else ""
        known = [c for c in schema.feature(column).categories if c not in unknown]
        raise Problem(
            f"{column!r} to be one of {', '.join(known[:8])}{' …' * (len(known) > 8)}",
            f"{unknown[0]!r}{where}, which {name} was not fitted on",
            "Correct it, leave those rows out, or fit the model with handle_unknown",
        )


def _likely(estimator: Any, schema: Schema, known: tuple[str, ...] = ()) -> tuple[Feeds, ...]:
    """What it may take, likelier first, by the names and number of the columns it was fitted on.

    Raises
    ------
    Problem
        Naming both lists, where it knows names that neither the table nor its encoding has.
    """
    encoding = encoding_of(schema)
    names = fitted_names(estimator)
    if names and not schema.images:
        if set(names) <= set(schema.columns):
            return ("frame",)
        if set(names) == set(encoding.columns):
            return ("encoded",)
        raise columns_missing(names, list(schema.columns), type(estimator).__name__, known)
    width = getattr(estimator, "n_features_in_", None)
    if width is None and texts_only(schema):
        return ("texts", "frame", "values")
    if width is None:
        return "frame", "values", "encoded"
    encoded = int(np.prod(encoding.shape))
    found: list[Feeds] = ["encoded"] if width == encoded else []
    if schema.images:
        return (*found, "values") if found else ("encoded", "values")
    if width == len(schema.columns):
        found = ["values", "frame", *found]
    if not found:
        expected = f"a model of {encoded} encoded columns, or of the table's {len(schema.columns)}"
        raise Problem(expected, f"one fitted on {width}", "Give the columns the model was trained on")
    return tuple(found)


def _outcome(target: Any, rows: Rows, name: str) -> Any:
    try:
        trying.answer(lambda: target.scores(rows), name, f"{name} to take rows like the schema's")
    except Problem as problem:
        return problem
    return target


def _empty_columns(tried: "dict[Feeds, SklearnTarget | Problem]", data: "Dataset | None", name: str) -> Problem | None:
    """That columns hold no number in any row, where the model takes none without; None where it was something else."""
    if data is None or data.schema.images or not any("NaN" in str(t) for t in tried.values() if isinstance(t, Problem)):
        return None
    empty = [data.schema.columns[i] for i in np.flatnonzero(np.isnan(data.x).all(0))]
    do = "Fill them, or open the model with its imputer"
    return Problem(f"a number in each row of {listed(empty)}, for {name} takes none without", "none in any row", do) if empty else None


def _best(good: "dict[Feeds, Any]", data: "Dataset | None") -> Feeds:
    """The way of feeding that answers; where several do, the one that is right more often on up to 500 rows."""
    ways = list(good)
    if len(ways) == 1 or data is None:
        return ways[0]
    part = data.sample(500, np.random.default_rng(0)).classed(good[ways[0]].classes)
    return max(ways, key=lambda wants: float((good[wants].labels(part.x) == part.y).mean()) + 1e-9 * -ways.index(wants))


def is_estimator(source: Any) -> bool:
    """Does it look like a scikit-learn estimator?"""
    return hasattr(source, "predict") and hasattr(source, "fit")


def predicting(source: Any) -> Callable[[Any], Any] | None:
    """The function to ask: the object itself, its ``predict_proba`` or its ``predict``; None where it has none."""
    if callable(source) and not hasattr(source, "predict"):
        return source  # type: ignore[no-any-return]
    return getattr(source, "predict_proba", None) or getattr(source, "predict", None)
