"""What a torch module eats: numbers in their own unit, a one-hot group for each feature that is one of several values."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .feature import Feature
from .remembered import Remembered
from .schema import Rows, Schema
from .table import table_of
from .texts import text_columns


class Encoding:
    """The encoded columns of a schema: made of rows at a model's edge, a batch at a time, and read back.

    Images are the same in x and encoded.
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features
        self.table = table_of(features)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many encoded columns each feature takes."""
        return tuple(len(f.categories) if f.kind == "categorical" else f.width for f in self.features)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded row: (width,) of a table, (channels, height, width) of images."""
        return self.table.shape if self.table.images else (sum(self.widths),)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each feature stands among the encoded columns."""
        stops = np.cumsum(self.widths).tolist()
        return {f.name: slice(stop - width, stop) for f, width, stop in zip(self.features, self.widths, stops, strict=True)}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """A name for each encoded column: ``feature=category`` in a group."""
        if self.table.images:
            return self.table.columns
        return tuple(c for f in self.features for c in ([f"{f.name}={v}" for v in f.values] if f.grouped else [f.name]))

    def spread(self, of: dict[str, float]) -> NDArray[np.float64]:
        """A number per feature repeated over its encoded columns: float64 of ``shape``."""
        flat = np.concatenate([np.full(w, of[f.name], np.float64) for f, w in zip(self.features, self.widths, strict=True)])
        return flat.reshape(self.shape)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """Smallest valid value of each encoded column."""
        return self.spread({f.name: 0.0 if f.grouped else f.low for f in self.features})

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """Largest valid value of each encoded column."""
        return self.spread({f.name: 1.0 if f.grouped else f.high for f in self.features})

    @cached_property
    def mutable(self) -> NDArray[np.bool_]:
        return self.spread({f.name: float(f.mutable) for f in self.features}) > 0

    @cached_property
    def integer(self) -> NDArray[np.bool_]:
        return self.spread({f.name: float(f.kind == "integer") for f in self.features}) > 0

    @cached_property
    def groups(self) -> tuple[slice, ...]:
        """The one-hot groups as slices of the encoded columns."""
        return tuple(self.slices[f.name] for f in self.features if f.grouped)

    @cached_property
    def _copied(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Columns that are the same in x and encoded: their places in x, and encoded."""
        kept = [f for f in self.features if f.kind != "categorical"]
        pairs = [(self.table.slices[f.name], self.slices[f.name]) for f in kept]
        there = [i for x, _ in pairs for i in range(x.start, x.stop)]
        return np.array(there, np.intp), np.array([i for _, z in pairs for i in range(z.start, z.stop)], np.intp)

    @cached_property
    def _coded(self) -> tuple[tuple[int, slice], ...]:
        """Categorical features: their column of x and their encoded group."""
        return tuple((self.table.slices[f.name].start, self.slices[f.name]) for f in self.features if f.kind == "categorical")

    @cached_property
    def places(self) -> tuple[tuple[int, slice | None], ...]:
        """For each column of x the encoded column that it is (its place, None), or the group that codes it (0, its slice)."""
        coded = dict(self._coded)
        there, here = self._copied
        copied = dict(zip(there.tolist(), here.tolist(), strict=True))
        return tuple((copied.get(i, 0), coded.get(i)) for i in range(int(np.prod(self.table.shape))))

    def encode(self, x: Rows, dtype: type[Any] = np.float32, holding: bool = False) -> NDArray[Any]:
        """Rows of x encoded, (n, *shape) of ``dtype``.

        Parameters
        ----------
        holding
            Free text is held: its column is the number of the text, which float64 keeps and which no model is given.

        Raises
        ------
        Problem
            A feature is free text, which is not held.
        """
        if (texts := text_columns(self.features)) and not (holding and dtype is np.float64):
            raise Problem("columns of numbers and categories", f"{texts[0]!r}, which holds free text", "Give a model that takes text")
        if self.table.images or not self._coded:
            return np.ascontiguousarray(x, dtype)
        z = np.zeros((len(x), *self.shape), dtype)
        there, here = self._copied
        z[:, here] = x[:, there]
        rows = np.arange(len(x))
        for column, group in self._coded:
            z[rows, group.start + x[:, column].astype(np.intp)] = 1
        return z

    def decode(self, z: NDArray[Any], origin: Rows | None = None) -> Rows:
        """Encoded rows as rows of x: of each group the category with the largest value.

        Parameters
        ----------
        origin
            The rows that ``z`` was made of by changes. A number that is the same encoded is then taken from it, unrounded.
        """
        if self.table.images:
            return np.asarray(z, np.float32)
        x = np.empty((len(z), *self.table.shape))
        there, here = self._copied
        x[:, there] = z[:, here]
        for column, group in self._coded:
            x[:, column] = z[:, group].argmax(1)
        if origin is None or not len(there):
            return x
        was = origin[:, there]
        same = (was.astype(z.dtype) == z[:, here]) | (np.isnan(was) & np.isnan(z[:, here]))
        x[:, there] = np.where(same, was, x[:, there])
        return x


class EncodedRows:
    """Rows of x that are encoded where they are read: what a training loop takes, a batch at a time."""

    def __init__(self, encoding: Encoding, x: Rows, dtype: type[Any] = np.float32) -> None:
        self.encoding = encoding
        self.x = x
        self.dtype = dtype

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> NDArray[Any]:
        return self.encoding.encode(self.x[rows], self.dtype)


_encodings: Remembered[Encoding] = Remembered(Encoding)


def encoding_of(schema: Schema) -> Encoding:
    """The encoding of a schema's features, worked out once."""
    return _encodings.of(schema.features)
