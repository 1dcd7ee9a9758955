"""Which rows fool a model that draws: settled by answers that the search did not choose among."""

from dataclasses import replace

import numpy as np

from ..attacks.aim import Aim
from ..attacks.expectation import repeats, settled_answers
from ..datasets.dataset import Dataset
from ..targets.decision import Prediction
from ..targets.target import Target
from .outcome import AttackOutcome


def settled(target: Target, aim: Aim, sample: Dataset, outcome: AttackOutcome, eps: float) -> tuple[AttackOutcome, Prediction]:
    """The outcome by what the target answers on the rows found, and these answers.

    Of a model that does not draw the search has asked the same already. Of one that draws, a row that is not fooled when it is asked anew
    was not, and one that was changed and is fooled now was.

    Parameters
    ----------
    eps
        The size of a change asked for, one of the outcome's ``eps_values``.
    """
    after = settled_answers(target, outcome.x)
    if repeats(target) == 1:
        return outcome, after
    reached = aim.reached(after.labels, sample.y)
    within = (outcome.fooled_at >= 0) & (outcome.fooled_at <= eps)
    lost = within & ~reached
    changed = (outcome.x != sample.x).reshape(len(sample), -1).any(1)
    won = (outcome.fooled_at > eps) & reached & changed
    fooled_at = np.where(lost, np.inf, np.where(won, eps, outcome.fooled_at))
    size = None if outcome.size is None else np.where(lost, np.inf, outcome.size)
    return replace(outcome, fooled_at=fooled_at, size=size), after
