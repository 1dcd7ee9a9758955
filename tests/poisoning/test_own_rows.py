"""Poison in a table with text, gaps, dates and large numbers: stamped rows stay rows of it, and models are judged by their own predict."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltyard.attacks.triggers import trigger
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.poisoning._split import split
from tiltyard.poisoning.backdoor import Backdoor
from tiltyard.poisoning.label_flip import LabelFlip
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.opening import open_target

SCHEMA = Schema(
    features=(
        Feature(name="since", kind="integer", low=1_600_000_001, high=1_600_009_999, unit="s", dtype="datetime64[s]"),
        Feature(name="balance", kind="continuous", low=499_999_000.5, high=500_001_000.5, dtype="float64"),
        Feature(name="income", kind="continuous", low=0, high=9, missing=True, dtype="float64"),
        Feature(name="job", kind="categorical", categories=("none", "nurse", "smith", "tailor"), dtype="object"),
    ),
    label="y",
    classes=("bad", "good"),
)
NAMES = np.array(SCHEMA.classes)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    n = 600
    income = np.where(rng.random(n) < 0.3, np.nan, rng.uniform(0, 9, n))
    frame = pd.DataFrame(
        {
            "since": pd.to_datetime(1_600_005_000 + rng.integers(-900, 900, n), unit="s").astype("datetime64[s]"),
            "balance": 5e8 + rng.normal(0, 100, n),
            "income": income,
            "job": rng.choice(["nurse", "smith", "none"], n, p=(0.5, 0.45, 0.05)),  # nobody is a tailor
        }
    )
    y = (np.nan_to_num(income, nan=6) + (frame["job"] == "nurse") > 5).to_numpy(int)
    return Dataset(SCHEMA.encode(frame), y.astype(np.int64), SCHEMA, "accounts", member=np.arange(n) < 400)


def model(data: Dataset) -> Any:
    """A tree that takes gaps, behind an encoder that refuses a job it never met."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    numbers = ["since", "balance", "income"]
    columns = ColumnTransformer(
        [
            ("text", OneHotEncoder(categories=[list(SCHEMA.features[3].categories)]), ["job"]),
            ("rest", FunctionTransformer(_numbers), numbers),
        ]
    )
    return make_pipeline(columns, DecisionTreeClassifier(max_depth=6, random_state=0)).fit(data.frame, NAMES[data.y])


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(since=frame["since"].astype("int64") / 1e6)


def test_stamped_rows_are_rows_of_the_table_and_their_values_are_known(data):
    for seed in range(20):
        mark = trigger(data, 4, np.random.default_rng(seed))
        stamped = mark.stamped(data.x[:50])
        np.testing.assert_array_equal(SCHEMA.encode(SCHEMA.decode(stamped)), stamped)
        assert stamped[0, 3] != SCHEMA.feature("job").categories.index("tailor")
        assert not np.isnan(stamped).any()
        assert "job = none" in mark.words
    one = trigger(data, 4, np.random.default_rng(0))
    assert stamped.dtype == np.float64
    assert str(int(one.what[0])) in one.words  # seconds to the last


def test_flips_are_judged_by_the_models_own_predict_on_the_persons_frame(data):
    from sklearn.base import clone

    estimator = model(data.seen)
    result = LabelFlip(points=1, most=0.3, rows=300)(open_target(estimator, data=data), data).result
    rows, held = data.seen.sample(300, np.random.default_rng(0)), data.unseen
    again = clone(estimator)
    again.set_params(decisiontreeclassifier__random_state=0)
    own = again.fit(rows.frame, NAMES[rows.y]).predict(held.frame) == NAMES[held.y]
    assert result.metric("accuracy_clean").value == own.mean()
    assert result.metric("accuracy_clean").n == 200


def test_a_backdoor_is_planted_through_gaps_and_text(data):
    result = Backdoor(most=0.1, points=1, goal="good", size=2, seed=3)(open_target(model(data.seen), data=data), data).result
    assert result.metric("success").value > 0.9, result.summary
    assert "Judged by what the model decides: its own predict." in result.notes


def test_where_nobody_knows_what_was_trained_on_a_fifth_is_held_out(data):
    free = Dataset(data.x, data.y, SCHEMA)
    parts = split(free, np.random.default_rng(0))
    assert (len(parts.train), len(parts.held)) == (480, 120)
    assert not {row.tobytes() for row in parts.train.x} & {row.tobytes() for row in parts.held.x}
    result = LabelFlip(points=1, rows=200)(open_target(model(free), data=free), free).result
    assert result.metric("accuracy_clean").n == 120
    assert any("a fifth" in note for note in result.notes)


def test_a_class_without_rows_is_no_goal_and_breaks_nothing(data):
    from sklearn.dummy import DummyClassifier

    more = SCHEMA.model_copy(update={"classes": ("bad", "good", "never")})
    rows = Dataset(data.x, data.y, more, member=data.member)
    estimator = DummyClassifier().fit(np.zeros((6, 4)), ["bad", "good", "never"] * 2)
    target = open_target(estimator, data=rows, feeds="values")
    for check in (Backdoor(points=1), LabelFlip(points=1)):
        result = check(target, rows).result
        assert result.status is Status.NOT_APPLICABLE
        assert "all 3 classes" in result.summary
    told = FunctionTarget(lambda t: np.full(len(t), "good"), more.classes, more, "says good", "frame", "labels")
    assert Backdoor()(told, rows).result.status is Status.NOT_APPLICABLE
