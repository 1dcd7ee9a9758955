"""Cells of scores: their counts are scikit-learn's at every threshold, and the model's own at its own."""

import numpy as np
import pytest

from tiltyard.statistics.score_cells import ScoreCells, own_threshold


def _drawn(n: int, seed: int = 0, digits: int = 2):
    rng = np.random.default_rng(seed)
    scores = rng.random(n).round(digits)
    truth = rng.random(n) < scores
    return scores, truth, rng.choice(["a", "b", "c"], n)


def test_counts_at_every_threshold_are_scikit_learns_by_group() -> None:
    from sklearn.metrics import confusion_matrix

    scores, truth, groups = _drawn(500)
    cells = ScoreCells.of(scores, truth, scores >= 0.3, groups, 0.3)
    assert cells.count.sum() == 500 and cells.own_threshold == 0.3 and not cells.binned
    for threshold in (0.0, 0.3, 0.305, float(np.nextafter(0.5, 0)), 0.5, 1.0, 1.1):
        for g, name in enumerate(cells.groups):
            mine = groups == name
            expected = confusion_matrix(truth[mine], scores[mine] >= threshold, labels=[False, True])
            assert (cells.at(threshold)[g] == expected).all()
    assert (cells.at(0.3) == cells.own).all()


def test_binned_cells_count_exactly_at_their_own_scores_and_at_the_models_threshold() -> None:
    scores, truth, groups = _drawn(5000, digits=17)
    cells = ScoreCells.of(scores, truth, scores >= 0.5, groups, 0.5, most=200)
    assert cells.binned and len(cells.scores) <= 202
    for threshold in (*cells.scores[::17].tolist(), 0.5):
        assert cells.at(threshold)[:, :, 1].sum() == (scores >= threshold).sum()
    assert (cells.at(0.5) == cells.own).all()


def test_a_rule_that_is_no_threshold_has_none() -> None:
    scores = np.array([0.1, 0.4, 0.6])
    assert own_threshold(scores, np.array([False, True, False]), 0.5) is None
    assert own_threshold(scores, np.array([False, True, True]), 0.5) == 0.4
    assert own_threshold(scores, np.array([False, True, True]), 0.2) == 0.2
    assert own_threshold(scores, np.array([False, False, False]), None) is None
    assert own_threshold(scores, np.array([False, False, False]), 0.7) == 0.7
    assert own_threshold(scores, np.array([True, True, True]), None) == pytest.approx(0.1)
