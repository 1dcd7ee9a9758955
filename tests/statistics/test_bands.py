"""Numbers in groups: none empty, each row where its name says, a common value alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.statistics.bands import bands, cut, written


def test_quarters_are_quarters() -> None:
    found = bands(np.arange(100.0))
    assert found.names == ("under 24.75", "24.75 to under 49.5", "49.5 to under 74.25", "74.25 and over")
    assert np.bincount(found.places).tolist() == [25, 25, 25, 25]


def test_a_number_of_mostly_zeros_is_four_groups_at_most_and_not_one() -> None:
    values = np.concatenate([np.zeros(75), np.arange(1.0, 26.0)])
    found = bands(values)
    assert found.names == ("0", "over 0 to under 13", "13 and over")
    assert np.bincount(found.places).tolist() == [75, 12, 13]
    mirrored = bands(-values)
    assert mirrored.names == ("under -13", "-13 to under 0", "0")
    assert np.bincount(mirrored.places).tolist() == [12, 13, 75]
    both = bands(np.concatenate([values, [-5.0, -4.0]]))
    assert both.names == ("under 0", "0", "over 0 to under 13", "13 and over")
    assert bands(np.array([0.0, 0, 0, 7])).names == ("0", "over 0")


def test_rows_without_a_number_are_in_no_group() -> None:
    found = bands(np.array([np.nan, 1, 2, 3, 4, 5, 6, 7, np.inf]))
    assert found.places.tolist() == [-1, 0, 0, 1, 2, 2, 3, 3, -1]
    assert bands(np.full(3, np.nan)).places.tolist() == [-1, -1, -1]
    assert cut(np.array([np.nan, 20.0, 25, 80]), (25, 40, 60)).places.tolist() == [-1, 0, 1, 3]


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=60))
def test_no_group_is_empty_and_no_row_is_lost(numbers: list[int]) -> None:
    found = bands(np.array(numbers, np.float64))
    assert np.bincount(found.places, minlength=len(found.names)).min() > 0
    assert found.places.min() >= 0
    assert (np.diff(found.places[np.argsort(numbers, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(("numbers", "words"), [([1.5, 2], ["1.5", "2"]), ([1700000000, 1700000100], ["1700000000", "1700000100"])])
def test_edges_that_differ_are_written_so(numbers: list[float], words: list[str]) -> None:
    assert written(numbers) == words
