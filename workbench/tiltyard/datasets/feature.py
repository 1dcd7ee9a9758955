"""One feature as a person names it: its kind, its bounds, how the person's table writes it, and what an attacker may do to it."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ..result import Given

Kind = Literal["continuous", "integer", "categorical", "onehot", "pixels", "text"]
Written = str | bool | int | float | tuple[()] | None
MISSING = "(missing)"
EMPTY_CELL = ()
"""What `Feature.written` has for NaN, NaT and NA; no table holds it as a value."""


class Feature(Given):
    """One feature as a person names it.

    ``continuous`` and ``integer`` are one number between ``low`` and ``high`` in ``unit``; a date is a number of units since 1970,
    ``divide`` units of its dtype each.
    ``categorical`` is one column with the ``categories`` listed; in x it is the place of the category, 0 to k - 1.
    ``onehot`` is a group that the table already holds as the 0/1 ``columns``.
    ``text`` is free text; in x it is a number that says which text it is (see `texts`).
    ``pixels`` is a whole image of ``shape`` (channels, height, width); the file's numbers are divided by ``divide``.

    ``dtype`` is the pandas dtype of the column in the person's table, empty where nobody said: then whole numbers are int64, other
    numbers float64, categories text. ``written`` is what the table holds for each category where that is not its name: numbers, booleans,
    ``"?"``, None, and `EMPTY_CELL` for NaN; of a number that may be missing, None alone says that an empty cell holds Python's None.
    ``ordered`` is that of a pandas category, and ``levels`` all of its levels where no row has some of them: what no row has is no move
    of an attacker, though the column given to the model knows of it.

    ``missing`` says that rows may lack a number, which is NaN in x. ``mutable`` says whether an attacker may change it, ``optional``
    whether an attacker may leave it empty, ``direction`` which way an attacker may move a number (age goes only up). ``cost_per_change`` is
    what any change of it costs an attacker, ``cost_per_unit`` what each unit costs that a number is moved, both in the person's money.
    ``assumed`` says what was guessed and why.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    categories: tuple[str, ...] = ()
    written: tuple[Written, ...] = ()
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    divide: float = 1.0
    dtype: str = ""
    ordered: bool = False
    levels: tuple[Written, ...] = ()
    missing: bool = False
    mutable: bool = True
    optional: bool = False
    direction: Literal["any", "up", "down"] = Field(default="any", exclude_if=lambda way: way == "any")
    cost_per_change: float = Field(default=0.0, ge=0, allow_inf_nan=False, exclude_if=lambda cost: cost == 0)
    cost_per_unit: float = Field(default=0.0, ge=0, allow_inf_nan=False, exclude_if=lambda cost: cost == 0)
    assumed: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "categorical" and not self.categories:
            raise ValueError(f"feature {self.name!r} is categorical but lists no categories")
        if self.kind == "categorical" and self.written and len(self.written) != len(self.categories):
            raise ValueError(f"feature {self.name!r} has {len(self.categories)} categories but {len(self.written)} written values")
        if self.kind == "onehot" and len(self.columns) < 2:
            raise ValueError(f"feature {self.name!r} is a one-hot group of fewer than two columns")
        if self.kind == "pixels" and not self.shape:
            raise ValueError(f"feature {self.name!r} is pixels but has no shape")
        if not self.low <= self.high:
            raise ValueError(f"feature {self.name!r} has bounds {self.low} to {self.high}")
        if self.direction != "any" and not self.numeric:
            raise ValueError(f"feature {self.name!r} has a direction but is no number")
        if self.cost_per_unit and not self.numeric:
            raise ValueError(f"feature {self.name!r} has a cost per unit but is no number; give it a cost per change")
        return self

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The columns of the person's table that hold it."""
        return self.columns if self.kind == "onehot" else (self.name,)

    @property
    def width(self) -> int:
        """How many columns of x it takes: one, but for a one-hot group and an image."""
        if self.kind == "onehot":
            return len(self.columns)
        return int(np.prod(self.shape)) if self.kind == "pixels" else 1

    @property
    def numeric(self) -> bool:
        """Is it one number?"""
        return self.kind in ("continuous", "integer")

    @property
    def whole(self) -> bool:
        """Does it hold whole numbers only: an integer, a date, or a column of a dtype that takes no other?"""
        return self.kind == "integer" or (
            self.numeric and self.dtype.lower().removeprefix("u").startswith(("int", "datetime", "timedelta"))
        )

    @property
    def grouped(self) -> bool:
        """Is it one of several values, and so a one-hot group once encoded?"""
        return self.kind in ("categorical", "onehot")

    @property
    def values(self) -> tuple[str, ...]:
        """The names of a group's members."""
        return self.categories if self.kind == "categorical" else self.columns
