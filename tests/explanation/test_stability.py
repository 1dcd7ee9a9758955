"""A smooth model is stable beyond noise, a jagged one is not, and noise is told apart from both."""

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.explanation.ranks import averaged, overlap, spearman
from tiltyard.explanation.stability import Stability, nearby
from tiltyard.result import Metric, Record, Status
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-1, high=1) for i in range(6)), label="y", classes=("no", "yes")
)


def rows(n: int = 200) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, 6))
    return Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA)


def test_a_linear_model_is_stable():
    target = FunctionTarget(lambda x: 1 / (1 + np.exp(-x @ np.arange(1, 7))), ("no", "yes"), SCHEMA)
    result = Stability(rows=30, scale="log-odds", change=0.005)(target, rows()).result
    assert result.status is Status.PASSED
    assert result.metric("rerun_correlation").value > 0.99
    assert result.metric("change_correlation").value > 0.9


def test_a_jagged_model_is_a_finding_though_its_noise_is_small():
    def scores(x):
        return 0.5 + 0.08 * np.sin(200 * x[:, :5]).sum(1) / 5 * 5

    result = Stability(rows=30, change=0.02, of_class="yes")(FunctionTarget(scores, ("no", "yes"), SCHEMA), rows()).result
    assert result.status is Status.FINDING
    assert result.metric("rerun_correlation").value > 0.9
    assert result.metric("fall").low > 0.3
    assert any("changed the answer itself" in note for note in result.notes)


def test_a_change_smaller_than_a_step_of_whole_numbers_shows_nothing():
    features = tuple(Feature(name=f"f{i}", kind="integer", low=0, high=10) for i in range(4))
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    x = np.random.default_rng(0).integers(0, 11, (60, 4))
    target = FunctionTarget(lambda x: 1 / (1 + np.exp(-(x @ np.arange(1, 5) - 50) / 9)), schema.classes, schema)
    data = Dataset(x, np.arange(60) % 2, schema)
    result = Stability(rows=20, change=0.02)(target, data).result
    assert result.status is Status.INCOMPLETE
    assert "20 of 20 copies left out" in result.summary and "less than a step" in result.summary
    assert Stability(rows=20, change=0.2)(target, data).result.metric("fall").value is not None


def test_a_constant_model_says_why_nothing_was_compared():
    result = Stability(rows=10)(FunctionTarget(lambda x: np.full(len(x), 0.3), ("no", "yes"), SCHEMA), rows()).result
    assert result.status is Status.INCOMPLETE
    assert "nothing moves their answer" in result.summary


def test_more_copies_come_nearer_to_the_worst():
    def scores(x):
        return 0.5 + 0.3 * np.tanh(x @ np.arange(1, 7) / 9) + 0.02 * np.sin(40 * x).sum(1) / 6

    target = FunctionTarget(scores, ("no", "yes"), SCHEMA)
    one, five = (Stability(rows=20, copies=n, background=20)(target, rows()).result for n in (1, 5))
    assert five.metric("change_correlation").value < one.metric("change_correlation").value
    assert five.metric("rerun_correlation").value <= one.metric("rerun_correlation").value, "the noise has as many chances"


def test_a_fall_beyond_the_limit_that_is_not_sure_is_no_pass():
    found = Stability(limit=0.1)._result_of(
        tuple(
            Metric(name=name, label=name, value=value, low=low, high=high, n=6)
            for name, value, low, high in (
                ("rerun", 0.95, 0.9, 1.0),
                ("moved", 0.7, 0.4, 1.0),
                ("fall", 0.25, -0.05, 0.5),
                ("top", 1, 1, 1),
            )
        ),
        np.full(6, 0.95),
        np.full(6, 0.7),
        (),
    )
    assert found.status is Status.INCOMPLETE
    assert found.summary.endswith("not surely: explain more rows.")


def test_too_small_a_budget_is_incomplete():
    def scores(x):
        return 0.5 + 0.4 * np.sin(9 * x[:, 0] * x[:, 1]) * np.cos(8 * x[:, 2] * x[:, 3]) * np.sin(7 * x[:, 4] * x[:, 5] + 1)

    result = Stability(rows=30, background=1, permutations=1, change=0.001)(FunctionTarget(scores, ("no", "yes"), SCHEMA), rows()).result
    assert result.status is Status.INCOMPLETE
    assert "raise permutations" in result.summary


def test_changed_copies_are_valid_rows(loans):
    moved = nearby(loans.x, loans.schema, 0.1, np.random.default_rng(0))
    assert (moved[:, 2:] == loans.x[:, 2:]).all(), "categories stay"
    assert (moved[:, 1] == moved[:, 1].round()).all()
    assert (moved[:, 1] != loans.x[:, 1]).any()
    assert (moved >= loans.schema.low).all() and (moved <= loans.schema.high).all()


def test_categories_only_is_not_applicable():
    features = tuple(Feature(name=f"c{i}", kind="categorical", categories=("a", "b")) for i in range(3))
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    x = np.tile(np.array([[0.0, 0, 1]]), (40, 1))
    data = Dataset(x, np.arange(40) % 2, schema)
    result = Stability(rows=5)(FunctionTarget(lambda x: np.full(len(x), 0.5), schema.classes, schema), data).result
    assert result.status is Status.NOT_APPLICABLE


def test_rank_correlation_solved_by_hand():
    one = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4], [5, 5, 5, 5]])
    other = np.array([[2.0, 4, 6, 8], [4, 3, 2, 1], [1, 2, 3, 4]])
    found = spearman(one, other)
    assert found[:2].tolist() == [1.0, -1.0]
    assert np.isnan(found[2])
    assert overlap(np.array([[9.0, -8, 1, 0]]), np.array([[7.0, 0, 6, 1]]), 2).tolist() == [0.5]


def test_an_average_of_nothing_has_no_value():
    assert averaged("a", "a", np.array([np.nan, 1.0]), np.random.default_rng(0)).value is None


def test_same_seed_same_record_and_json(linear, loans):
    one, two = (Stability(rows=5, background=5)(linear, loans) for _ in range(2))
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one
