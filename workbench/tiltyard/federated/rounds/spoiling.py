"""What attackers do to their own rows before training starts."""

import numpy as np

from ...attacks.triggers import Trigger
from ...datasets.schema import Rows
from ...targets.decision import Labels
from .plan import Plan

STAMPED = 0.5


def spoiled(plan: Plan, x: Rows, y: Labels, mark: Trigger | None, classes: int, seed: int) -> tuple[Rows, Labels]:
    """The rows x (n, *shape) and labels y (n,) of a malicious client.

    ``label_flip`` calls every row by the next class; ``model_replacement`` stamps half of the rows with the trigger ``mark`` and
    calls them the goal (Bagdasaryan et al. 2018, arXiv 1807.00459); ``sign_flip`` leaves the rows as they are.
    """
    if plan.attack == "label_flip":
        return x, (y + 1) % classes
    if plan.attack != "model_replacement" or mark is None:
        return x, y
    some = np.random.default_rng([seed, 3]).random(len(y)) < STAMPED
    x, y = x.copy(), y.copy()
    x[some], y[some] = mark.stamped(x[some]), plan.goal
    return x, y
