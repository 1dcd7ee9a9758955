"""A cohort: rows that meet some conditions, made once, named, and used by every check as data of their own."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..result import Given
from .conditions import ASKING, Answers, Condition, Mask, Scored, Table
from .schema import Rows


class Answering(Protocol):
    """A target, as far as a cohort asks it."""

    @property
    def offers(self) -> frozenset[str]: ...

    def labels(self, x: Rows) -> NDArray[np.int64]: ...

    def predictions(self, x: Rows) -> Answers: ...


@dataclass(frozen=True)
class Labels:
    """The answers of a target that gives labels alone."""

    labels: NDArray[np.int64]

    @property
    def scores(self) -> NDArray[np.float64]:
        """None: float64 (n, 0)."""
        return np.zeros((len(self.labels), 0))


class Cohort(Given):
    """A name and conditions, all of which a row meets."""

    name: str = Field(min_length=1, max_length=120)
    conditions: tuple[Condition, ...] = Field(min_length=1)

    @classmethod
    def of(cls, *conditions: Condition) -> "Cohort":
        """A cohort named by its conditions."""
        return cls(name=" and ".join(c.words for c in conditions)[:120], conditions=conditions)

    @property
    def words(self) -> str:
        """All conditions as one clause."""
        return " and ".join(condition.words for condition in self.conditions)

    @property
    def asks(self) -> bool:
        """Does it need what the target answers?"""
        return any(isinstance(condition, ASKING) for condition in self.conditions)

    def mask(self, data: Table, answers: Answers | None = None) -> Mask:
        """Which rows (n,) belong to it.

        Parameters
        ----------
        answers
            What the target answers all rows of ``data``; needed where `asks`.

        Raises
        ------
        Problem
            A condition names a column, level or class that is not there, or needs answers that are not given.
        """
        found = np.ones(len(data), bool)
        for condition in self.conditions:
            found &= condition.rows(data, answers)
        return found

    def answers(self, data: Table, target: Answering) -> Answers | None:
        """What the target answers all rows, as far as the conditions need it; rows asked count as the target's queries."""
        if not self.asks:
            return None
        if any(isinstance(condition, Scored) for condition in self.conditions) and "scores" in target.offers:
            return target.predictions(data.x)
        return Labels(target.labels(data.x))
