"""Theft: a softmax regression is solved for exactly; copies get better with queries; policies cost what they say."""

import numpy as np
import pytest

from tiltyard.campaign.cost import Cost
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.result import Status
from tiltyard.targets.decision import Prediction
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.query_budget import Meter
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.theft._guarded import GuardedTarget
from tiltyard.theft._transfer_set import TransferSet
from tiltyard.theft.equations import Equations
from tiltyard.theft.extraction import Extraction
from tiltyard.theft.output_policy import OutputPolicy

D, K = 8, 3
WEIGHTS = np.random.default_rng(0).normal(size=(D, K))


def _scores(x: np.ndarray) -> np.ndarray:
    z = np.exp(x.astype(np.float64) @ WEIGHTS)
    return z / z.sum(1, keepdims=True)


@pytest.fixture
def linear() -> tuple[FunctionTarget, Dataset]:
    schema = Schema(
        features=tuple(Feature(name=f"f{i}", kind="continuous", low=-1, high=1) for i in range(D)), label="y", classes=("a", "b", "c")
    )
    x = np.random.default_rng(1).uniform(-1, 1, (1200, D))
    y = _scores(x).argmax(1).astype(np.int64)
    return FunctionTarget(_scores, ("a", "b", "c"), schema, "softmax regression"), Dataset(x=x, y=y, schema=schema)


def test_softmax_regression_is_recovered_from_d_plus_one_scores(linear):
    record = Equations()(*linear)
    assert record.result.metric("queries").value == D + 1
    assert record.result.metric("fidelity").value == 1.0
    assert record.result.status is Status.FINDING


def test_rounded_scores_stop_the_equations(linear):
    target, data = linear
    guarded = OutputPolicy(kind="round", digits=1)(target, data).target
    record = Equations()(guarded, data)
    assert record.result.metric("fidelity").value < 0.95


def test_a_model_that_is_not_linear_is_not_recovered(linear):
    target, data = linear
    data = Dataset(x=data.x, y=data.y, schema=data.schema)
    curved = FunctionTarget(lambda x: _scores(np.sin(9 * x)), target.classes, target.schema, "curved")
    assert Equations()(curved, data).result.status is Status.PASSED


@pytest.mark.parametrize("strategy", ["natural", "adaptive", "jacobian"])
def test_more_queries_give_a_better_copy(linear, strategy):
    record = Extraction(query_budget=400, points=3, epochs=10, strategy=strategy, rows=400)(*linear)
    low = record.result.charts[0].series[0].y
    assert record.result.metric("queries").value == 400
    assert low[-1] >= low[0]
    assert low[-1] > record.result.metric("majority_fidelity").value


def test_one_point_asks_the_whole_budget(linear):
    assert Extraction(query_budget=200, points=1, epochs=2, rows=100)(*linear).result.metric("queries").value == 200


def test_equal_seeds_give_equal_copies(linear):
    check = Extraction(query_budget=100, points=2, epochs=3, rows=200)
    assert check(*linear).result == check(*linear).result


def test_a_query_budget_is_never_overrun(linear):
    target, data = linear
    guarded = OutputPolicy(kind="budget", query_budget=50)(target, data).target
    assert isinstance(guarded, GuardedTarget)
    record = Extraction(query_budget=400, points=3, epochs=3, rows=200)(guarded, data)
    assert record.result.metric("queries").value == 50
    assert record.queries == 50 + 200  # the thief's, and the rows the copy is compared on; what was refused is not counted
    client = guarded.as_client()
    with pytest.raises(Problem, match="budget is spent"):
        client.scores(data.x[:51])
    client.scores(data.x[:50])


def test_noise_is_the_same_for_the_same_row(linear):
    target, data = linear
    guarded = OutputPolicy(kind="noise", noise=0.2)(target, data).target
    once, again = guarded.scores(data.x[:20]), guarded.scores(data.x[:20])
    assert (once == again).all()
    assert np.abs(once - target.scores(data.x[:20])).mean() > 0.02


def test_labels_alone_hide_the_scores_and_say_so(linear):
    target, data = linear
    guarded = OutputPolicy(kind="label")(target, data).target
    assert "scores" not in guarded.offers
    assert Equations()(guarded, data).result.status is Status.NOT_APPLICABLE
    assert Extraction()(guarded, data).result.status is Status.NOT_APPLICABLE
    result = Extraction(access="labels", query_budget=20, points=1, epochs=10, rows=400)(guarded, data).result
    assert result.status is Status.PASSED, result.summary


