"""Data whose columns have a meaning. Wrong shapes and ranges are refused on entry."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from ..result import Identity
from .schema import Schema

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, labels and what they mean.

    Parameters
    ----------
    x : float32 (n, *schema.shape)
        Encoded by `Schema.encode`: one-hot groups for categories, numbers in their own unit.
    y : int64 (n,)
        Class indices, 0 to k - 1, into ``schema.classes``.
    schema
        The meaning of each column.
    sensitive : dict of str arrays (n,)
        Sensitive columns by name, as text; they need not be features.
    member : bool (n,) or None
        Was the row trained on? None where nobody knows.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    schema: Schema
    name: str = "data"
    sensitive: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    member: NDArray[np.bool_] | None = None
    source: str = ""
    license: str = ""

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_values()

    def _check_shape(self) -> None:
        n = len(self.x)
        if n == 0:
            raise Problem("at least one row", "none", "Give data with rows")
        if self.x.shape[1:] != self.schema.shape:
            expected = f"rows of shape {self.schema.shape} as the schema says"
            raise Problem(expected, f"{self.x.shape[1:]}", "Give the columns the model was trained on")
        for name, part in {"y": self.y, **self.sensitive, **({} if self.member is None else {"member": self.member})}.items():
            if len(part) != n:
                raise Problem(f"{n} values in {name}, one per row", f"{len(part)}", "Give one value per row")

    def _check_values(self) -> None:
        k = len(self.schema.classes)
        outside = (self.y < 0) | (self.y >= k)
        if outside.any():
            row = int(outside.argmax())
            raise Problem(
                f"labels 0 to {k - 1} for {k} classes", f"{int(self.y[row])} in row {row}", "Correct the labels or name the classes"
            )
        low, high = self.schema.low, self.schema.high
        slack = 1e-4 * np.maximum(high - low, 1e-6)
        for start in range(0, len(self.x), 65536):
            part = self.x[start : start + 65536]
            bad = ~np.isfinite(part) | (part < low - slack) | (part > high + slack)
            if bad.any():
                row, *rest = (int(i) for i in np.argwhere(bad)[0])
                column = int(np.ravel_multi_index(tuple(rest), self.schema.shape))
                name = self.schema.columns[column]
                span = f"{low.flat[column]:g} to {high.flat[column]:g}"
                raise Problem(f"{name!r} within {span}", f"{part[(row, *rest)]:g} in row {row + start}", "Correct the value or the schema")

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of schema, rows, labels, sensitive columns and membership."""
        digest = hashlib.sha256(self.schema.model_dump_json().encode())
        digest.update(np.ascontiguousarray(self.x).data)
        digest.update(np.ascontiguousarray(self.y).data)
        for name, column in sorted(self.sensitive.items()):
            digest.update(name.encode())
            digest.update("\x1f".join(map(str, column)).encode())
        if self.member is not None:
            digest.update(np.ascontiguousarray(self.member).data)
        return digest.hexdigest()

    @property
    def identity(self) -> Identity:
        detail = f"{len(self):,} rows, {len(self.schema.features)} features, {len(self.schema.classes)} classes"
        return Identity(name=self.name, fingerprint=self.fingerprint, detail=detail)

    def lacks(self, need: str) -> str:
        """Why the data does not meet ``need`` (table, images, sensitive, member), or an empty string."""
        if need == "table" and self.schema.images:
            return "needs a table; this data set holds images"
        if need == "images" and not self.schema.images:
            return "needs images; this data set is a table"
        if need == "sensitive" and not self.sensitive:
            return "needs a sensitive column; none is named in this data set"
        if need == "member" and (self.member is None or self.member.all() or not self.member.any()):
            return "needs rows marked as trained on and rows marked as not; this data set does not say which"
        return ""

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Dataset":
        """The rows at ``rows`` (indices or a mask), in that order."""
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            sensitive={name: column[rows] for name, column in self.sensitive.items()},
            member=None if self.member is None else self.member[rows],
        )

    def sample(self, n: int, rng: np.random.Generator) -> "Dataset":
        """``n`` rows without replacement in random order; all rows where there are fewer."""
        return self.take(rng.permutation(len(self))[:n])

    @property
    def unseen(self) -> "Dataset":
        """The rows known not to be trained on; all rows where nobody knows."""
        return self if self.member is None or self.member.all() else self.take(~self.member)

    @property
    def seen(self) -> "Dataset":
        """The rows known to be trained on; all rows where nobody knows."""
        return self if self.member is None or not self.member.any() else self.take(self.member)

    @property
    def frame(self) -> "pd.DataFrame":
        """The rows as a person's table, without the label."""
        return self.schema.decode(self.x)
