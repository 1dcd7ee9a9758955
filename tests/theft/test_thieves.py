"""The best of several copies finds what one hides; a pass is earned; what a thief has decides what it can ask."""

from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft._copies import Lesson, best, kinds, trained
from tiltyard.theft._pools import made, marginals, strokes
from tiltyard.theft.extraction import Extraction
from tiltyard.theft.output_policy import OutputPolicy
from tiltyard.theft.thieves import disputed, scattered, shaken

D = 8
SCHEMA = Schema(
    features=(
        *(Feature(name=f"f{i}", kind="continuous", low=0, high=1) for i in range(D - 1)),
        Feature(name="kind", kind="categorical", categories=("u", "v", "w")),
    ),
    label="y",
    classes=("no", "yes"),
)
PICTURES = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 28, 28)),), label="y", classes=("a", "b"))


def rows(n: int, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.random((n, D - 1)), rng.integers(0, 3, n)])


def boxes(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A deep tree's decision: a chessboard on two columns, turned over by the category."""
    return ((np.floor(2 * x[:, 0]) + np.floor(2 * x[:, 1]) + (x[:, D - 1] == 2)) % 2).astype(np.int64)


@pytest.fixture(scope="module")
def chessboard() -> tuple[FunctionTarget, Dataset]:
    x = rows(3000)
    target = FunctionTarget(lambda t: np.eye(2)[boxes(SCHEMA.encode(t))] * 0.8 + 0.1, SCHEMA.classes, SCHEMA, "chessboard", "frame")
    return target, Dataset(x, boxes(x), SCHEMA)


def test_the_best_of_several_copies_finds_what_a_network_hides(chessboard) -> None:
    check = Extraction(query_budget=500, points=1, epochs=10, rows=600)
    alone = check.model_copy(update={"copies": "network"})(*chessboard).result
    found = check(*chessboard).result
    assert found.metric("fidelity").low > alone.metric("fidelity").high
    assert alone.status is Status.INCOMPLETE and "only a network" in alone.summary
    tried = {row[0]: row[1] for row in found.tables[1].rows}
    assert set(tried) >= {"a network", "a forest", "boosted trees", "a linear model"}
    assert max(tried.values()) == next(row[1] for row in found.tables[1].rows if row[2])


def test_the_choice_is_made_on_answers_and_needs_no_true_label(chessboard) -> None:
    target, data = chessboard
    check = Extraction(query_budget=300, points=1, epochs=10, rows=400)
    unlabeled = Dataset(data.x, np.zeros(len(data), np.int64), SCHEMA)
    assert check(target, data).result.metric("fidelity").value == check(target, unlabeled).result.metric("fidelity").value


def test_rows_that_run_out_before_the_budget_are_no_pass(chessboard) -> None:
    target, data = chessboard
    few = data.take(np.arange(450))
    result = Extraction(query_budget=2000, points=1, epochs=10, rows=250)(target, few).result
    assert result.metric("queries").value == 225
    assert result.status is Status.INCOMPLETE
    assert "225 of 2,000 rows were asked" in result.summary and "Give more rows" in result.summary


def test_a_policy_that_answers_a_client_no_more_is_the_whole_budget(chessboard) -> None:
    target, data = chessboard
    guarded = OutputPolicy(kind="budget", query_budget=60)(target, data).target
    result = Extraction(query_budget=500, points=1, epochs=10, rows=600)(guarded, data).result
    assert (result.metric("queries").value, result.status) == (60, Status.PASSED), result.summary


def test_an_interval_that_reaches_the_alarm_is_no_pass(chessboard) -> None:
    data = chessboard[1]
    target = FunctionTarget(lambda t: (t["f0"] > 0.5).to_numpy(float), SCHEMA.classes, SCHEMA, "half", "frame")
    check = Extraction(query_budget=30, points=1, epochs=10, rows=200)
    first = check(target, data).result.metric("fidelity")
    assert first.value > 0.6
    close = check.model_copy(update={"alarm": first.value + 0.01})(target, data).result
    assert close.status is Status.INCOMPLETE and "interval" in close.summary
    far = check.model_copy(update={"alarm": first.high + 0.01})(target, data).result
    assert far.status is Status.PASSED


@pytest.mark.parametrize("strategy", ["k-center", "disagreement"])
@pytest.mark.parametrize("knows", ["rows", "marginals", "nothing"])
def test_the_ladder_asks_valid_rows_and_spends_the_budget(chessboard, strategy: str, knows: str) -> None:
    target, data = chessboard
    asked: list[Any] = []

    def seen(frame: Any) -> np.ndarray[Any, Any]:
        asked.append(SCHEMA.encode(frame))  # refuses a row that is not valid
        return target.scores(asked[-1])

    spied = FunctionTarget(seen, SCHEMA.classes, SCHEMA, "chessboard", "frame")
    result = Extraction(query_budget=120, points=2, epochs=3, rows=100, strategy=strategy, knows=knows)(spied, data).result
    thief = np.concatenate(asked)[100:]
    assert result.metric("queries").value == len(thief) == len(np.unique(thief, axis=0)) == 120
    own = {row.tobytes() for row in data.x}
    assert all(row.tobytes() in own for row in thief) == (knows == "rows")


def test_rows_of_something_else_come_from_a_file(chessboard, tmp_path) -> None:
    target, data = chessboard
    other = Dataset(rows(200, 9), np.zeros(200, np.int64), SCHEMA)
    path = tmp_path / "other.csv"
    other.frame.to_csv(path, index=False)
    result = Extraction(query_budget=150, points=1, epochs=2, rows=100, knows="other", other=str(path))(target, data).result
    assert result.metric("queries").value == 150 and "something else" in " ".join(result.notes)
    assert Extraction(knows="other")(target, data).result.status is Status.NOT_APPLICABLE


def test_marginals_keep_each_column_and_no_more() -> None:
    x = rows(2000)
    x[:, 1] = x[:, 0]
    drawn = marginals(Dataset(x, np.zeros(2000, np.int64), SCHEMA), 2000, np.random.default_rng(0))
    assert set(np.unique(drawn[:, 0])) <= set(x[:, 0])
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.1


def test_strokes_are_pictures_and_differ() -> None:
    x = strokes(PICTURES, 60, np.random.default_rng(0), Progress())
    assert x.shape == (60, 1, 28, 28) and x.dtype == np.float32 and x.min() >= 0 and x.max() <= 1
    assert len(np.unique(x.reshape(60, -1), axis=0)) == 60
    pool = made("nothing", Dataset(x, np.zeros(60, np.int64), PICTURES), "", 30, np.random.default_rng(0), Progress())
    assert len(pool) == 120


def test_shifted_pictures_are_the_same_moved() -> None:
    import torch

    x = torch.zeros(40, 1, 9, 9)
    x[:, 0, 4, 4] = 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = shaken((1, 9, 9), None, x.reshape(40, -1), None).reshape(40, 9, 9).numpy()
    assert (found.sum((1, 2)) == 1).all() and (found[:, 2:7, 2:7].sum((1, 2)) == 1).all()
    assert len({int(row.argmax()) for row in found}) > 8


class Known:
    """A copy of fixed scores by the first column."""

    def __init__(self, *scores: float) -> None:
        self.given = np.array(scores)

    def scores(self, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        p = self.given[x[:, 0].astype(int)]
        return np.column_stack([1 - p, p])


def test_k_center_takes_the_farthest_and_a_committee_where_it_differs() -> None:
    pool = np.arange(4.0)[:, None]
    far = scattered(Known(0.0, 0.2, 0.6, 1.0), pool, pool[:1], 2, Progress())
    assert far.tolist() == [3, 2]  # 1.0 is farthest from 0.0, then 0.6 from both
    assert disputed((Known(0.1, 0.9, 0.5, 0.2), Known(0.1, 0.1, 0.5, 0.4)), pool, 2).tolist() == [1, 3]


@pytest.mark.parametrize("hard", [True, False])
def test_each_kind_learns_what_can_be_learned(hard: bool) -> None:
    x = rows(250)
    y = (x[:, 0] > 0.5).astype(np.int64)
    p = 1 / (1 + np.exp(-20 * (x[:, 0] - 0.5)))
    scores = np.eye(2)[y] if hard else np.column_stack([1 - p, p])
    lesson = Lesson(x, scores, y, SCHEMA, 15, 0)
    for kind in kinds(SCHEMA, 250):
        assert (trained(kind, lesson, Progress()).labels(rows(300, 1)) == (rows(300, 1)[:, 0] > 0.5)).mean() > 0.85, kind
    chosen = best(lesson, np.ones(250, bool), Progress())
    assert chosen.agreed[chosen.kind] == max(chosen.agreed.values()) > 0.9
    few = best(Lesson(x[:5], scores[:5], y[:5], SCHEMA, 2, 0), np.ones(5, bool), Progress())
    assert few.kind == "network" and not few.agreed
