"""The names of categories and classes: values of any type as text, equal values as equal text."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .feature import MISSING

if TYPE_CHECKING:
    import pandas as pd


def as_text(column: "pd.Series") -> NDArray[np.str_]:
    """Category names: stripped text, ``(missing)`` for empty, NaN and ``?``; whole floats lose their ``.0``."""
    codes, texts = coded(column)
    return texts[codes]


def coded(column: "pd.Series") -> tuple[NDArray[np.intp], NDArray[np.str_]]:
    """Category names as an index (n,) into texts, so that each different value is written only once; texts may repeat."""
    import pandas as pd

    mixed = column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) not in ("string", "empty")
    if mixed:  # equal values of different types, such as 1 and True, are different texts
        return np.arange(len(column)), _texts(column)
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return codes, _texts(pd.Series(values))


def _texts(column: "pd.Series") -> NDArray[np.str_]:
    import pandas as pd

    if pd.api.types.is_float_dtype(column):
        there = column.dropna()
        if (there == there.round()).all() and (there.abs() < 2**53).all():
            column = column.astype("Int64")
    text = column.astype("string").str.strip().fillna("")
    return text.mask(text.isin(["", "?"]), MISSING).to_numpy(dtype=str)
