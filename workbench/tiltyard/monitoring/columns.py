"""A table as columns of numbers and of words, as the tests want it; what is missing stays missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..targets.decision import Labels, Scores

if TYPE_CHECKING:
    import pandas as pd

FEW = 20
MISSING = "(missing)"
MOST = 500


@dataclass(frozen=True)
class Columns:
    """``n`` rows by column.

    Attributes
    ----------
    numbers
        float64 (n,) by name; NaN where missing.
    words
        str (n,) by name; `MISSING` where missing. Numbers of at most `FEW` values in the reference are words too.
    """

    n: int
    numbers: dict[str, NDArray[np.float64]]
    words: dict[str, NDArray[np.str_]]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.numbers, *self.words)

    def take(self, rows: NDArray[np.intp]) -> "Columns":
        """The rows at these places."""
        return Columns(len(rows), {k: v[rows] for k, v in self.numbers.items()}, {k: v[rows] for k, v in self.words.items()})


def of_frame(frame: "pd.DataFrame", like: Columns | None = None) -> Columns:
    """The columns of a table; with ``like`` those of the reference, of its kinds, and others are left out.

    A text where the reference has numbers counts as missing. A category that the reference lacks is kept.

    Raises
    ------
    Problem
        A column of the reference is not there, a name is there twice, or there are no columns at all.
    """
    names = [str(name) for name in frame.columns]
    if not names or len(names) > MOST:
        raise Problem(f"1 to {MOST} columns", f"{len(names)}", "Leave out the others")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise Problem("column names that differ", f"{twice!r} twice", "Rename one")
    table = frame.set_axis(names, axis=1)
    if like is not None and (gone := [name for name in like.names if name not in names]):
        raise Problem(f"the reference's columns ({len(like.names)})", f"no {gone[0]!r}", "Give the same columns")
    numeric = like.numbers if like else {name for name in names if _many_numbers(table[name])}
    wanted = like.names if like else names
    numbers = {name: _numbers(table[name]) for name in wanted if name in numeric}
    return Columns(len(table), numbers, {name: words(table[name]) for name in wanted if name not in numeric})


def of_rows(x: Rows, schema: Schema, like: Columns | None = None) -> Columns:
    """Rows of x as columns; of images their brightness and contrast, for no single pixel means anything."""
    if not schema.images:
        return of_frame(schema.decode(x), like)
    flat = x.reshape(len(x), -1).astype(np.float64)
    return Columns(len(x), {"brightness": flat.mean(1), "contrast": flat.std(1)}, {})


def with_answers(columns: Columns, scores: Scores, labels: Labels, classes: Sequence[str]) -> Columns:
    """The same with what the model answered: the label that it decided and the score of it."""
    answer = np.array([str(name) for name in classes])[labels] if len(labels) else np.array([], dtype=str)
    own = scores[np.arange(len(labels)), labels].astype(np.float64)
    return Columns(columns.n, {**columns.numbers, "(score)": own}, {**columns.words, "(answer)": answer})


def _many_numbers(column: "pd.Series") -> bool:
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return bool(numeric and column.nunique() > FEW)


def _numbers(column: "pd.Series") -> NDArray[np.float64]:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def words(column: "pd.Series") -> NDArray[np.str_]:
    """A column as words (n,): a number in its shortest spelling, `MISSING` where there is nothing."""
    return np.array([MISSING if _absent(value) else word(value) for value in column.tolist()], dtype=str)


def _absent(value: object) -> bool:
    return value is None or str(value) in ("<NA>", "NaT") or value != value


def word(value: object) -> str:
    """``value`` as a word: 7, 7.0 as ``7``, whole numbers to the last digit, others to the seven that float32 holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)[:80]
    return str(int(value)) if float(value).is_integer() else f"{value:.7g}"
