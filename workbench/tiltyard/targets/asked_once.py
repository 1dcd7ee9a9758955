"""A fitted scikit-learn classifier asked for labels and scores of the same rows, whose first steps transform them once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

BY_LARGEST = ("RandomForestClassifier", "ExtraTreesClassifier")  # their predict is the class of the largest of predict_proba


@dataclass(frozen=True)
class Both:
    """What ``predict`` (n,) and ``predict_proba`` (n, k) answer, as the estimator writes them."""

    labels: Any
    scores: Any


def asked_once(estimator: Any, rows: Any, again: Any) -> Both:
    """What a classifier or pipeline answers to ``rows``.

    Parameters
    ----------
    again
        Makes the same rows anew, for a model that is asked twice: some write into what they are given.
    """
    before, last = _parted(estimator)
    if before is not None:
        made = before.transform(rows)
        return _both(last, made, lambda: made.copy()) if hasattr(made, "copy") else _both(last, made, lambda: made)
    return _both(last, rows, again)


def _both(last: Any, rows: Any, again: Any) -> Both:
    if type(last).__module__.startswith("sklearn.") and type(last).__name__ in BY_LARGEST:
        scores = last.predict_proba(rows)
        return Both(last.classes_.take(np.argmax(scores, axis=1), axis=0), scores)
    second = again()
    return Both(last.predict(rows), last.predict_proba(second))


def _parted(estimator: Any) -> tuple[Any, Any]:
    """The steps before the last, None where there are none or they are not scikit-learn's own pipeline, and the last."""
    kind = type(estimator)
    if kind.__name__ != "Pipeline" or not kind.__module__.startswith("sklearn.") or len(estimator.steps) < 2:
        return None, estimator
    return estimator[:-1], estimator.steps[-1][1]
