"""The season of a row at an endpoint: by a column of the model's own, or by the clock when it was asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from .columns import word, words

Clock = Literal["", "hour", "weekday", "month"]


@dataclass(frozen=True)
class Season:
    """Which season each row is from, so that a window is held against rows of its own.

    Attributes
    ----------
    name
        The column: one of the model's inputs, or where ``clock`` is given one beside them that dates the reference's rows.
    clock
        What of the time (UTC) when it was asked is the season of a row: the hour (0 to 23), the weekday (0 to 6, Monday is 0) or the month
        (1 to 12); the column has it in the same numbers. Empty: the column says it of each row asked.
    """

    name: str
    clock: Clock = ""

    def usual(self, data: Dataset) -> NDArray[np.str_]:
        """Of each row of the reference, str (n,).

        Raises
        ------
        Problem
            There is no such column; or it is one of the model's inputs and a clock is asked for beside it, or the other way round.
        """
        own = not data.schema.images and self.name in {f.name for f in data.schema.features}
        if own and not self.clock:
            return self._of_rows(data.x, data.schema)
        if self.clock and self.name in data.sensitive:
            return np.array([_plain(value) for value in data.sensitive[self.name]], dtype=str)
        beside = ", ".join(data.sensitive) or "none"
        expected = f"a column beside the inputs that has the {self.clock} of each row" if self.clock else "one of the model's inputs"
        raise Problem(expected, f"{self.name!r}; beside the inputs there are {beside}", "Name such a column, or leave the season out")

    def asked(self, x: Rows, schema: Schema, when: datetime) -> NDArray[np.str_]:
        """Of each row of x (n, *shape) that was asked at ``when`` (UTC), str (n,)."""
        if not self.clock:
            return self._of_rows(x, schema)
        return np.full(len(x), str({"hour": when.hour, "weekday": when.weekday(), "month": when.month}[self.clock]))

    def _of_rows(self, x: Rows, schema: Schema) -> NDArray[np.str_]:
        return words(schema.decode(x)[self.name])


def _plain(value: object) -> str:
    """``07`` and ``7.0`` as ``7``."""
    text = str(value)
    try:
        return word(float(text))
    except ValueError:
        return text
