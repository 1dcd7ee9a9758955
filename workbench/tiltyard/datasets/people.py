"""Columns that say who a person is: likely sensitive, by name and by what they hold."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..statistics.bands import bands, cut
from .category_names import as_text
from .column_names import words
from .feature import MISSING
from .onehots import family, member_of, prefixes
from .written_numbers import meaning

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
YES_NO = {
    "sex": frozenset({"male", "female", "man", "woman", "boy", "girl", "transgender"}),
    "race": frozenset({"white", "black", "asian", "hispanic", "latino", "latina", "caucasian", "indigenous", "minority"}),
    "religion": frozenset({"christian", "muslim", "jewish", "hindu", "buddhist", "sikh", "catholic", "protestant", "atheist"}),
    "age": frozenset({"elderly", "senior", "underage"}),
    "disability": frozenset({"deaf", "blind", "wheelchair"}),
}
"""Names of columns that hold true and false, or 0 and 1, of people."""
PAIRS = tuple(map(frozenset, (("0", "1"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))))
BESIDE = frozenset({"is", "was", "flag", "indicator", "bool"})
UNCHANGEABLE = frozenset({"sex", "gender", "race", "age", "nationality", "disability"})
CONTENT = {
    "sex": frozenset({"male", "female", "man", "woman", "men", "women", "m", "f", "other", "nonbinary", "non-binary", "diverse"}),
    "race": frozenset(
        {"white", "black", "asian", "hispanic", "latino", "caucasian", "african-american", "native american", "asian-pac-islander"}
    ),
    "marital": frozenset({"single", "married", "divorced", "widowed", "separated", "never-married", "married-civ-spouse"}),
    "religion": frozenset({"christian", "muslim", "jewish", "hindu", "buddhist", "sikh", "catholic", "protestant", "atheist"}),
}
AMBIGUOUS = frozenset({"m", "f", "other", "white", "black", "single", "man", "separated"})
"""Values that also stand for other things than people."""
BARE = frozenset({"column", "col", "x", "v", "var", "feature", "attr", "attribute", "field", "value", "unnamed", "c"})
PEOPLE = frozenset(
    "applicant person patient customer client student employee worker user owner child parent spouse borrower driver passenger defendant "
    "respondent subject member head demographic".split()
)
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
    """The ground that a column's values point to, or an empty string: two thirds of its categories known, at least two.

    Values that mean many things, such as F and M, or white and black, count only where the column's name is no word for another thing.
    """
    try:
        few = column.nunique() <= 30
    except TypeError:
        return ""
    if not few or column.dtype.kind in "iufc":
        return ""
    values = {str(v).strip().lower() for v in column.dropna().unique()}
    for ground, known in CONTENT.items():
        hits = values & known
        sure = hits - AMBIGUOUS or _of_people(str(column.name or ""))
        if len(hits) >= 2 and len(hits) >= 2 / 3 * len(values) and sure:
            return ground
    return ""


def yes_or_no(column: "pd.Series") -> str:
    """The ground of a column that says of each person whether they are it: ``male``, ``is_female``, ``patient black``; else an empty string."""
    name = [word for word in words(str(column.name or "")) if word not in BESIDE]
    own = [word for word in name if word not in PEOPLE]
    ground = next((ground for ground, known in YES_NO.items() if len(own) == 1 and own[0] in known), "")
    if not ground:
        return ""
    values = {str(v).strip().lower().removesuffix(".0") for v in column.dropna().head(10_000).unique()}
    return ground if len(values) == 2 and any(values <= pair for pair in PAIRS) else ""


def _of_people(name: str) -> bool:
    """Does a name say that a column is about people, or nothing at all?"""
    found = [word for word in words(name) if not word.isdigit()]
    return not found or set(found) <= BARE or bool(set(found) & PEOPLE)


def likely_sensitive(frame: "pd.DataFrame", label: str) -> dict[str, str]:
    """Likely sensitive columns and the ground each stands for; 0/1 columns of one family are one, by the name they have in common."""
    found: dict[str, str] = {}
    inside: set[str] = set()
    for column in map(str, frame.columns):
        if column == label or column in inside:
            continue
        name, columns = _family(frame, column)
        inside |= set(columns)
        if ground := named_as(name) or ("" if columns else holds(frame[column]) or yes_or_no(frame[column])):
            found[name] = ground
    return found


def _family(frame: "pd.DataFrame", column: str) -> tuple[str, tuple[str, ...]]:
    for prefix in prefixes(column):
        if named_as(prefix) and words(prefix) != ("color",) and prefix not in frame.columns and (columns := family(frame, prefix)):
            return prefix, columns
    return column, ()


def sensitive_column(frame: "pd.DataFrame", name: str) -> "pd.Series | None":
    """The column ``name``, or that of the family of 0/1 columns of this name; None where there is neither."""
    if name in frame.columns:
        return frame[name]
    columns = family(frame, name)
    return member_of(frame, columns, name) if columns else None


AGES = (25, 40, 60)
MOST_GROUPS = 12


def banded(column: "pd.Series", name: str) -> NDArray[np.str_]:
    """A sensitive column as groups of text: a number with more than 12 values is cut into bands, a date by its year.

    Ages are cut at 25, 40 and 60; other numbers at their quartiles, or around a value that many rows hold.
    """
    import pandas as pd

    if column.nunique() > MOST_GROUPS and (meant := meaning(column)) is not None:
        column = meant
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.year
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.nunique() <= MOST_GROUPS:
        return as_text(column)
    values = column.to_numpy(np.float64, na_value=np.nan)
    ages = cut(values, AGES) if named_as(name) == "age" else None
    found = ages if ages is not None and len(np.unique(ages.places)) > 1 else bands(values)
    groups: NDArray[np.str_] = np.array((*found.names, MISSING), dtype=str)[found.places]
    return groups
