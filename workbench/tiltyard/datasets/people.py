"""Columns that say who a person is: likely sensitive, by name and by what they hold."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..statistics.bands import bands, cut
from .category_names import as_text
from .column_names import words
from .feature import MISSING

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "sex": "sex",
    "gender": "gender",
    "race": "race",
    "ethnicity": "race",
    "ethnic": "race",
    "caste": "race",
    "color": "race",
    "age": "age",
    "birthdate": "age",
    "religion": "religion",
    "religious": "religion",
    "faith": "religion",
    "nationality": "nationality",
    "citizenship": "nationality",
    "native": "nationality",
    "foreign": "nationality",
    "foreigner": "nationality",
    "immigrant": "nationality",
    "birthplace": "nationality",
    "disability": "disability",
    "disabled": "disability",
    "handicap": "disability",
    "marital": "marital",
    "married": "marital",
    "pregnant": "pregnancy",
    "pregnancy": "pregnancy",
    "orientation": "orientation",
    "veteran": "veteran",
}
"""A word in a column's name, and the ground it stands for (EU Charter of Fundamental Rights, Article 21, and its like)."""
UNCHANGEABLE = frozenset({"sex", "gender", "race", "age", "nationality", "disability"})
CONTENT = {
    "sex": frozenset({"male", "female", "man", "woman", "men", "women", "m", "f", "other", "nonbinary", "non-binary", "diverse"}),
    "race": frozenset(
        {"white", "black", "asian", "hispanic", "latino", "caucasian", "african-american", "native american", "asian-pac-islander"}
    ),
    "marital": frozenset({"single", "married", "divorced", "widowed", "separated", "never-married", "married-civ-spouse"}),
    "religion": frozenset({"christian", "muslim", "jewish", "hindu", "buddhist", "sikh", "catholic", "protestant", "atheist"}),
}
CODES = {("personal", "status"): "marital"}


def named_as(name: str) -> str:
    """The ground a column's name points to (``"sex"``, ``"age"`` …), or an empty string."""
    found = words(name)
    if found in CODES:
        return CODES[found]
    return next((WORDS[word] for word in found if word in WORDS and not (word == "color" and len(found) > 1)), "")


def fixed_at_birth(name: str) -> bool:
    """Does the column say what nobody can change about themselves? An attacker may not either."""
    return named_as(name) in UNCHANGEABLE


def holds(column: "pd.Series") -> str:
    """The ground that a column's values point to, or an empty string: two thirds of its categories known, at least two."""
    try:
        few = column.nunique() <= 30
    except TypeError:
        return ""
    if not few or column.dtype.kind in "iufc":
        return ""
    values = {str(v).strip().lower() for v in column.dropna().unique()}
    for ground, known in CONTENT.items():
        hits = values & known
        if len(hits) >= 2 and len(hits) >= 2 / 3 * len(values):
            return ground
    return ""


def likely_sensitive(frame: "pd.DataFrame", label: str) -> dict[str, str]:
    """Likely sensitive columns and the ground each stands for."""
    found = {str(c): named_as(str(c)) or holds(frame[c]) for c in frame.columns if str(c) != label}
    return {name: ground for name, ground in found.items() if ground}


AGES = (25, 40, 60)


def banded(column: "pd.Series", name: str) -> NDArray[np.str_]:
    """A sensitive column as groups of text: a number with more than 12 values is cut into bands.

    Ages are cut at 25, 40 and 60; other numbers at their quartiles, or around a value that many rows hold.
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.nunique() <= 12:
        return as_text(column)
    values = column.to_numpy(np.float64, na_value=np.nan)
    found = cut(values, AGES) if named_as(name) == "age" else bands(values)
    groups: NDArray[np.str_] = np.array((*found.names, MISSING), dtype=str)[found.places]
    return groups
