"""Membership by labels alone: a plane whose distances are known, a memorizer, a coin, and what it costs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem, Unavailable
from tiltyard.privacy._boundary import boundary
from tiltyard.privacy.membership_labels import MembershipLabels
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.statistics.roc import area
from tiltyard.targets.target import Target

SCHEMA = Schema(
    features=(
        Feature(name="a", kind="continuous", low=0, high=1, mutable=False),  # who only asks may move it all the same
        Feature(name="b", kind="continuous", low=0, high=1),
        Feature(name="c", kind="categorical", categories=("x", "y")),
    ),
    label="y",
    classes=("no", "yes"),
)
W = np.array([3.0, 4.0])


class Hidden(Target):
    """Gives labels alone."""

    def __init__(self) -> None:
        super().__init__(type(self).__name__, SCHEMA.classes, SCHEMA, frozenset({"labels"}), type(self).__name__)
        self.decision = None

    def _scores(self, x: Any) -> NDArray[np.float64]:
        raise AssertionError("labels alone were to be asked for")


class Plane(Hidden):
    """Decides by a plane: a row lies |3 a + 4 b - 3.5| / 5 from it."""

    def _predict(self, x: Any) -> NDArray[np.int64]:
        return np.asarray(x[:, :2] @ W > 3.5, np.int64)


class Nearest(Hidden):
    """Answers as the nearest row that it knows: right on all of these, and surer the farther their neighbors are."""

    def __init__(self, known: Dataset) -> None:
        super().__init__()
        self.known = known

    def _predict(self, x: Any) -> NDArray[np.int64]:
        apart = ((x[:, None, :2] - self.known.x[None, :, :2]) ** 2).sum(2)
        return np.asarray(self.known.y[apart.argmin(1)])


def rows(side: int) -> Dataset:
    """Rows near the points of a grid, with classes by coin; every second is a member."""
    rng = np.random.default_rng(0)
    places = (np.stack(np.meshgrid(*[np.arange(side)] * 2), 2).reshape(-1, 2) + 0.5 + rng.uniform(-0.2, 0.2, (side**2, 2))) / side
    places = rng.permutation(places)
    x = np.concatenate([places, rng.integers(0, 2, (len(places), 1))], 1).astype(SCHEMA.dtype)
    return Dataset(x, rng.integers(0, 2, len(x)), SCHEMA, member=np.arange(len(x)) % 2 == 0)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_distances_to_a_plane_are_the_exact_ones(norm: Any) -> None:
    data = rows(6)
    target = Plane()
    away = data.x[:, :2] @ W - 3.5
    exact = np.abs(away) / (5.0 if norm == "l2" else 7.0)
    found = boundary(target, data, 400, norm, 0, Progress())
    right = (away > 0) == (data.y == 1)
    assert (found.size[~right] == 0).all()
    assert (found.size[right] >= exact[right] - 1e-9).all()
    assert float(np.median(found.size[right] / exact[right])) < 1.05
    assert found.found.all()
    assert target.queries <= 400 * len(data)


def test_a_row_that_nothing_turns_counts_as_far_as_the_space_is_wide() -> None:
    class Stubborn(Hidden):
        def _predict(self, x: Any) -> NDArray[np.int64]:
            return np.asarray(x[:, 2] > 0.5, np.int64)  # categories stay as they are

    data = rows(4)
    found = boundary(Stubborn(), data, 60, "l2", 0, Progress())
    right = (data.x[:, 2] > 0.5) == (data.y == 1)
    assert not found.found[right].any()
    assert (found.size[right] == np.sqrt(2)).all()


def test_a_memorizer_that_hides_its_scores_is_found_and_better_than_by_being_right() -> None:
    data = rows(14)
    check = MembershipLabels(rows=98, query_budget=100)
    record = check(Nearest(data.seen), data)
    result = record.result
    assert result.status is Status.FINDING, result.summary
    assert (result.metric("auc").value or 0) > (result.metric("auc_of_gap").value or 1) + 0.05 > 0.75
    assert record.queries <= (check.estimate(Nearest(data.seen), data).queries or 0) == 196 * 100
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_a_plane_that_knows_no_row_is_a_coin_and_ranks_rows_as_the_exact_distances_do() -> None:
    data = rows(14)
    away = data.x[:, :2] @ W - 3.5
    data = replace(data, y=(away > 0).astype(np.int64))
    result = MembershipLabels(rows=98, query_budget=60, accepted=0.2, accepted_tpr=0.2)(Plane(), data).result
    found = result.metric("auc")
    assert (found.low or 1) <= 0.5 <= (found.high or 0)
    assert data.member is not None
    assert found.value == pytest.approx(area(data.member, np.abs(away)), abs=0.02)
    assert not result.findings
    assert result.metric("auc_of_gap").value == 0.5


def test_what_cannot_be_measured_is_one_line() -> None:
    data = rows(4)
    with pytest.raises(Problem, match="at least 21 labels a row"):
        boundary(Plane(), data, 20, "l2", 0, Progress())
    words = Schema(features=(SCHEMA.features[2],), label="y", classes=("no", "yes"))
    with pytest.raises(Unavailable, match="a column of numbers"):
        boundary(Plane(), Dataset(data.x[:, 2:], data.y, words), 60, "l2", 0, Progress())
