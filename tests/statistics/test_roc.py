"""The ROC curve and its area, by a case worked out by hand and against scikit-learn."""

import numpy as np
import pytest

from tiltyard.statistics.roc import area, curve


def test_equal_scores_are_one_step() -> None:
    found = curve(np.array([True, False, True, False]), np.array([2.0, 1.0, 1.0, 0.0]))
    assert (found.fpr.tolist(), found.tpr.tolist()) == ([0, 0, 0.5, 1], [0, 0.5, 1, 1])
    assert found.threshold.tolist() == [np.inf, 2.0, 1.0, 0.0]


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_the_area_is_that_of_scikit_learn_and_of_the_curve(decimals: int) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(decimals)
    positive = rng.random(300) < 0.3
    scores = rng.normal(size=300).round(decimals) + positive
    steps = curve(positive, scores)
    assert area(positive, scores) == pytest.approx(roc_auc_score(positive, scores))
    assert np.trapezoid(steps.tpr, steps.fpr) == pytest.approx(area(positive, scores))


def test_scores_that_are_all_equal_tell_nothing() -> None:
    assert area(np.array([True, False, True, False]), np.zeros(4)) == 0.5


def test_one_kind_alone_has_no_area() -> None:
    assert np.isnan(area(np.ones(3, bool), np.zeros(3))) and np.isnan(area(np.zeros(3, bool), np.zeros(3)))
