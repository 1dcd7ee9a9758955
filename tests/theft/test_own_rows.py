"""Theft from models of a table with text, gaps, dates and large numbers: asked in the table's own form, judged by what the model itself predicts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.result import Status
from tiltyard.targets.decision import threshold
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.opening import open_target
from tiltyard.theft import extraction
from tiltyard.theft._rule import cut, moved
from tiltyard.theft.equations import Equations, drawn
from tiltyard.theft.extraction import Extraction

SCHEMA = Schema(
    features=(
        Feature(name="since", kind="integer", low=1_600_049_940, high=1_600_050_059, unit="s", dtype="int64"),
        Feature(name="before", kind="continuous", low=4.95e8, high=5.05e8, unit="EUR", dtype="float64"),
        Feature(name="after", kind="continuous", low=4.95e8, high=5.05e8, unit="EUR", dtype="float64"),
        Feature(name="income", kind="continuous", low=0, high=9, missing=True, optional=True, dtype="float64"),
        Feature(name="job", kind="categorical", categories=("nurse", "smith", "none"), dtype="str"),
    ),
    label="y",
    classes=("bad", "good"),
)
N = 900


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    before = rng.uniform(4.96e8, 5.04e8, N)
    income = rng.uniform(0, 9, N)
    income[rng.random(N) < 0.2] = np.nan
    since = 1_600_050_000 + rng.integers(-60, 60, N)
    job = rng.choice(["nurse", "smith", "none"], N)
    return pd.DataFrame({"since": since, "before": before, "after": before + rng.normal(0, 3, N), "income": income, "job": job})


def decided(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Whole seconds, a small difference of large balances, a gap and a category, each of which decides for some rows."""
    gain = frame["after"] - frame["before"]
    late = frame["since"] >= 1_600_050_000
    return np.where(late & (frame["job"] != "none"), gain > 0, frame["income"].isna() | (frame["income"] > 5)).astype(int)


