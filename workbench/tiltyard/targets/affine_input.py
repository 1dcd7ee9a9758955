"""What an estimator's preprocessing makes of encoded rows, where that is affine: found by asking it, whatever steps it is made of.

Scalers, imputers, one-hot, ordinal and target encoders, projections and selections of columns, side by side or one after the other,
are all of one form: each number times its column of weights, and for each category, and each number left empty, an offset of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from . import trying

Asked = Callable[[Rows], NDArray[np.float64]]
WIDEST = 2_000  # encoded columns; each is asked twice or three times
CLOSE = 1e-9


@dataclass(frozen=True)
class AffineInput:
    """``weights`` (d, m) and ``base`` (m,) from d encoded columns to m inputs; ``empty`` (d, m) is added for a number left empty."""

    weights: NDArray[np.float64]
    base: NDArray[np.float64]
    empty: NDArray[np.float64]

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inputs, float64 (n, m), of encoded rows (n, d)."""
        gone = np.isnan(z)
        made: NDArray[np.float64] = np.where(gone, 0.0, z) @ self.weights + gone @ self.empty + self.base
        return made


def affine_input(asked: Asked, schema: Schema, rows: Rows) -> AffineInput | None:
    """What ``asked`` makes of rows, as one affine map from the encoded columns; None where it is none.

    Parameters
    ----------
    asked
        From rows of the schema to finite numbers, (n, m), each made of its row alone.
    rows
        Rows that the map is held against: it is none where one of them differs by more than 1e-9 of the largest input.
    """
    encoding = encoding_of(schema)
    width = int(np.prod(encoding.shape))
    if width > WIDEST or any(f.kind == "text" for f in schema.features):
        return None
    found = _flat(asked, schema, width) if schema.images else _of_features(asked, schema, encoding, width)
    if found is None or not np.isfinite(found.weights).all():
        return None
    truly = asked(rows)
    close = CLOSE * max(1.0, float(np.abs(truly).max(initial=0.0)))
    apart = np.abs(found(encoding.encode(rows, np.float64).reshape(len(rows), -1)) - truly)
    return found if bool((apart <= close).all()) else None


def _flat(asked: Asked, schema: Schema, width: int) -> AffineInput:
    """Of images: a pixel after the other from black to white."""
    black = np.zeros((1, *schema.shape), schema.dtype)
    lit = np.repeat(black, width, 0)
    lit.reshape(width, -1)[np.diag_indices(width)] = schema.high.ravel()
    base = asked(black)[0]
    return AffineInput((asked(lit) - base) / schema.high.ravel()[:, None], base, np.zeros((width, len(base))))


def _of_features(asked: Asked, schema: Schema, encoding: Encoding, width: int) -> AffineInput | None:
    """Of a table: a feature after the other, the others at one row's values."""
    origin = trying.middle(schema)
    at = asked(origin)[0]
    weights, empty, base = np.zeros((width, len(at))), np.zeros((width, len(at))), at.copy()
    for feature in schema.features:
        here = encoding.slices[feature.name]
        changed, values = _changed(feature, schema, origin)
        seen = asked(changed) - at
        if feature.grouped:
            weights[here] = seen
            continue
        filled = ~np.isnan(values)
        low, high = seen[filled]
        weights[here] = (high - low) / (values[filled][1] - values[filled][0])
        base += low - values[filled][0] * weights[here.start]
        if not filled.all():
            empty[here] = seen[~filled][0] - (low - values[filled][0] * weights[here.start])
    return AffineInput(weights, base, empty)


def _changed(feature: Feature, schema: Schema, origin: Rows) -> tuple[Rows, NDArray[np.float64]]:
    """The origin with another value of ``feature`` a row, and the values: every category, or two numbers and an empty one."""
    place = schema.slices[feature.name]
    if feature.kind == "onehot":
        values, parts = np.arange(feature.width, dtype=np.float64), np.eye(feature.width)
    elif feature.kind == "categorical":
        values = np.arange(len(feature.categories), dtype=np.float64)
        parts = values[:, None]
    else:
        ends = [feature.low, feature.high if feature.high > feature.low else feature.low + 1.0]
        values = np.array([*ends, np.nan] if feature.missing or feature.optional else ends)
        parts = values[:, None]
    rows = np.repeat(origin, len(values), 0)
    rows[:, place] = parts
    return rows, values
