"""Numbers of a cohort are of rows the model was not trained on, where that is known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tests.tiny import tiny_data

from tiltyard.comparison import cohort_numbers
from tiltyard.targets.decision import Prediction


def answers(y: NDArray[np.int64], right: NDArray[np.bool_]) -> Prediction:
    return Prediction(np.where(right, y, 1 - y), np.zeros((len(y), 0)))


def test_accuracy_is_of_the_held_out_rows_and_says_so() -> None:
    data = tiny_data()
    member = np.arange(len(data)) % 3 != 0
    data = replace(data, member=member)
    found = cohort_numbers.numbers("all", data, np.ones(len(data), bool), answers(data.y, member))  # right where it was trained on
    assert found.n == len(data) and found.judged == int((~member).sum())
    assert found.accuracy is not None and found.accuracy.value == 0 and found.accuracy.n == found.judged
    shown = cohort_numbers.table([found], data)
    assert "held-out rows" in shown.note and shown.rows[0][2] == found.judged


def test_where_nobody_knows_all_rows_count() -> None:
    data = replace(tiny_data(), member=None)
    found = cohort_numbers.numbers("all", data, np.ones(len(data), bool), answers(data.y, np.arange(len(data)) % 2 == 0))
    assert found.judged == len(data) and "held-out" not in cohort_numbers.table([found], data).note


def test_a_cohort_of_rows_trained_on_alone_has_no_accuracy() -> None:
    data = tiny_data()
    member = np.arange(len(data)) < len(data) // 2
    data = replace(data, member=member)
    assert cohort_numbers.numbers("trained on", data, member, answers(data.y, member)).accuracy is None