class Recorded:
    """A model of frames that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[pd.DataFrame] = []

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        self.asked.append(frame.copy())
        yes = np.where(decided(frame) == 1, 0.9, 0.2)
        return np.column_stack([1 - yes, yes])


@pytest.fixture
def data() -> Dataset:
    frame = table()
    return Dataset(SCHEMA.encode(frame), decided(frame).astype(np.int64), SCHEMA, "accounts", member=np.arange(N) < 300)


@pytest.mark.parametrize("strategy", ["natural", "adaptive", "jacobian"])
def test_the_model_is_asked_rows_of_its_own_table_and_agreement_is_that_of_its_own_answers(data, strategy, monkeypatch):
    model, copies = Recorded(), []

    def kept(*given: Any) -> Any:
        copies.append(trained(*given))
        return copies[-1]

    trained = extraction.trained
    monkeypatch.setattr(extraction, "trained", kept)
    target = FunctionTarget(model.predict_proba, SCHEMA.classes, SCHEMA, "accounts", "frame")
    record = Extraction(query_budget=150, points=2, epochs=4, rows=200, strategy=strategy, copies="network")(target, data)
    order = np.random.default_rng(0).permutation(600)
    judge = data.unseen.take(order[:200])
    own = decided(judge.frame)
    assert record.result.metric("target_accuracy").value == (own == judge.y).mean()
    assert record.result.metric("fidelity").value == (copies[-1].labels(judge.x) == own).mean()
    assert "held-out rows" in record.result.summary
    asked = pd.concat(model.asked[1:], ignore_index=True)  # the first batch is the judge's
    assert asked.dtypes.to_dict() == table().dtypes.to_dict()
    again = SCHEMA.encode(asked)  # every row is valid
    assert np.isnan(again[:, 3]).any()
    if strategy != "jacobian":
        pool = {row.tobytes() for row in data.x}
        assert all(row.tobytes() in pool for row in again)


def test_a_thief_learns_from_whole_seconds_and_small_differences(data):
    """In float32 each of the seconds of a minute would be the same number, and no copy could be better than a constant."""
    late = FunctionTarget(lambda t: (t["since"].to_numpy() >= 1_600_050_000).astype(float), SCHEMA.classes, SCHEMA, "late", "frame")
    result = Extraction(query_budget=300, points=1, epochs=40, rows=300)(late, data).result
    assert result.metric("fidelity").value > 0.95


def test_judged_rows_that_the_thief_asked_too_are_counted(data):
    twice = data.take(np.r_[300:500, 300:500])
    target = FunctionTarget(Recorded().predict_proba, SCHEMA.classes, SCHEMA, "accounts", "frame")
    check = Extraction(query_budget=200, points=1, epochs=1, rows=200, copies="network")
    once = check(target, data).result
    assert not any("equal a row" in note for note in once.notes)
    order = np.random.default_rng(0).permutation(400)
    judge, own = (twice.take(rows).x for rows in (order[:200], order[200:]))
    same = sum(row.tobytes() in {r.tobytes() for r in own} for row in judge)
    assert any(note.startswith(f"But {same} of them") for note in check(target, twice).result.notes)


def test_nothing_is_called_held_out_where_nobody_knows(data):
    free = Dataset(data.x, data.y, SCHEMA, "accounts")
    target = FunctionTarget(Recorded().predict_proba, SCHEMA.classes, SCHEMA, "accounts", "frame")
    for check in (Extraction(query_budget=50, points=1, epochs=1, rows=50), Equations(rows=50)):
        result = check(target, free).result
        assert "held-out" not in result.model_dump_json()


def pipeline(frame: pd.DataFrame, y: np.ndarray[Any, Any]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    columns = ColumnTransformer(
        [("numbers", numbers, ["since", "before", "after", "income"]), ("text", OneHotEncoder(handle_unknown="ignore"), ["job"])]
    )
    return make_pipeline(columns, LogisticRegression(C=10)).fit(frame, np.array(SCHEMA.classes)[y])


def test_a_pipeline_that_fills_gaps_is_solved_for_and_agrees_with_its_own_predict(data):
    frame = table()
    y = (frame["income"].fillna(8) + 3 * (frame["job"] == "smith") > 6).to_numpy(int)
    model = pipeline(frame, y)
    target = open_target(model, data=Dataset(data.x, y, SCHEMA, "accounts"))
    assert (np.array(SCHEMA.classes)[target.labels(data.x)] == model.predict(frame)).all()
    result = Equations(rows=500, extra=2)(target, data).result
    assert result.metric("fidelity").value > 0.98, result.summary
    assert result.metric("fidelity").n == 500


def test_a_threshold_is_read_off_the_labels_beside_the_scores(data):
    frame = table()
    y = (frame["income"].fillna(8) + 3 * (frame["job"] == "smith") > 6).to_numpy(int)
    model = pipeline(frame, y)
    target = open_target(model, data=Dataset(data.x, y, SCHEMA, "accounts"), threshold=0.9)
    own = (model.predict_proba(frame)[:, list(model.classes_).index("good")] >= 0.9).astype(int)
    assert (target.labels(data.x) == own).all()
    result = Equations(rows=500, extra=2)(target, data).result
    assert result.metric("fidelity").value > 0.97, result.summary
    assert "class 'good' from 0.9 on" in result.notes[0]
    assert result.metric("queries").value <= Equations(extra=2).asked(SCHEMA) + 16


def test_a_copy_takes_over_the_threshold_of_the_target(data):
    scores = FunctionTarget(lambda t: np.clip(t["income"].fillna(0).to_numpy() / 9, 0, 1), SCHEMA.classes, SCHEMA, "by income", "frame")
    scores.decide(threshold(0.15, SCHEMA.classes, "good"))
    result = Extraction(query_budget=300, points=1, epochs=60, rows=300)(scores, data).result
    assert result.metric("fidelity").value > 0.93, result.summary
    assert "class 'good' from 0.15 on" in " ".join(result.notes)


def test_a_copy_that_always_says_the_same_stole_nothing(data):
    """One row in fifty is good; a constant agrees on 0.98 and is no theft."""
    rare = FunctionTarget(lambda t: (t["since"].to_numpy() % 50 == 7) * 0.9, SCHEMA.classes, SCHEMA, "rare", "frame")
    result = Extraction(query_budget=100, points=1, epochs=2, rows=300)(rare, data).result
    assert result.metric("fidelity").value > 0.9
    assert result.metric("balanced_fidelity").value < 0.7
    assert result.status is Status.INCOMPLETE


def test_drawn_rows_are_valid_in_the_tables_own_space():
    x = drawn(SCHEMA, 300, np.random.default_rng(0))
    assert x.dtype == np.float64
    np.testing.assert_array_equal(SCHEMA.encode(SCHEMA.decode(x)), x)
    assert (x[:, 0] != x[:, 0].astype(np.float32)).any()
    assert np.isnan(x[:, 3]).any()
    kept = SCHEMA.model_copy(update={"features": tuple(f.model_copy(update={"optional": False}) for f in SCHEMA.features)})
    assert not np.isnan(drawn(kept, 300, np.random.default_rng(0))).any()


def test_the_cut_is_where_the_labels_change():
    odds = np.array([-3.0, -1.0, 0.5, 2.0])
    assert cut(odds, np.array([0, 0, 1, 1])) == 0
    assert cut(odds, np.array([0, 1, 1, 1])) == -2
    assert cut(odds, np.array([0, 0, 0, 1])) == 1.25
    assert cut(odds, np.array([0, 0, 0, 0])) > 2
    assert cut(odds, np.array([1, 1, 1, 1])) == -3
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert (np.log(scores) + moved(scores, np.array([0, 1, 1]))).argmax(1).tolist() == [0, 1, 1]
    assert moved(np.eye(3), np.array([1, 2, 0])) is None
