"""The model that a federation is held against: one trained on all rows in one place, on the held-out rows of the federation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...progress import Progress
from ...statistics.majority import Skill
from ...targets.target import Target
from ...targets.training import fit, fresh

if TYPE_CHECKING:
    from .setting import Setting


@dataclass(frozen=True)
class Central:
    """Which held-out rows it has right, bool (n,), and what it is, in words."""

    right: NDArray[np.bool_]
    words: str


def central(start: "Setting", before: Target, progress: Progress) -> Central:
    """The model before, where it has learned its task; else the same architecture trained by its own recipe on the clients' rows as they
    were before any attacker spoiled them.
    """
    test, train = start.parts.test, start.parts.train
    right = before.labels(test.x) == test.y
    if Skill.of(test.y, right, before.classes).above:
        return Central(right, "the model before")
    recipe = start.target.recipe
    if recipe is None:
        return Central(right, "the model before, which has learned nothing")
    module = fresh(start.target.inner, start.plan.seed).requires_grad_()
    fit(module, start.target.encoding.encode(train.x), train.y, recipe, start.plan.seed, progress)
    made = start.target.made(module, f"{before.name} (central)")
    return Central(made.labels(test.x) == test.y, "one trained on all these rows in one place")
