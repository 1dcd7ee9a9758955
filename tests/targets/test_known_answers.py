"""Answers that are known are those that the model gives, are counted as such, and are nobody else's."""

import copy
import pickle

import numpy as np
import pytest
from tests.tiny import tiny_data

from tiltyard.datasets.dataset import Dataset
from tiltyard.targets.asked_for_all import asked
from tiltyard.targets.deciding import deciding
from tiltyard.targets.decision import Threshold
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.known_answers import KnownAnswers
from tiltyard.targets.target import Target, asked_anew, uncounted


@pytest.fixture
def data() -> Dataset:
    return tiny_data()


@pytest.fixture
def target(data: Dataset) -> Target:
    """Its score of the second class is the first feature."""
    return FunctionTarget(lambda x: np.asarray(x)[:, 0], data.schema.classes, data.schema, "graded")


def known(target: Target, data: Dataset) -> KnownAnswers:
    *_, found = asked(target, data.x)
    assert found is not None
    return found


def silent(target: Target) -> None:
    """From now on it answers nothing by itself."""

    def refuse(x: object) -> object:
        raise AssertionError("it was asked")

    target._scores = refuse  # type: ignore[assignment, method-assign]


def test_all_rows_some_and_some_twice_are_answered_as_by_the_model_and_counted(target: Target, data: Dataset) -> None:
    truly = target.predictions(data.x)
    before = target.queries
    target.known_answers = known(target, data)
    assert target.queries == before  # asking for all was nobody's question
    silent(target)
    for rows in (np.arange(len(data)), np.array([3, 1, 1])):
        found = target.predictions(data.x[rows])
        assert np.array_equal(found.scores, truly.scores[rows]) and np.array_equal(found.labels, truly.labels[rows])
        assert np.array_equal(target.scores(data.x[rows]), found.scores) and np.array_equal(target.labels(data.x[rows]), found.labels)
        before += 3 * len(rows)
        assert target.queries == target.queries_here == before
        found.scores[:] = -1  # whoever writes into an answer writes into their own


def test_a_row_that_is_not_known_has_the_model_asked(target: Target, data: Dataset) -> None:
    target.known_answers = known(target, data)
    moved = data.x.copy()
    moved[0, 0] = np.nextafter(moved[0, 0], 1)
    assert np.array_equal(target.scores(moved)[1:], target.scores(data.x)[1:])
    silent(target)
    with pytest.raises(AssertionError):
        target.scores(moved)


def test_time_is_measured_on_the_model(target: Target, data: Dataset) -> None:
    target.known_answers = known(target, data)
    silent(target)
    for within in (asked_anew, uncounted):
        with within(), pytest.raises(AssertionError):
            target.labels(data.x)


def test_another_rule_another_model_and_another_process_have_none(target: Target, data: Dataset) -> None:
    target.known_answers = found = known(target, data)
    other = deciding(target, Threshold(1, 0.9, target.classes[1]))
    truly = copy.copy(other)
    truly.known_answers = None
    assert np.array_equal(other.labels(data.x), truly.labels(data.x)) and not np.array_equal(other.labels(data.x), target.labels(data.x))
    assert found.of("another", data.x) is None and found.of(target.fingerprint, data.x.astype(np.float32)) is None
    assert pickle.loads(pickle.dumps(found)) is None and copy.deepcopy(found) is None


def test_nothing_is_known_of_a_model_that_draws(target: Target, data: Dataset) -> None:
    rng, truly = np.random.default_rng(0), target._scores

    def drawn(x: np.ndarray) -> np.ndarray:
        share = rng.uniform(0, 0.1, (len(x), 1))
        return truly(x) * (1 - share) + share / 2

    target._scores = drawn  # type: ignore[method-assign]
    assert list(asked(target, data.x)) == []
