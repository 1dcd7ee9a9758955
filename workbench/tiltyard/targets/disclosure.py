"""What of a row of scores is given away: digits cut, the best classes alone, the label alone."""

import numpy as np
from numpy.typing import NDArray

from .decision import Scores


def rounded(scores: Scores, digits: int) -> Scores:
    """Scores to ``digits`` decimals, (n, k); their rows need not sum to 1 any more."""
    out: Scores = np.round(scores, digits)
    return out


def label_only(scores: Scores) -> Scores:
    """1 for the best class of each row and 0 for the others, (n, k)."""
    label: Scores = np.eye(scores.shape[1])[scores.argmax(1)]
    return label


def best(scores: Scores, count: int) -> NDArray[np.intp]:
    """The ``count`` best classes of each row, best first, (n, min(count, k)); of equal ones the first."""
    order: NDArray[np.intp] = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order


def normalized(scores: Scores, fallback: Scores) -> Scores:
    """Rows clipped at 0 that sum to 1 again; a row rounded to nothing becomes its label."""
    clipped = np.clip(scores, 0, None)
    total = clipped.sum(1, keepdims=True)
    out: Scores = np.where(total > 0, clipped / np.where(total > 0, total, 1), label_only(fallback))
    return out
