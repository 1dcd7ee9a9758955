"""A table as a scikit-learn estimator saw it when it was fitted: column names, their order, and category values."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.category_names import as_text
from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Schema
from ..errors import Problem

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "\0"  # the text of no category: it stands for the NaN or None that an encoder was fitted on


class FittedColumns:
    """The columns that an estimator was fitted on, worked out once: tables are put into them batch by batch."""

    def __init__(self, estimator: Any) -> None:
        self.who = type(estimator).__name__
        self.names = fitted_names(estimator)
        self.estimator = estimator
        self._restoring: tuple[list[str], dict[str, Restored]] | None = None

    def given(self, x: "pd.DataFrame | NDArray[Any]") -> "pd.DataFrame | NDArray[Any]":
        """x with the columns that the estimator was fitted on, by name and in its order, categories as the values its encoders know.

        A table that carries the person's own values is given as it is. Where a schema without them wrote categories as text and missing
        ones as ``(missing)``, the values that the estimator was fitted on take their place.

        Raises
        ------
        Problem
            Naming both lists, where the table lacks a column that the estimator knows by name.
        """
        import pandas as pd

        if not isinstance(x, pd.DataFrame):
            return x.reshape(len(x), -1)
        frame, names = x, self.names
        if names and names != list(x.columns):
            if not set(names) <= set(map(str, x.columns)):
                raise columns_missing(names, list(map(str, x.columns)), self.who)
            frame = x[names]
        restoring = self._of(names or [str(c) for c in frame.columns])
        changed = {name: restored(frame[name]) for name, restored in restoring.items() if name in frame.columns}
        return frame.assign(**changed) if changed else frame

    def _of(self, names: list[str]) -> "dict[str, Restored]":
        """Of these columns those whose text is not always what the encoder was fitted on."""
        if self._restoring is None or self._restoring[0] != names:
            known = fitted_values(self.estimator, names)
            other = {name: Restored(values) for name, values in known.items() if any(text != value for text, value in values.items())}
            self._restoring = (names, other)
        return self._restoring[1]


class Restored:
    """A column of text with the values that an encoder was fitted on, by the text a schema writes for each."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.own = set(values.values())
        # by what it was fitted on, not by what a batch holds: one whose every cell is empty is still a column of text
        self.numeric = all(isinstance(v, (int, float)) for v in self.own if v == v)

    def __call__(self, column: "pd.Series") -> "pd.Series":
        """The column, of the dtype that the encoder was fitted on; one that holds numbers or pandas categories as it is."""
        import pandas as pd

        if column.dtype.kind in "iufb" or isinstance(column.dtype, pd.CategoricalDtype):
            return column
        lost = column.isna().tolist()  # an empty cell, or what a CSV reader took for one, as the value that stands for it in the estimator
        own, values = self.own, self.values
        cells = zip(column.tolist(), lost, strict=True)
        found = [values.get(NOTHING, values.get(MISSING, v)) if gone else v if v in own else values.get(v, v) for v, gone in cells]
        plain = self.numeric and all(isinstance(v, (int, float)) for v in found)
        return pd.Series(found, index=column.index, dtype=None if plain else object)


