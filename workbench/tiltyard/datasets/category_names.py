"""The names of categories and classes: values of any type as text, equal values as equal text."""

from collections import Counter
from typing import TYPE_CHECKING, Any

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


MOST_MERGED = 4  # groups that are named


def merged(column: "pd.Series", groups: NDArray[np.str_]) -> str:
    """Which ways of writing a value ``groups`` (n,) holds as one, with the rows of each, as a clause; empty where each has its own."""
    codes, texts = coded(column)
    if not np.array_equal(texts[codes], groups):  # bands of a number: its cells have no names
        return ""
    rows, values = np.bincount(codes, minlength=len(texts)), _first(column, codes, len(texts))
    forms: dict[str, Counter[str]] = {}
    for text, value, n in zip(texts.tolist(), values, rows.tolist(), strict=True):
        forms.setdefault(text, Counter())[_form(value)] += n
    clauses = [f"{_listed(found)} count as one group, {text}" for text, found in sorted(forms.items()) if len(found) > 1]
    more = f"; so do those of {len(clauses) - MOST_MERGED} more" if len(clauses) > MOST_MERGED else ""
    return "; ".join(clauses[:MOST_MERGED]) + more


def _first(column: "pd.Series", codes: NDArray[np.intp], k: int) -> list[Any]:
    """A value of each code."""
    at = np.zeros(k, np.intp)
    at[codes[::-1]] = np.arange(len(codes))[::-1]
    return list(column.astype(object).iloc[at])


def _form(value: Any) -> str:
    """How a value is written, blanks and all."""
    import pandas as pd

    if isinstance(value, str):
        return repr(value[:30]) if value.strip() else "blanks alone" if value else "an empty text"
    return "no value" if pd.isna(value) is True else str(value)[:30]


def _listed(found: "Counter[str]") -> str:
    names = [f"{form} ({n:,} row{'s' * (n != 1)})" for form, n in found.most_common(MOST_MERGED)]
    rest = len(found) - len(names)
    names += [f"{rest} more ways"] if rest else []
    return f"{', '.join(names[:-1])} and {names[-1]}"
