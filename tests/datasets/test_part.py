"""A part of a data set is the rows it stands for, and copies none of them before they are read."""

import pickle

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset, Part
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema

SCHEMA = Schema(
    features=(Feature(name="a", kind="continuous", high=1000), Feature(name="b", kind="continuous")), label="y", classes=("no", "yes")
)
N = 100


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.arange(N), rng.random(N)])
    side = np.where(rng.random(N) < 0.5, "left", "right")
    return Dataset(x, np.arange(N) % 2, SCHEMA, "rows", {"side": side}, rng.random(N) < 0.3, "here", "CC0")


def same(one: Dataset, other: Dataset) -> None:
    assert one.fingerprint == other.fingerprint
    assert (one.name, one.source, one.license, len(one)) == (other.name, other.source, other.license, len(other))
    assert one.member is not None
    assert other.member is not None
    np.testing.assert_array_equal(one.member, other.member)


def test_seen_and_unseen_are_what_taking_them_gives(data: Dataset) -> None:
    assert data.member is not None
    same(data.seen, data.take(data.member))
    same(data.unseen, data.take(~data.member))
    assert data.unseen.identity == data.take(~data.member).identity


def test_nothing_is_copied_before_it_is_read(data: Dataset) -> None:
    part = data.unseen
    assert isinstance(part, Part)
    some = part.sample(5, np.random.default_rng(1))
    few = part.take(np.array([3, 1]))
    assert (len(part), len(some), len(few)) == (len(part.rows), 5, 2)
    assert not {"x", "y", "sensitive", "member"} & set(vars(part))
    assert len(part.x) == len(part)
    assert "x" in vars(part)


def test_its_rows_are_taken_sampled_and_parted_as_those_of_a_copy(data: Dataset) -> None:
    assert data.member is not None
    part, copy = data.unseen, data.take(~data.member)
    same(part.take(np.array([5, 0, 5])), copy.take(np.array([5, 0, 5])))
    same(part.take(copy.y == 1), copy.take(copy.y == 1))
    same(part.sample(7, np.random.default_rng(2)), copy.sample(7, np.random.default_rng(2)))
    inner = part.part(np.array([4, 2, 9]))
    assert isinstance(inner, Part)
    assert inner.whole is data
    same(inner, copy.take(np.array([4, 2, 9])))
    same(part.unseen, copy.unseen)
    same(part.at_most(3, np.random.default_rng(3)), copy.at_most(3, np.random.default_rng(3)))
    assert part.at_most(N, np.random.default_rng(3)) is part


def test_it_can_be_sent_to_another_process(data: Dataset) -> None:
    same(pickle.loads(pickle.dumps(data.seen)), data.seen)


def test_it_cannot_be_changed(data: Dataset) -> None:
    with pytest.raises(AttributeError):
        data.unseen.x = data.x  # type: ignore[misc]
