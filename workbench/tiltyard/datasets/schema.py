"""What the columns of a data set mean."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from ..errors import Problem
from ..result import Given
from .feature import Feature
from .relation_kinds import relation_of
from .relations import Relations, kept_by, stated
from .table import Table, table_of

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.floating[Any]]
"""Rows of x: float64 (n, columns) of a table, float32 (n, channels, height, width) of images."""


class Schema(Given):
    """All features in the order of x, the label and its classes, the likely sensitive columns, and the class that a person hopes for.

    ``favorable`` is empty where nobody named it. ``relations`` are what every row keeps between its columns, as `relations` has them written.
    """

    features: tuple[Feature, ...]
    label: str
    classes: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    favorable: str = ""
    relations: tuple[str, ...] = Field(default=(), exclude_if=lambda stated: not stated)

    @field_validator("relations")
    @classmethod
    def _written(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(relation_of(text).text for text in texts))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [f.name for f in self.features]
        if len(set(names)) != len(names):
            raise ValueError(f"feature names repeat: {sorted(n for n in set(names) if names.count(n) > 1)}")
        stated(self.relations, self.features)
        return self

    def stating(self, relations: Sequence[str]) -> "Schema":
        """The same schema with exactly these relations; a `Problem` in one line for one that cannot be read or does not fit."""
        found = stated(tuple(relations), self.features)
        return self.model_copy(update={"relations": tuple(dict.fromkeys(relation.text for relation in found))})

    @property
    def related(self) -> Relations:
        """The relations over rows of x."""
        return kept_by(self.features, self.relations)

    @property
    def table(self) -> Table:
        """The columns of x: their places, bounds and dtypes."""
        return table_of(self.features)

    @property
    def images(self) -> bool:
        return self.table.images

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of x: (columns,) of a table, (channels, height, width) of images."""
        return self.table.shape

    @property
    def dtype(self) -> type[np.float32] | type[np.float64]:
        """The dtype of x: float64 of a table, so that no number of the person's is rounded; float32 of images."""
        return np.float32 if self.images else np.float64

    @property
    def slices(self) -> dict[str, slice]:
        """Where each feature stands among the columns of x."""
        return self.table.slices

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each column of x (for images, of its flattened pixels)."""
        return self.table.columns

    def spread(self, of: dict[str, float]) -> NDArray[np.float64]:
        """A number per feature repeated over its columns: float64 of ``shape``."""
        return self.table.spread(of)

    @property
    def low(self) -> NDArray[np.float64]:
        """Smallest valid value of each column, float64 of ``shape``."""
        return self.table.low

    @property
    def high(self) -> NDArray[np.float64]:
        """Largest valid value of each column, float64 of ``shape``; of a category its last place."""
        return self.table.high

    @property
    def mutable(self) -> NDArray[np.bool_]:
        return self.spread({f.name: float(f.mutable) for f in self.features}) > 0

    @property
    def integer(self) -> NDArray[np.bool_]:
        """Columns that hold whole numbers: integers and the places of categories."""
        return self.spread({f.name: float(f.kind in ("integer", "categorical")) for f in self.features}) > 0

    @property
    def missing(self) -> tuple[str, ...]:
        """Features whose rows may lack a number."""
        return tuple(f.name for f in self.features if f.missing)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def feature(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise Problem(f"a feature ({', '.join(f.name for f in self.features)})", repr(name), "Correct the name")

    def encode(self, frame: "pd.DataFrame") -> Rows:
        """A person's table to x. Refuses what is not in the schema, naming column and value."""
        return self.table.encode(frame)

    def decode(self, x: Rows) -> "pd.DataFrame":
        """x back to the person's table, exactly: columns, dtypes, categories, empty cells."""
        return self.table.decode(x)
