"""A person's table as somebody without us would give it to a network: NumPy and pandas alone, one-hot by ``pandas``' own codes."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Schema

if TYPE_CHECKING:
    import pandas as pd


def plain_rows(frame: "pd.DataFrame", schema: Schema, onehot: bool) -> NDArray[np.float64] | None:
    """The columns side by side, float64 (n, width), a category by its code or one-hot; None where that cannot be told.

    Parameters
    ----------
    onehot
        Whether each category has a column of its own.
    """
    if schema.images or not set(schema.columns) <= set(map(str, frame.columns)):
        return None
    parts = []
    for feature in schema.features:
        part = _coded(frame, feature, onehot) if feature.kind == "categorical" else _numbers(frame, feature)
        if part is None:
            return None
        parts.append(part)
    return np.concatenate(parts, 1)


def _numbers(frame: "pd.DataFrame", feature: Feature) -> NDArray[np.float64] | None:
    """Numbers, true and false; no dates, of which nobody else knows the unit."""
    columns = frame[list(feature.table_columns)]
    if any(dtype.kind not in "biuf" for dtype in columns.dtypes):
        return None
    numbers: NDArray[np.float64] = columns.to_numpy(np.float64, na_value=np.nan)
    return numbers


def _coded(frame: "pd.DataFrame", feature: Feature, onehot: bool) -> NDArray[np.float64] | None:
    import pandas as pd

    written: list[Any] = list(feature.written or feature.categories)
    known = [v for v in written if not isinstance(v, tuple) and v is not None]
    codes = np.asarray(pd.Categorical(frame[feature.name].astype(object), categories=known).codes, np.intp)
    places = np.array([i for i, v in enumerate(written) if not isinstance(v, tuple) and v is not None], np.intp)
    lost = codes < 0
    if lost.any() and MISSING not in feature.categories:
        return None
    found = np.where(lost, feature.categories.index(MISSING) if lost.any() else 0, places[codes])
    return np.eye(len(written))[found] if onehot else found[:, None].astype(np.float64)
