"""What the columns of a data set mean, and the one way from a person's table to numbers and back."""

import hashlib
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..errors import Problem
from ..result import Given

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["continuous", "integer", "categorical", "onehot", "pixels"]
MISSING = "(missing)"

LARGEST = 1e38  # float32 holds 3.4e38; the bounds around the column must fit too


class Feature(Given):
    """One feature as a person names it.

    ``continuous`` and ``integer`` are one number between ``low`` and ``high`` in ``unit``.
    ``categorical`` is one column with the ``categories`` listed and becomes a one-hot group in x.
    ``onehot`` is a group that the table already holds as the 0/1 ``columns``.
    ``pixels`` is a whole image of ``shape`` (channels, height, width); the file's numbers are divided by ``divide``.
    ``mutable`` says whether an attacker may change it. ``assumed`` says what was guessed and why.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    categories: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    divide: float = 1.0
    mutable: bool = True
    assumed: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "categorical" and not self.categories:
            raise ValueError(f"feature {self.name!r} is categorical but lists no categories")
        if self.kind == "onehot" and len(self.columns) < 2:
            raise ValueError(f"feature {self.name!r} is a one-hot group of fewer than two columns")
        if self.kind == "pixels" and not self.shape:
            raise ValueError(f"feature {self.name!r} is pixels but has no shape")
        if not self.low <= self.high:
            raise ValueError(f"feature {self.name!r} has bounds {self.low} to {self.high}")
        return self

    @property
    def width(self) -> int:
        """How many columns of x it takes."""
        if self.kind == "categorical":
            return len(self.categories)
        if self.kind == "onehot":
            return len(self.columns)
        return int(np.prod(self.shape)) if self.kind == "pixels" else 1

    @property
    def grouped(self) -> bool:
        """Is it a one-hot group in x?"""
        return self.kind in ("categorical", "onehot")

    @property
    def values(self) -> tuple[str, ...]:
        """The names of a group's members."""
        return self.categories if self.kind == "categorical" else self.columns


