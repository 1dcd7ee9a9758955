"""Which of the model's answers in a table are right, where a true label is there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .columns import MISSING, words
from .reference import Truth

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Right:
    """Of each row whether its answer is right, bool (n,), and whether that is ``known``, bool (n,)."""

    right: NDArray[np.bool_]
    known: NDArray[np.bool_]

    @classmethod
    def unknown(cls, n: int) -> "Right":
        """Nothing is known of ``n`` rows."""
        return cls(np.zeros(n, bool), np.zeros(n, bool))

    def of(self, start: int, end: int) -> Truth:
        """The counts over rows ``start`` to ``end``, the latter not among them."""
        return Truth(int(self.right[start:end].sum()), int(self.known[start:end].sum()))

    @property
    def all(self) -> Truth:
        return self.of(0, len(self.right))


@dataclass(frozen=True)
class Judged:
    """The names of two columns: the true ``label``, empty where it has not come yet, and the model's ``answer``."""

    label: str
    answer: str

    def right(self, frame: "pd.DataFrame", optional: bool = False) -> Right:
        """Where label and answer are the same; nothing known where ``optional`` columns are not there.

        Raises
        ------
        Problem
            A column is not there, both are one, or they name the classes differently.
        """
        if self.label == self.answer:
            raise Problem("the column of labels and another of answers", f"{self.label!r} twice", "Name two")
        gone = next((name for name in (self.label, self.answer) if name not in frame.columns), None)
        if gone is not None and optional:
            return Right.unknown(len(frame))
        if gone is not None:
            raise Problem(f"a column {gone!r} in the current table", "none", "Name one of its columns, or leave out both")
        label, answer = words(frame[self.label]), words(frame[self.answer])
        known = (label != MISSING) & (answer != MISSING)
        self._same_names(label[known], answer[known])
        return Right((label == answer) & known, known)

    def _same_names(self, label: NDArray[np.str_], answer: NDArray[np.str_]) -> None:
        """Refuse two or more labels of which none is among the two or more answers: then one column writes the classes otherwise."""
        labels, answers = (np.unique(column).tolist() for column in (label, answer))
        if min(len(labels), len(answers)) > 1 and not set(labels) & set(answers):
            expected = f"answers in {self.answer!r} named as the labels in {self.label!r} are ({', '.join(labels[:3])})"
            raise Problem(expected, ", ".join(answers[:3]), "Write the classes alike in both columns")


def judged(label: str, answer: str) -> Judged | None:
    """From what a person wrote; None where neither is named, a `Problem` where one is."""
    if bool(label) != bool(answer):
        given, lacking = ("label", "answer") if label else ("answer", "label")
        raise Problem(
            "the column of true labels and that of the model's answers", f"{given} alone", f"Name the {lacking} column too, or neither"
        )
    return Judged(label, answer) if label else None
