"""A few valid rows, and what a model answers to them: how its outputs and inputs are found out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.feature import MISSING
from ..datasets.schema import Rows, Schema
from ..datasets.texts import number_of
from ..errors import Problem

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

ROWS = 16
TEXT = "a few words of text"


def rows(schema: Schema, data: "Dataset | None" = None, n: int = ROWS) -> Rows:
    """``n`` rows to try a model on: of ``data`` where it fits, those that lack no number; else drawn within the schema (seed 0)."""
    rng = np.random.default_rng(0)
    if data is not None and data.schema.shape == schema.shape:
        filled = np.flatnonzero(~np.isnan(data.x).reshape(len(data), -1).any(1))
        part = data.part(filled) if 0 < len(filled) < len(data) else data
        return part.sample(n, rng).x
    flat = rng.uniform(schema.low.ravel(), schema.high.ravel(), (n, schema.low.size))
    whole = schema.integer.ravel()
    flat[:, whole] = flat[:, whole].round()
    for group in _groups(schema):
        flat[:, group] = np.eye(group.stop - group.start)[rng.integers(0, group.stop - group.start, n)]
    flat[:, _texts(schema)] = number_of(TEXT)
    drawn: Rows = flat.reshape(n, *schema.shape).astype(schema.dtype)
    return drawn


def _groups(schema: Schema) -> list[slice]:
    """The one-hot groups that the table itself holds, as slices of x."""
    return [schema.slices[f.name] for f in schema.features if f.kind == "onehot"]


def _texts(schema: Schema) -> list[int]:
    """The columns of x that are free text."""
    return [schema.slices[f.name].start for f in schema.features if f.kind == "text"]


def middle(schema: Schema) -> Rows:
    """One valid row (1, *schema.shape) in the middle of the bounds: of categories the first that says something."""
    flat = ((schema.low + schema.high) / 2).ravel()
    for feature in schema.features:
        if feature.grouped:
            place, first = schema.slices[feature.name], next((i for i, value in enumerate(feature.values) if value != MISSING), 0)
            flat[place] = first if feature.kind == "categorical" else np.eye(feature.width)[first]
    flat[_texts(schema)] = number_of(TEXT)
    return snapped(flat, schema)


def snapped(row: NDArray[np.floating[Any]], schema: Schema) -> Rows:
    """The valid row (1, *schema.shape) nearest to ``row`` (columns,): within the bounds, whole where it must be, one of each group."""
    flat = np.clip(row, schema.low.ravel(), schema.high.ravel()).astype(np.float64)
    whole = schema.integer.ravel()
    flat[whole] = np.clip(np.floor(flat[whole] + 0.5), np.ceil(schema.low.ravel()[whole]), np.floor(schema.high.ravel()[whole]))
    for group in _groups(schema):
        flat[group] = np.eye(group.stop - group.start)[int(flat[group].argmax())]
    found: Rows = flat.reshape(1, *schema.shape).astype(schema.dtype)
    return found


def answer(call: Callable[[], Any], what: str, expected: str) -> Any:
    """``call()``; whatever the model raises becomes one line."""
    try:
        return call()
    except Problem:
        raise
    except Exception as error:
        found = " ".join(str(error).split())[:200] or "no message"
        raise Problem(
            expected, f"{type(error).__name__} from {what}: {found}", "Check columns and shape, and that the model is fitted"
        ) from None


def head(out: NDArray[Any], k: int, name: str) -> Literal["logits", "probabilities"]:
    """Are these k scores a row logits or probabilities? Refuses other shapes.

    Parameters
    ----------
    out
        What the model returned for n rows: (n, k), or (n,) or (n, 1) for two classes.
    """
    single = k == 2 and (out.ndim == 1 or (out.ndim == 2 and out.shape[1] == 1))
    if not single and (out.ndim != 2 or out.shape[1] != k):
        raise Problem(
            f"{k} scores a row from {name}, one a class", f"output of shape {out.shape}", "Check the classes, or wrap the model's output"
        )
    if not np.isfinite(out).all():
        raise Problem(f"finite scores from {name}", "NaN or inf", "Check its weights, and the rows it was trained on")
    if out.min() < -1e-6 or out.max() > 1 + 1e-6:
        return "logits"
    return "probabilities" if single or np.abs(out.sum(1) - 1).max() < 1e-3 else "logits"


def output_note(outputs: str, single: bool = False) -> str:
    """The sentence about what was found out."""
    if outputs == "logits":
        return "It returns logits: on the rows tried its outputs are not probabilities."
    return f"It returns probabilities: on the rows tried its outputs {'lie between 0 and 1' if single else 'sum to 1'}."