class Schema(Given):
    """All features in the order of x, the label and its classes, and the likely sensitive columns."""

    features: tuple[Feature, ...]
    label: str
    classes: tuple[str, ...]
    sensitive: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [f.name for f in self.features]
        if len(set(names)) != len(names):
            raise ValueError(f"feature names repeat: {sorted(n for n in set(names) if names.count(n) > 1)}")
        return self

    @property
    def images(self) -> bool:
        return len(self.features) == 1 and self.features[0].kind == "pixels"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of x: (width,) for a table, (channels, height, width) for images."""
        return self.features[0].shape if self.images else (sum(f.width for f in self.features),)

    @property
    def slices(self) -> dict[str, slice]:
        """Where each feature stands among the columns of x."""
        found, start = {}, 0
        for feature in self.features:
            found[feature.name] = slice(start, start + feature.width)
            start += feature.width
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each column of x (for images, of its flattened pixels)."""
        names: list[str] = []
        for f in self.features:
            if f.grouped:
                names += [f"{f.name}={v}" for v in f.values]
            else:
                names += [f.name] if f.width == 1 else [f"{f.name}[{i}]" for i in range(f.width)]
        return tuple(names)

    def spread(self, of: dict[str, float]) -> NDArray[np.float32]:
        """A number per feature repeated over its columns: float32 of ``shape``."""
        flat = np.concatenate([np.full(f.width, of[f.name], np.float32) for f in self.features])
        return flat.reshape(self.shape)

    @property
    def low(self) -> NDArray[np.float32]:
        """Smallest valid value of each column, float32 of ``shape``."""
        return self.spread({f.name: 0.0 if f.grouped else f.low for f in self.features})

    @property
    def high(self) -> NDArray[np.float32]:
        return self.spread({f.name: 1.0 if f.grouped else f.high for f in self.features})

    @property
    def mutable(self) -> NDArray[np.bool_]:
        return self.spread({f.name: float(f.mutable) for f in self.features}) > 0

    @property
    def integer(self) -> NDArray[np.bool_]:
        return self.spread({f.name: float(f.kind == "integer") for f in self.features}) > 0

    @property
    def groups(self) -> tuple[slice, ...]:
        """The one-hot groups as slices of x's columns."""
        return tuple(self.slices[f.name] for f in self.features if f.grouped)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def feature(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise Problem(f"a feature ({', '.join(f.name for f in self.features)})", repr(name), "Correct the name")

    def encode(self, frame: "pd.DataFrame") -> NDArray[np.float32]:
        """A person's table to x: float32 (n, *shape). Refuses what is not in the schema, naming column and value."""
        if self.images:
            return _encode_pixels(frame, self)
        needed = [c for f in self.features for c in (f.columns if f.kind == "onehot" else (f.name,))]
        if lost := [c for c in needed if c not in frame.columns]:
            raise Problem(f"the columns {', '.join(needed)}", f"none called {', '.join(lost)}", "Add or rename the columns")
        parts = [_encode(frame, f) for f in self.features]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def decode(self, x: NDArray[np.float32]) -> "pd.DataFrame":
        """x back to a person's table: categories by name, integers as integers."""
        import pandas as pd

        flat = np.asarray(x, np.float32).reshape(len(x), -1)
        if self.images:
            divide = self.features[0].divide
            return pd.DataFrame(flat * divide, columns=list(self.columns))
        data: dict[str, NDArray[np.generic]] = {}
        for f in self.features:
            part = flat[:, self.slices[f.name]]
            if f.kind == "categorical":
                data[f.name] = np.array(f.categories, dtype=object)[part.argmax(1)]
            elif f.kind == "onehot":
                data.update({c: part[:, i] for i, c in enumerate(f.columns)})
            else:
                data[f.name] = part[:, 0].round().astype(np.int64) if f.kind == "integer" else part[:, 0]
        return pd.DataFrame(data)


def _shown(value: object) -> str:
    """A cell as a person would write it."""
    return repr(value) if isinstance(value, str) else str(value)


def _numbers(frame: "pd.DataFrame", name: str) -> NDArray[np.float64]:
    import pandas as pd

    column = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(column)
    if bad.any():
        row = int(bad.argmax())
        raise Problem(
            f"a finite number in every row of {name!r}",
            f"{_shown(frame[name].iloc[row])} in row {row} ({int(bad.sum())} such rows)",
            f"Fill or drop these rows, say what stands for them (features: {name}, missing = …), or declare the column categorical",
        )
    if (np.abs(column) > LARGEST).any():
        row = int(np.abs(column).argmax())
        raise Problem(f"numbers within ±{LARGEST:g} in {name!r}", f"{column[row]:g} in row {row}", "Give the column in a larger unit")
    return column


def _encode(frame: "pd.DataFrame", f: Feature) -> NDArray[np.float64]:
    if f.kind == "categorical":
        return _one_hot(frame[f.name], f)
    if f.kind == "onehot":
        group = np.stack([_numbers(frame, c) for c in f.columns], axis=1)
        wrong = (group.sum(1) != 1) | ~np.isin(group, (0, 1)).all(1)
        if wrong.any():
            raise Problem(
                f"exactly one 1 among {', '.join(f.columns)}", f"{group[wrong.argmax()].tolist()} in row {wrong.argmax()}", "Fix the row"
            )
        return group
    column = _numbers(frame, f.name)
    with np.errstate(over="ignore"):  # beyond what float32 holds is infinite there
        rounded = column.astype(np.float32)  # x is float32: a bound that came back from it must still be valid
        outside = (rounded < np.float32(f.low)) | (rounded > np.float32(f.high))
    if outside.any():
        row = int(outside.argmax())
        raise Problem(
            f"{f.name!r} between {f.low:g} and {f.high:g} {f.unit}".strip(),
            f"{column[row]:g} in row {row} ({int(outside.sum())} such rows)",
            "Correct the value, or the bounds in the schema",
        )
    if f.kind == "integer" and (column != column.round()).any():
        row = int((column != column.round()).argmax())
        raise Problem(f"whole numbers in {f.name!r}", f"{column[row]:g} in row {row}", "Declare the column continuous")
    return column[:, None]


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


def _one_hot(column: "pd.Series", f: Feature) -> NDArray[np.float64]:
    import pandas as pd

    codes, texts = coded(column)
    known = pd.Index(f.categories).get_indexer(pd.Index(texts.astype(object)))[codes]
    if (known < 0).any():
        row = int((known < 0).argmax())
        some = ", ".join(f.categories[:8]) + (" …" if len(f.categories) > 8 else "")
        count = int((known < 0).sum())
        found = f"{str(texts[codes[row]])!r} in row {row} ({count:,} such row{'s' * (count != 1)})"
        do = "Correct it or leave such rows out; add it to the schema only where the model knows it"
        raise Problem(f"{f.name!r} to be one of {some}", found, do)
    out = np.zeros((len(known), len(f.categories)))
    out[np.arange(len(known)), known] = 1
    return out


def _encode_pixels(frame: "pd.DataFrame", schema: Schema) -> NDArray[np.float32]:
    f = schema.features[0]
    if frame.shape[1] != f.width:
        raise Problem(f"{f.width} pixel columns ({'×'.join(map(str, f.shape))})", f"{frame.shape[1]} columns", "Give one column per pixel")
    values = np.stack([_numbers(frame, c) for c in frame.columns], axis=1) / f.divide
    if values.min() < f.low or values.max() > f.high:
        found = f"{values.min() * f.divide:g} to {values.max() * f.divide:g}"
        raise Problem(f"pixels between {f.low * f.divide:g} and {f.high * f.divide:g}", found, "Rescale the images or correct the bounds")
    return values.reshape(-1, *f.shape).astype(np.float32)
