"""How well scores tell two kinds of rows apart: the ROC curve and the area under it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curve:
    """Rates at every distinct threshold, from (0, 0) to (1, 1); ``threshold[i]`` calls those at or above it positive, the first one nobody."""

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    threshold: NDArray[np.float64]


def curve(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> Curve:
    """The ROC curve of finite ``scores`` (n,), of which both kinds must be there; equal scores are one step."""
    from sklearn.metrics import roc_curve

    return Curve(*roc_curve(positive, scores, drop_intermediate=False))


def area_interval(area: float, positive: int, negative: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of an area under the curve of so many rows of each kind (Newcombe 2006, Statistics in Medicine 25, 559, method 5).

    The areas whose standard error (Hanley and McNeil 1982) reaches ``area``; it does not close where an area is 1.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, n = float(norm.ppf((1 + level) / 2)), (positive + negative) / 2 - 1

    def beyond(value: float) -> float:
        spread = value * (1 - value) * (1 + n * (1 - value) / (2 - value) + n * value / (1 + value)) / (positive * negative)
        return float((area - value) ** 2 - z * z * spread)

    tiny = 1e-9  # at an area of 0 or 1 its own value is a root too
    low = brentq(beyond, 0.0, area - tiny) if area > 2 * tiny else 0.0
    high = brentq(beyond, area + tiny, 1.0) if area < 1 - 2 * tiny else 1.0
    return float(low), float(high)


def average_precision(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """The mean precision over the positive rows from the highest score on, equal scores as one step; NaN where none is positive.

    The same as scikit-learn's ``average_precision_score``.
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[ends]
    return float((np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1])


def area(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """The chance that a positive row scores above another, ties half (Mann and Whitney 1947); NaN where there is one kind only.

    The same as scikit-learn's ``roc_auc_score``, in a tenth of its time, for the thousands of draws of a bootstrap.
    """
    from scipy.stats import rankdata

    n = int(positive.sum())
    if n in (0, len(positive)):
        return float("nan")
    return float((rankdata(scores)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))
