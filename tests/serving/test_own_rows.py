"""Rows over HTTP as the person's table has them: true and false, dates, gaps, large numbers; and the label that the model itself decides."""

import json
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.openapi import described
from tiltyard.serving.refusal import Refusal
from tiltyard.serving.rows import read_rows
from tiltyard.serving.server import Served
from tiltyard.serving.settings import Settings
from tiltyard.targets.decision import threshold
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.opening import open_target

DAY = 1_700_000_000
SCHEMA = Schema(
    features=(
        Feature(name="member", kind="categorical", categories=("False", "True"), written=(False, True), dtype="bool"),
        Feature(name="opened", kind="integer", low=DAY, high=DAY + 1000, unit="s", dtype="datetime64[s]"),
        Feature(name="balance", kind="continuous", low=4e8, high=6e8, dtype="float64"),
        Feature(name="income", kind="continuous", low=0, high=9, missing=True, dtype="float64"),
        Feature(name="grade", kind="categorical", categories=("(missing)", "1", "2"), written=((), 1.0, 2.0), dtype="float64"),
    ),
    label="y",
    classes=("bad", "good"),
)


def table(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "member": rng.random(n) < 0.5,
            "opened": pd.to_datetime(DAY + rng.integers(0, 1000, n), unit="s").astype("datetime64[s]"),
            "balance": 5e8 + rng.normal(0, 3, n),
            "income": np.where(rng.random(n) < 0.3, np.nan, rng.uniform(0, 9, n)),
            "grade": rng.choice([1.0, 2.0, np.nan], n),
        }
    )


def scored(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """A score of good to which each column gives a part that float32, or a lost gap, would change."""
    parts = (
        frame["member"].astype(float),
        (frame["opened"].dt.second % 2).astype(float),
        (frame["balance"] > 5e8).astype(float),
        frame["income"].isna().astype(float),
        frame["grade"].isna().astype(float),
    )
    return sum(parts) / 6 + 0.05  # type: ignore[operator, no-any-return]


@pytest.fixture
def target() -> FunctionTarget:
    made = FunctionTarget(scored, SCHEMA.classes, SCHEMA, "accounts", "frame")
    made.decide(threshold(0.3, SCHEMA.classes, "good"))
    return made


def written(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a client in another language would write them."""
    rows = frame.assign(opened=frame["opened"].map(lambda t: t.isoformat())).to_dict("records")
    return [{k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()} for row in rows]


def test_a_persons_rows_come_through_json_as_they_are():
    frame = table()
    rows = json.loads(json.dumps(written(frame)))
    pd.testing.assert_frame_equal(SCHEMA.decode(read_rows(rows, SCHEMA)), frame)
    numbers = encoding_of(SCHEMA).encode(SCHEMA.encode(frame), np.float64)
    lists = [[None if np.isnan(v) else v for v in row] for row in numbers.tolist()]
    pd.testing.assert_frame_equal(SCHEMA.decode(read_rows(json.loads(json.dumps(lists)), SCHEMA)), frame)


def test_dates_with_a_zone_and_numbers_for_dates_are_the_same_moment():
    row = written(table(1))[0]
    for moment in ("2023-11-14T22:13:20", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20Z", DAY):
        assert read_rows([{**row, "opened": moment}], SCHEMA)[0, 1] == DAY


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("opened", "soon", "'soon'"),
        ("opened", None, "null"),
        ("opened", "1990-01-01", ""),
        ("income", "much", "text"),
        ("balance", None, "null"),
        ("member", "perhaps", "'perhaps'"),
        ("grade", 3, "'3'"),
        ("grade", True, "truth"),
    ],
)
def test_what_is_no_value_of_the_column_is_refused_with_it(column, value, found):
    row = written(table(1))[0]
    with pytest.raises(Refusal) as caught:
        read_rows([row, {**row, column: value}], SCHEMA)
    assert (caught.value.row, caught.value.column) == (1, column)
    assert found in caught.value.problem.found


def test_the_endpoint_answers_with_the_decision_and_says_its_rule(target):
    frame, keys = table(), KeyStore()
    secret = keys.new("me").secret
    own = np.where(scored(frame) >= 0.3, "good", "bad")
    with Served(target, Settings.model_validate({"port": 0, "output": {"kind": "scores"}}), keys) as served:
        client = httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}, timeout=60)
        facts = client.get("/v1/model").json()
        answer = client.post("/v1/predict", json={"instances": written(frame)}).json()
        far = open_target(served.url, key=secret, data=Dataset(SCHEMA.encode(frame), np.zeros(len(frame), np.int64), SCHEMA))
        blind = open_target(served.url, key=secret)
        document = client.get("/openapi.json").json()
        client.close()
        labels, scores = far.labels(SCHEMA.encode(frame)), far.scores(SCHEMA.encode(frame))
    assert facts["decision"] == "class 'good' from 0.3 on"
    assert answer["labels"] == own.tolist()
    assert np.array(answer["scores"])[:, 1].tolist() == scored(frame).tolist()
    assert (np.array(SCHEMA.classes)[labels] == own).all()
    assert (scores.argmax(1) != labels).any()
    assert scores[:, 1].tolist() == pytest.approx(scored(frame).tolist(), abs=1e-15)
    assert far.rule == "the label that the endpoint gives, which it says is class 'good' from 0.3 on"
    assert far.decision is None
    assert blind.schema.features == SCHEMA.features
    cells = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    row = cells["properties"]["instances"]["anyOf"][1]["items"]["properties"]
    assert row["member"]["enum"] == ["False", "True", False, True]
    assert row["income"]["type"] == ["number", "null"]
    assert row["opened"]["format"] == "date-time"
    assert None in row["grade"]["enum"]


def test_the_example_of_the_document_is_a_row_it_takes():
    from tiltyard.targets.http.forming import Former

    document = described(SCHEMA, Settings())
    question = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    row = question["properties"]["instances"]["anyOf"][1]["items"]
    assert read_rows([Former(document).value(row)], SCHEMA).shape == (1, 5)
