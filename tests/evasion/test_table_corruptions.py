"""Corruptions of tables: each kind keeps what a column can hold and grows by severity; typing errors by hand; a model of one column loses by what happens to it."""

from itertools import pairwise

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import MISSING, Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion._table_corruption_kinds import (
    Kind,
    corrupted,
    doubled_digit,
    gaussian_noise,
    kinds,
    lost_digit,
    missing_fields,
    swapped_digits,
    times_thousand,
)
from tiltyard.evasion.table_corruptions import TableCorruptions
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget

FEATURES = (
    Feature(name="n", kind="integer", low=0, high=9999, dtype="int32"),
    Feature(name="v", kind="continuous", low=-5, high=5, missing=True),
    Feature(name="c", kind="categorical", categories=("a", "b", "c", MISSING)),
    Feature(name="one", kind="onehot", columns=("o1", "o2", "o3")),
    Feature(name="s", kind="continuous", low=-10, high=30_000),
)
SCHEMA = Schema(features=FEATURES, label="y", classes=("no", "yes"), relations=("s := n + 2 * n within 0.01",))
EVERY = [kind for family in kinds(SCHEMA).values() for kind in family]


def rows(n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    number = rng.integers(100, 10_000, n).astype(float)
    v = np.where(rng.random(n) < 0.1, np.nan, rng.uniform(-5, 5, n))
    return np.column_stack([number, v, rng.integers(0, 3, n), np.eye(3)[rng.integers(0, 3, n)], 3 * number])


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_a_kind_keeps_what_columns_hold_grows_by_severity_and_repeats(kind: Kind) -> None:
    x = rows()
    moved = [corrupted(x, SCHEMA, kind, severity, np.random.default_rng(1)) for severity in (1, 2, 3, 4, 5)]
    for one in moved:
        assert one.shape == x.shape
        assert (one[:, 0] == np.rint(one[:, 0])).all()
        assert set(np.unique(one[:, 2])) <= {0, 1, 2, 3}
        assert (one[:, 3:6].sum(1) == 1).all()
        assert np.isfinite(one[:, [0, 2, 3, 4, 5, 6]]).all()
        assert not SCHEMA.related.broken(one).any()
        assert not (np.isnan(x) & ~np.isnan(one)).any()
    changed = [float(((one != x) & ~(np.isnan(one) & np.isnan(x))).mean()) for one in moved]
    sizes = [float(np.nanmean(np.abs(one - x))) for one in moved] if kind is gaussian_noise or "coarse" in kind.__name__ else changed
    assert all(later >= earlier for earlier, later in pairwise(sizes))
    assert 0 < sizes[0] < sizes[-1]
    assert np.array_equal(moved[2], corrupted(x, SCHEMA, kind, 3, np.random.default_rng(1)), equal_nan=True)


NUMBER = Schema(features=(Feature(name="n", kind="integer", low=0, high=10**6),), label="y", classes=("no", "yes"))
BY_HAND = ((swapped_digits, {2134, 1324, 1243}), (lost_digit, {234, 134, 124, 123}), (doubled_digit, {11234, 12234, 12334, 12344}))


@pytest.mark.parametrize(("kind", "found"), BY_HAND, ids=lambda part: getattr(part, "__name__", ""))
def test_typing_errors_by_hand(kind: Kind, found: set[int]) -> None:
    moved = corrupted(np.full((400, 1), 1234.0), NUMBER, kind, 5, np.random.default_rng(0))[:, 0]
    assert set(moved[moved != 1234].astype(int)) == found - {1234}
    assert (moved != 1234).mean() == pytest.approx(0.35, abs=0.08)


def test_parts_of_numbers_and_signs_are_typed_too() -> None:
    schema = Schema(features=(Feature(name="v", kind="continuous", low=-9, high=9),), label="y", classes=("no", "yes"))
    moved = corrupted(np.full((300, 1), -1.25), schema, swapped_digits, 5, np.random.default_rng(0))[:, 0]
    assert {round(float(v), 2) for v in moved} == {-1.25, -2.15, -1.52}
    assert (corrupted(np.zeros((50, 1)), schema, lost_digit, 5, np.random.default_rng(0)) == 0).all()


def test_units_and_missing_fields_by_hand() -> None:
    moved = corrupted(np.full((400, 1), 5000.0), NUMBER, times_thousand, 5, np.random.default_rng(0), cut=False)[:, 0]
    assert set(moved) == {5000.0, 5.0, 5_000_000.0}
    moved = corrupted(np.full((400, 1), 5000.0), NUMBER, times_thousand, 5, np.random.default_rng(0))[:, 0]
    assert set(moved) == {5000.0, 5.0, 1_000_000.0}
    x = rows()
    empty = corrupted(x, SCHEMA, missing_fields, 5, np.random.default_rng(0))
    assert np.isnan(empty[:, 1]).mean() > 0.35
    assert set(empty[x[:, 2] != empty[:, 2], 2]) == {3.0}
    assert set(empty[x[:, 0] != empty[:, 0], 0]) == {np.rint(np.median(x[:, 0]))}


def test_a_model_of_one_column_loses_by_what_happens_to_it() -> None:
    features = (
        *(Feature(name=f"free{i}", kind="continuous") for i in range(2)),
        Feature(name="c", kind="categorical", categories=("a", "b")),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.random((200, 2)), rng.integers(0, 2, 200)])
    target = FunctionTarget(lambda rows: np.where(rows[:, 2] == "b", 0.9, 0.1), schema.classes, schema, "known", feeds="values")
    result = TableCorruptions(rows=200)(target, Dataset(x, x[:, 2].astype(np.int64), schema)).result
    (table,) = (t for t in result.tables if t.name == "corruptions")
    shares = {str(row[1]): [float(v or 0) for v in row[2:7]] for row in table.rows}
    for kind in ("gaussian noise", "coarse numbers", "times ten", "times thousand", "feet for metres", "swapped digits"):
        assert shares[kind] == [1.0] * 5
    assert shares["shifted codes"] == [0.0] * 5
    assert shares["next category"] == pytest.approx([0.98, 0.95, 0.9, 0.8, 0.65], abs=0.08)
    mean = result.metric("corruption_accuracy")
    assert mean.value == pytest.approx(np.mean([share for row in shares.values() for share in row]))
    assert float(mean.low or 1) <= float(mean.value or 0) <= float(mean.high or 0)
    assert result.status is (Status.PASSED if float(result.metric("lost").high or 1) <= 0.1 else Status.INCOMPLETE)


def test_only_the_kinds_that_apply() -> None:
    assert set(kinds(NUMBER)) == {"noise", "units", "typing", "missing"}
    words = Schema(features=(Feature(name="c", kind="categorical", categories=("a", "b")),), label="y", classes=("no", "yes"))
    assert set(kinds(words)) == {"missing", "categories"}
