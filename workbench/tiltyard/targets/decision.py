"""The decision rule: how a model's label comes about."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .fingerprints import content_fingerprint

Scores = NDArray[np.float64]
"""A score for each class and row, float64 (n, k); rows sum to 1. They rank; what a model decides is its label."""

Labels = NDArray[np.int64]
"""Class indices, int64 (n,)."""


@dataclass(frozen=True)
class Prediction:
    """What a model answers: the ``labels`` it decides, and the ``scores`` that go with them."""

    labels: Labels
    scores: Scores


class Decision(ABC):
    """A rule from scores to labels that is applied here, outside the model."""

    @abstractmethod
    def __call__(self, scores: Scores) -> Labels:
        """The class index of each row of scores (n, k)."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The rule in words, for panel, record and report: ``class 'bad' from 0.15 on``."""

    @property
    def identity(self) -> str:
        """What tells it from other rules."""
        return self.words

    @property
    def offsets(self) -> tuple[float, ...] | None:
        """What to add to each class's log score so that the largest is the decision, (k,); None where no such numbers exist."""
        return None


@dataclass(frozen=True)
class LargestScore(Decision):
    """The class with the largest score; the first of equal ones."""

    def __call__(self, scores: Scores) -> Labels:
        """The index of the largest score of each row."""
        found: Labels = scores.argmax(1).astype(np.int64)
        return found

    @property
    def words(self) -> str:
        return "the class with the largest score"

    @property
    def offsets(self) -> tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class FromScore(Decision):
    """The class with ``index`` from a score on.

    Parameters
    ----------
    value
        Above 0 and below 1.
    name
        The class's name.
    """

    index: int
    value: float
    name: str

    def __post_init__(self) -> None:
        if not 0 < self.value < 1:
            raise Problem("a threshold above 0 and below 1", f"{self.value:g}", "Correct it")

    @property
    def words(self) -> str:
        return f"class {self.name!r} from {self.value:g} on"


@dataclass(frozen=True)
class Threshold(FromScore):
    """Of two classes the one with ``index`` where its score is at least ``value``, else the other."""

    def __call__(self, scores: Scores) -> Labels:
        """``index`` where its score reaches the threshold."""
        return np.where(scores[:, self.index] >= self.value, self.index, 1 - self.index).astype(np.int64)

    @property
    def offsets(self) -> tuple[float, ...]:
        # p >= t where log p - log (1 - p) >= log t - log (1 - t)
        shift = float(np.log1p(-self.value) - np.log(self.value))
        return (shift, 0.0) if self.index == 0 else (0.0, shift)


@dataclass(frozen=True)
class ClassThreshold(FromScore):
    """Of more than two classes the one with ``index`` where its score is at least ``value``, else the others' class with the largest score."""

    def __call__(self, scores: Scores) -> Labels:
        """``index`` where its score reaches the threshold, else the largest of the others, the first of equal ones."""
        others = scores.copy()
        others[:, self.index] = -np.inf
        return np.where(scores[:, self.index] >= self.value, self.index, others.argmax(1)).astype(np.int64)

    @property
    def words(self) -> str:
        return f"{super().words}, else the largest score of the others"


@dataclass(frozen=True)
class RuleFunction(Decision):
    """A person's own function from scores (n, k) to class names or indices (n,)."""

    function: Callable[[Scores], Any]
    classes: tuple[str, ...]

    def __call__(self, scores: Scores) -> Labels:
        """What the function answers, as class indices."""
        from .class_names import places_of

        found = np.asarray(self.function(scores))
        if found.shape != (len(scores),):
            raise Problem(f"{len(scores)} labels from the decision rule, one a row", f"shape {found.shape}", "Return one label a row")
        return places_of(found, self.classes, "the decision rule", indices=True)

    @property
    def words(self) -> str:
        return f"the rule {getattr(self.function, '__name__', type(self.function).__name__)!r} of its scores"

    @property
    def identity(self) -> str:
        return f"{self.words} {content_fingerprint(self.function)}"


OWN = "its own predict"


def threshold(value: float, classes: tuple[str, ...], positive: str = "") -> Threshold | ClassThreshold:
    """The threshold ``value`` on the score of the class ``positive``; empty for the second of two classes.

    Raises
    ------
    Problem
        For more than two classes of which none is named, an unknown class, or a value outside 0 to 1.
    """
    if len(classes) != 2 and not positive:
        found = f"none of {len(classes)} classes"
        raise Problem("the class that the threshold is for", found, "Name it, or give a function of the scores instead")
    name = positive or classes[1]
    if name not in classes:
        raise Problem(f"a class among {', '.join(classes)}", repr(name), "Correct the class that the threshold is for")
    return (Threshold if len(classes) == 2 else ClassThreshold)(classes.index(name), float(value), name)
