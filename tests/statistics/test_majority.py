"""Is a model better than always saying the commonest class? Cases counted by hand, and coins that seldom look as if they had learned."""

import numpy as np

from tiltyard.statistics.majority import Skill

CLASSES = ("no", "yes")


def answers(y: np.ndarray, said: np.ndarray) -> Skill:
    return Skill.of(y, said == y, CLASSES)


def test_the_counts_by_hand() -> None:
    found = answers(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]))
    assert (found.commonest, found.n, found.right, found.common, found.won, found.lost) == ("no", 5, 3, 3, 1, 1)
    assert found.recall == ((2, 3), (1, 2))
    assert not found.above
    assert found.fact == "the model is right on 60.0 % of 5 rows, always saying 'no' on 60.0 %"


def test_a_constant_has_learned_nothing_however_many_rows() -> None:
    for share in (0.5, 0.9, 1.0):
        y = (np.arange(10_000) >= share * 10_000).astype(np.int64)
        found = answers(y, np.zeros(10_000, np.int64))
        assert not found.above and not found.learned
        assert ("other classes" in found.advice) == (share == 1.0)


def test_five_wins_and_no_loss_are_enough_and_four_are_not() -> None:
    for wins, enough in ((4, False), (5, True)):
        y = np.repeat([0, 1], [20, wins]).astype(np.int64)
        found = answers(y, y)
        assert found.above is enough  # half to the power of 4 is 0.06, of 5 is 0.03
        if not enough:
            assert found.advice == "Give more rows." and "too few" in found.fact


def test_of_a_rare_class_accuracy_says_little() -> None:
    y = np.repeat([0, 1], [990, 10]).astype(np.int64)
    said = y.copy()
    said[:60] = 1
    found = answers(y, said)
    assert found.right < found.common
    assert not found.above and found.learned
    assert "balanced accuracy" in found.advice and "units" not in found.advice


def test_a_coin_seldom_looks_as_if_it_had_learned() -> None:
    rng = np.random.default_rng(0)
    found = [answers(rng.integers(0, 2, 60), rng.integers(0, 2, 60)) for _ in range(400)]
    assert sum(s.above for s in found) <= 30  # at most 5 %, and three standard deviations
    assert sum(s.learned for s in found) <= 40
