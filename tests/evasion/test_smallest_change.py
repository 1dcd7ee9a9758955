"""The smallest change of a linear model is the distance to its plane in one coordinate; of others it keeps what may not change."""

import numpy as np
import pytest

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion._smallest_change import smallest_change
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=(
        Feature(name="a", kind="continuous", low=0, high=10),
        Feature(name="b", kind="continuous", low=0, high=100),
        Feature(name="age", kind="integer", low=18, high=80, mutable=False),
        Feature(name="town", kind="categorical", categories=("east", "west", "north")),
        Feature(name="hours", kind="integer", low=0, high=60),
    ),
    label="loan",
    classes=("no", "yes"),
)
RNG = np.random.default_rng(0)
ROWS = np.column_stack(
    [RNG.uniform(0, 10, 300), RNG.uniform(0, 100, 300), RNG.integers(18, 81, 300), RNG.integers(0, 3, 300), RNG.integers(0, 61, 300)]
).astype(np.float64)


def target(of):
    return FunctionTarget(lambda f: 1 / (1 + np.exp(-of(f).to_numpy(float))), SCHEMA.classes, SCHEMA, feeds="frame")


def test_of_a_linear_model_it_is_the_distance_to_the_plane_in_one_coordinate():
    plane = target(lambda f: 0.3 * f["a"] + 0.02 * f["b"] + 0.5 * f["age"] - 24.4)
    x = np.array([2.0, 30.0, 46.0, 0.0, 10.0])  # 0.6 + 0.6 + 23 - 24.4 = -0.2: a needs 0.2 / 0.3 of 10, b 10 of 100, age may not move
    found = smallest_change(plane, SCHEMA, x, ROWS)
    assert found.features == ("a",) and found.cost == pytest.approx((0.2 / 0.3) / 10, rel=1e-6)
    assert found.x[0] == pytest.approx(2 + 0.2 / 0.3, rel=1e-6) and found.x[1:].tolist() == x[1:].tolist()
    assert plane.labels(found.x[None])[0] == 1 and found.asked <= 4000 and found.asked == plane.queries - 1


def test_a_category_and_whole_numbers_where_these_alone_turn_it():
    pays = target(lambda f: 4.0 * (f["town"] == "north") - 2)
    found = smallest_change(pays, SCHEMA, ROWS[ROWS[:, 3] == 0][0], ROWS)
    assert found.features == ("town",) and found.x[3] == 2 and found.cost == 1
    works = target(lambda f: f["hours"] - 37.5)
    found = smallest_change(works, SCHEMA, np.array([1.0, 1.0, 30.0, 0.0, 5.0]), ROWS)
    assert found.features == ("hours",) and found.x[4] == 38


def test_two_features_where_no_one_is_enough():
    both = target(lambda f: 10.0 * ((f["a"] > 8) & (f["town"] == "west")) - 5)
    found = smallest_change(both, SCHEMA, np.array([1.0, 1.0, 30.0, 0.0, 5.0]), ROWS)
    assert set(found.features) == {"a", "town"} and found.x[0] == pytest.approx(8, abs=1e-6) and found.x[0] > 8


def test_none_is_said_where_what_may_not_change_decides():
    fixed = target(lambda f: f["age"] - 50.0)
    found = smallest_change(fixed, SCHEMA, np.array([1.0, 1.0, 30.0, 0.0, 5.0]), ROWS, most=600)
    assert found.x is None and found.features == () and 0 < found.asked <= 600