def fitted_names(estimator: Any) -> list[str]:
    """The names of the columns that an estimator was fitted on, in its order; [] where it was fitted on an array."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(estimator, "feature_names_", None)  # CatBoost, which counts the columns of an array
    found = [] if names is None else [str(name) for name in names]
    return [] if found == [str(i) for i in range(len(found))] else found


def columns_missing(names: list[str], columns: list[str], who: str, known: Sequence[str] = ()) -> Problem:
    """That a table of ``columns`` lacks some of the ``names`` that a model was fitted on.

    Parameters
    ----------
    known
        Sentences on how the table was read: why one of them was left out is said with it.
    """
    lost = [name for name in names if name not in columns]
    alike = {column.strip().casefold(): column for column in columns if column not in names}
    why = [sentence.rstrip(".") for name in lost for sentence in known if sentence.startswith(f"{name!r} was left out: ")]
    why += [f"{alike[key]!r} is written otherwise than {name!r}" for name in lost if (key := name.strip().casefold()) in alike]
    return Problem(
        f"the columns {listed(names)}, which {who} was fitted on",
        f"{listed(columns)}, without {listed(lost)}" + (f" ({'; '.join(why[:3])})" if why else ""),
        "Name the columns as they were when it was fitted, and leave out none of them",
    )


def listed(names: list[str], most: int = 20) -> str:
    """The first names, and that there are more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def fitted_values(estimator: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    """For each categorical column, the value that an encoder was fitted on by the text a schema writes for it."""
    pairs = ((zip(chosen, e.categories_, strict=True), imputed) for chosen, e, imputed in _encoders(estimator, names))
    return {name: _values(kinds, imputed) for columns, imputed in pairs for name, kinds in columns}


def never_seen(estimator: Any, schema: Schema) -> dict[str, list[str]]:
    """For each categorical column, the categories that its encoder was not fitted on and refuses."""
    names = fitted_names(estimator) or [f.name for f in schema.features]
    strict = {name for chosen, e, _ in _encoders(estimator, names) if getattr(e, "handle_unknown", "") == "error" for name in chosen}
    values = fitted_values(estimator, names)
    kept = {f.name: _unknown(f, values[f.name]) for f in schema.features if f.kind == "categorical" and f.name in strict}
    return {name: found for name, found in kept.items() if found}


def _unknown(feature: Feature, values: dict[str, Any]) -> list[str]:
    """The feature's categories of which neither the name nor what the table writes is among the values that an encoder knows."""
    own = list(values.values())
    written = feature.written or feature.categories
    return [c for c, value in zip(feature.categories, written, strict=True) if c not in values and value not in own]


def _encoders(estimator: Any, names: list[str]) -> Iterator[tuple[list[str], Any, bool]]:
    """Columns, the encoder of their categories, and whether missing values are filled before it."""
    steps = getattr(estimator, "steps", None)
    if steps:
        yield from _encoders(steps[0][1], names)
        return
    none = True
    for _, part, columns in getattr(estimator, "transformers_", ()):
        if isinstance(part, str):
            continue
        chosen = _names(columns, names)
        parts = [step for _, step in part.steps] if hasattr(part, "steps") else [part]
        first = [p for p in parts if "Imputer" not in type(p).__name__][:1]  # what comes after another step sees other values
        encoder = first[0] if first and hasattr(first[0], "categories_") else None
        if encoder is not None and len(encoder.categories_) == len(chosen):
            none = False
            yield chosen, encoder, any("Imputer" in type(p).__name__ for p in parts)
    if none and hasattr(estimator, "categories_") and len(estimator.categories_) == len(names):
        yield names, estimator, False


def _names(columns: Any, names: list[str]) -> list[str]:
    chosen = [columns] if isinstance(columns, str) else list(columns) if hasattr(columns, "__iter__") else []
    if chosen and all(isinstance(c, (bool, np.bool_)) for c in chosen):
        return [n for n, wanted in zip(names, chosen, strict=False) if wanted]
    return [names[c] if isinstance(c, (int, np.integer)) and c < len(names) else str(c) for c in chosen]


def _values(kinds: Any, imputed: bool) -> dict[str, Any]:
    """The values that an encoder was fitted on by the text a schema writes for each, each text also by itself, and under `NOTHING` its NaN or None."""
    import pandas as pd

    plain = list(kinds)
    texts = as_text(pd.Series(plain, dtype=np.asarray(kinds).dtype))
    found = {str(text): value for text, value in zip(texts, plain, strict=True)}
    found.update({value: value for value in plain if isinstance(value, str)})  # "M" and "M " are two, and one text
    nothing = [value for value in plain if value is None or value != value] or [np.nan] * (imputed and MISSING not in found)
    if nothing:
        found[NOTHING] = nothing[-1]
        found[MISSING] = MISSING if MISSING in plain else nothing[-1]
    return found
