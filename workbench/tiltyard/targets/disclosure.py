"""What of a row of scores is given away: digits cut, the best classes alone, the label alone."""

import numpy as np
from numpy.typing import NDArray


def rounded(scores: NDArray[np.float32], digits: int) -> NDArray[np.float32]:
    """Scores to ``digits`` decimals, (n, k); their rows need not sum to 1 any more."""
    out: NDArray[np.float32] = np.round(scores, digits)
    return out


def label_only(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 for the best class of each row and 0 for the others, float32 (n, k)."""
    label: NDArray[np.float32] = np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(1)]
    return label


def best(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The ``count`` best classes of each row, best first, (n, min(count, k)); of equal ones the first."""
    order: NDArray[np.intp] = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return order


def normalized(scores: NDArray[np.float32], fallback: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows clipped at 0 that sum to 1 again; a row rounded to nothing becomes its label."""
    clipped = np.clip(scores, 0, None)
    total = clipped.sum(1, keepdims=True)
    out: NDArray[np.float32] = np.where(total > 0, clipped / np.where(total > 0, total, 1), label_only(fallback)).astype(np.float32)
    return out
