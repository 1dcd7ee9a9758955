"""Has a model learned anything these rows can show? Its answers held against always saying their commonest class.

A model at chance (constant, untrained, fed wrongly scaled rows) holds against every attack and leaks nothing: a pass would mislead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import percent
from .intervals import clopper_pearson

LEAST = 10  # rows of each class from which their recalls can show what accuracy does not
SURE = 0.9  # a two-sided level whose lower end is wrong in 5 % of cases
WIDE = 1.645


@dataclass(frozen=True)
class Skill:
    """What a model got right of ``n`` rows, beside always saying their ``commonest`` class.

    ``won`` rows the model alone has right, ``lost`` rows the commonest class alone has; ``recall`` of each class that occurs is
    its rows right and its rows.
    """

    commonest: str
    n: int
    right: int
    common: int
    won: int
    lost: int
    recall: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, y: NDArray[np.int64], right: NDArray[np.bool_], classes: Sequence[str]) -> "Skill":
        """From the true classes ``y`` (n,) and which rows were right (n,), n > 0."""
        most = int(np.bincount(y).argmax())
        is_most = y == most
        recall = tuple((int(right[y == k].sum()), int((y == k).sum())) for k in np.unique(y))
        won, lost = int((right & ~is_most).sum()), int((~right & is_most).sum())
        return cls(classes[most], len(y), int(right.sum()), int(is_most.sum()), won, lost, recall)

    @property
    def above(self) -> bool:
        """Is the model right more often than always saying the commonest class: of the rows on which one of the two is right
        (McNemar 1947), does the model win more than half, by the lower end of an exact 95 % interval?
        """
        return clopper_pearson(self.won, self.won + self.lost, SURE)[0] > 0.5

    @property
    def learned(self) -> bool:
        """``above``, or the mean of the classes' recalls surely above one in as many: of rare classes the accuracy says little.

        A class of fewer than `LEAST` rows carries no such proof.
        """
        if len(self.recall) < 2 or min(n for _, n in self.recall) < LEAST:
            return self.above
        hits, n = (np.array(side, float) for side in zip(*self.recall, strict=True))
        smooth = (hits + 2) / (n + 4)
        error = float(np.sqrt((smooth * (1 - smooth) / n).sum())) / len(n)
        return self.above or float((hits / n).mean()) - WIDE * error > 1 / len(n)

    @property
    def fact(self) -> str:
        """The comparison in words, without a full stop."""
        compared = f"the model is right on {percent(self.right / self.n)} of {self.n:,} rows, always saying {self.commonest!r} on {percent(self.common / self.n)}"
        return compared if self.right <= self.common else f"{compared}, too few to tell the two apart"

    @property
    def unlearned(self) -> str:
        """Why a model that has ``learned`` nothing of the rows it was trained on gets no pass for leaking nothing."""
        return f"That says nothing of leaks, for on rows it was trained on {self.fact}. {self.advice}"

    @property
    def advice(self) -> str:
        """What to do where the model is not shown to be better."""
        if len(self.recall) < 2:
            return "Give rows of other classes too."
        if self.right > self.common:
            return "Give more rows."
        if self.learned:
            return "It finds the rarer classes, which accuracy hardly counts: look at recall and balanced accuracy."
        return "See that classes, units and preprocessing are those it was trained with, or give rows with classes in more equal shares."
