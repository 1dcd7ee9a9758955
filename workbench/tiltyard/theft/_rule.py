"""What a thief learns of a decision rule: where on the scores the labels change that the target gives beside them."""

import numpy as np
from numpy.typing import NDArray

from ..targets.decision import Labels, Scores

SMALLEST = 1e-30


def log_odds(scores: Scores) -> NDArray[np.float64]:
    """Of scores (n, 2) the log odds of the second class, (n,)."""
    logs = np.log(np.maximum(scores, SMALLEST))
    found: NDArray[np.float64] = logs[:, 1] - logs[:, 0]
    return found


def cut(odds: NDArray[np.float64], labels: Labels) -> float:
    """From where on ``odds`` (n,) the label is 1: 0 where no other place has fewer labels wrong, else the middle of the gap that has fewest."""
    order = np.argsort(odds, kind="stable")
    ranked, ones = odds[order], labels[order] == 1
    wrong = np.concatenate([[0], np.cumsum(ones)]) + np.concatenate([np.cumsum(~ones[::-1])[::-1], [0]])  # 0 before i, 1 from i on
    apart = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    wrong = np.where(apart, wrong, len(odds) + 1)
    best = int(wrong.argmin())
    if int(((odds >= 0) != (labels == 1)).sum()) <= wrong[best]:
        return 0.0
    if best in (0, len(odds)):
        return float(ranked[0] if best == 0 else np.nextafter(ranked[-1], np.inf))
    return float(ranked[best - 1] + ranked[best]) / 2


def moved(scores: Scores, labels: Labels) -> NDArray[np.float64] | None:
    """What to add to the log scores (n, k) so that the largest is the label, (k,); None where the labels follow no such rule."""
    if (scores.argmax(1) == labels).all():
        return np.zeros(scores.shape[1])
    if scores.shape[1] != 2:
        return None
    odds = log_odds(scores)
    place = cut(odds, labels)
    return np.array([0.0, -place]) if (((odds >= place) == (labels == 1)).mean() > (scores.argmax(1) == labels).mean()) else None
