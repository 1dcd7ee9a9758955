"""Tiltyard's own format: ``POST /v1/predict`` with ``{"instances": […]}``, answered with labels and perhaps scores."""

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ...datasets.feature import Feature
from ...datasets.schema import Schema
from .address import Address
from .wire import WIDEST, About, EndpointAnswer, Wire, cells, listed, numbers, shown

if TYPE_CHECKING:
    import pandas as pd

PREDICT, MODEL = "/v1/predict", "/v1/model"
REST = "It gives the likeliest classes only; what is left to 1 is spread evenly over the others."


class TiltyardWire(Wire):
    """``instances`` are nested lists of encoded x or ``{"column": value}``; ``scores`` are rows of k, or ``{class: score}`` of the top few."""

    title: ClassVar[str] = "Tiltyard"

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        base = address.path.rstrip("/").removesuffix(PREDICT)
        self.ask, self.about = address.at(base + PREDICT), address.at(base + MODEL)

    def body(self, rows: "pd.DataFrame | NDArray[Any]") -> Any:
        if isinstance(rows, np.ndarray):
            return {"instances": listed(rows)}
        return {"instances": [dict(zip(map(str, rows.columns), row, strict=True)) for row in cells(rows)]}

    def answer(self, found: Any, n: int, classes: tuple[str, ...]) -> EndpointAnswer:
        scores = found.get("scores")
        labels = _labels(found["labels"], n) if scores is None or "labels" in found else None
        if scores is None:
            return EndpointAnswer(labels=labels)
        if scores and isinstance(scores[0], dict):
            return EndpointAnswer(spread(scores, n, classes), labels, REST if len(scores[0]) < len(classes) else "")
        return EndpointAnswer(numbers(scores, n), labels)

    def repeated(self, body: Any, n: int) -> Any:
        return {"instances": body["instances"][:1] * n}

    def described(self, found: Any) -> About:
        batch = (found.get("limits") or {}).get("rows")
        classes = tuple(map(str, found.get("classes") or ()))
        shape = tuple(int(size) for size in found.get("input_shape") or ())
        return About(
            name=shown(found.get("name", "")),
            classes=classes,
            shape=shape,
            example=example_row(found.get("example"), shape),
            columns=tuple(map(str, found.get("columns") or ())),
            batch=int(batch) if batch else None,
            model=str(found.get("fingerprint", "")),
            schema=described_schema(found.get("features"), classes),
            decision=shown(found.get("decision", "")),
        )


def _labels(given: Any, n: int) -> NDArray[Any]:
    labels = np.asarray([str(label) for label in given], dtype=object)
    if len(labels) != n:
        raise ValueError(f"{n} labels")
    return labels


def example_row(row: Any, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """An encoded row that the endpoint says it answers, as (1, *shape); None where it tells none, or another thing."""
    try:
        found = np.asarray(row, np.float64)
    except (TypeError, ValueError):
        return None
    return found[None] if shape and found.shape == shape and np.isfinite(found).all() else None


def described_schema(features: Any, classes: tuple[str, ...]) -> Schema | None:
    """The schema from ``features`` as the endpoint tells them, or None where it does not tell them all.

    An endpoint is not trusted with our memory: one that tells of more than `WIDEST` numbers a row, or of bounds that are
    not finite, tells nothing.
    """
    try:
        parsed = tuple(Feature.model_validate(one) for one in features)
        if any(min(f.shape, default=1) < 1 or len(f.shape) > 3 or not np.isfinite((f.low, f.high)).all() for f in parsed):
            return None
        if not 0 < sum(math.prod(f.shape) if f.kind == "pixels" else max(f.width, len(f.categories)) for f in parsed) <= WIDEST:
            return None
        return Schema(features=parsed, label="label", classes=classes)
    except (ValidationError, TypeError):
        return None


def spread(rows: list[dict[str, float]], n: int, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Scores (n, k) from the top few of each row by name; what is left to 1 goes evenly to the rest."""
    if len(rows) != n:
        raise ValueError(f"{n} rows of scores")
    place = {name: i for i, name in enumerate(classes)}
    out = np.empty((n, len(classes)))
    for i, row in enumerate(rows):
        left = max(1.0 - sum(row.values()), 0.0)
        out[i] = left / max(len(classes) - len(row), 1)
        for name, score in row.items():
            out[i, place[name]] = score
    return out