def test_too_few_rows_are_said(linear):
    target, data = linear
    assert Extraction()(target, data.take(np.arange(10))).result.status is Status.NOT_APPLICABLE


def test_in_a_campaign_the_judge_asks_nothing_of_the_attackers_budget(linear):
    target, data = linear
    for step, most in ((Extraction(query_budget=120, points=1, epochs=2, rows=100), 120), (Equations(rows=100), D + 1)):
        meter = Meter(most)
        told = Cost.of(step, target, data)
        record = step(RestrictedTarget(target, frozenset({"labels", "scores"}), meter), data)
        assert record.result.metric("queries").value == meter.spent == most == told.queries
        assert record.result.metric("fidelity").n == 100
        assert step.estimate(target, data).queries == most + 100


@pytest.mark.parametrize("check", [Extraction(query_budget=100, points=1, epochs=2, rows=200), Equations(rows=200)])
def test_a_model_of_one_answer_has_nothing_to_steal_and_that_is_no_pass(linear, check):
    _, data = linear
    same = FunctionTarget(lambda x: np.tile(np.array([0.2, 0.7, 0.1]), (len(x), 1)), data.schema.classes, data.schema, "says b")
    result = check(same, data).result
    assert result.metric("fidelity").value == 1.0
    assert not result.findings
    assert result.status is Status.INCOMPLETE
    assert "nothing to steal" in result.summary


class Counting:
    """Rows of a linear target's answers, and which rows were asked after the judge's."""

    def __init__(self, schema: Schema) -> None:
        self.asked: list[np.ndarray] = []
        self.target = FunctionTarget(self.scores, schema.classes, schema, "softmax regression")

    def scores(self, x: np.ndarray) -> np.ndarray:
        self.asked.append(np.array(x))
        return _scores(x.reshape(len(x), -1)[:, :D])

    def thief(self, judged: int) -> np.ndarray:
        rows = np.concatenate([x.reshape(len(x), -1) for x in self.asked])
        return rows[judged:]


@pytest.mark.parametrize("strategy", ["natural", "adaptive", "jacobian"])
@pytest.mark.parametrize("access", ["scores", "labels"])
def test_a_thief_never_pays_twice_for_a_row(linear, strategy, access):
    _, data = linear
    few = data.take(np.repeat(np.arange(150), 4))  # 150 rows, each four times over
    seen = Counting(data.schema)
    record = Extraction(query_budget=400, points=4, epochs=2, strategy=strategy, access=access, rows=100)(seen.target, few)
    rows = seen.thief(100)
    paid = record.result.metric("queries").value
    assert len(rows) == paid == len(np.unique(rows, axis=0))
    pool = few.take(np.random.default_rng(0).permutation(600)[100:])  # those that are not the judge's
    if strategy == "jacobian":
        assert paid == 400
    else:
        assert paid == len(np.unique(pool.x, axis=0)) <= 150


def test_pixels_clipped_to_the_same_picture_are_asked_once():
    """Black pictures moved down stay black: only steps up, each of another size, give new ones."""
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 4, 4)),), label="y", classes=("a", "b", "c"))
    x = np.zeros((200, 1, 4, 4), np.float32)
    x[100:, 0, 0, 0] = 1
    seen = Counting(schema)
    result = Extraction(query_budget=40, points=3, epochs=2, strategy="jacobian", rows=50)(
        seen.target, Dataset(x, np.zeros(200, np.int64), schema)
    ).result
    rows = seen.thief(50)
    assert 2 < len(rows) == result.metric("queries").value <= 40
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_rows_that_were_asked_know_their_answers():
    x = np.array([[0, 1], [0, 1], [2, np.nan], [-0.0, 1]])
    answered = TransferSet.before(x, 2)
    assert answered.fresh(x).tolist() == [True, False, True, False]
    answered.add(x[[0, 2]], Prediction(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])))
    assert not answered.fresh(x).any()
    answered.reuse(np.array([[2, np.nan], [7, 7], [0, 1]]))
    assert answered.queries == 2
    np.testing.assert_array_equal(answered.x, [[0, 1], [2, np.nan], [2, np.nan], [0, 1]])
    assert answered.scores[:, 1].tolist() == pytest.approx([0.1, 0.8, 0.8, 0.1])
    assert answered.labels.tolist() == [0, 1, 1, 0]
