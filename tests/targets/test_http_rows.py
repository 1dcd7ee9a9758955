"""What goes over HTTP: float64 with all its digits, gaps as null, dates in ISO 8601; labels by value, as the endpoint's own decision."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.targets.decision import LargestScore
from tiltyard.targets.opening import open_target

from .endpoint_of_shapes import Said, Serve, reply

N = 60
WIRES = ["", "/v2/models/m/infer", "/invocations"]


def data(classes: tuple[str, ...] = ("bad", "good")) -> Dataset:
    schema = Schema(
        features=(
            Feature(name="opened", kind="integer", low=0, high=2e9, unit="s", dtype="datetime64[s]"),
            Feature(name="balance", kind="continuous", low=4e8, high=6e8, dtype="float64"),
            Feature(name="income", kind="continuous", low=0, high=9, missing=True, dtype="float64"),
            Feature(name="member", kind="categorical", categories=("False", "True"), written=(False, True), dtype="bool"),
        ),
        label="y",
        classes=classes,
    )
    rng = np.random.default_rng(0)
    income = np.where(rng.random(N) < 0.4, np.nan, rng.uniform(0, 9, N))
    x = np.column_stack([rng.integers(1_700_000_000, 1_700_000_100, N), 5e8 + rng.normal(0, 1, N), income, rng.integers(0, 2, N)])
    return Dataset(x.astype(np.float64), (x[:, 1] > 5e8).astype(np.int64), schema, "accounts")


class Heard:
    """An endpoint of each format that decides by the balance alone, keeps the rows it heard, and answers as ``answer`` says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.rows: list[dict[str, Any]] = []

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if method == "GET":
            return reply({"classes": ["bad", "good"]} if path == "/v1/model" else {"name": "m", "inputs": []})
        rows = self.read(json.loads(body, parse_constant=pytest.fail))
        self.rows += rows
        return reply(self.answer(np.array([row["balance"] > 5e8 for row in rows])))

    def read(self, given: Any) -> list[dict[str, Any]]:
        if "dataframe_split" in given:
            return [dict(zip(given["dataframe_split"]["columns"], row, strict=True)) for row in given["dataframe_split"]["data"]]
        if "instances" in given:
            return list(given["instances"])
        assert {one["name"]: one["datatype"] for one in given["inputs"]} == {
            "opened": "BYTES",
            "balance": "FP64",
            "income": "FP64",
            "member": "BOOL",
        }
        return [
            dict(zip((one["name"] for one in given["inputs"]), row, strict=True))
            for row in zip(*(i["data"] for i in given["inputs"]), strict=True)
        ]


def tensors(**outputs: tuple[str, Any]) -> dict[str, Any]:
    """A KServe answer."""
    return {
        "outputs": [
            {"name": name, "datatype": kind, "shape": list(np.shape(values)), "data": np.ravel(values).tolist()}
            for name, (kind, values) in outputs.items()
        ]
    }


def scores(good: np.ndarray) -> np.ndarray:
    """Below a half for all: what the largest score says is not what is decided."""
    return np.column_stack([1 - 0.4 * good, 0.4 * good])


def both(path: str) -> Any:
    """Labels and scores that disagree."""
    if "v2" in path:
        return lambda good: tensors(label=("BYTES", np.where(good, "good", "bad")), p=("FP64", scores(good)))
    return lambda good: {"labels": np.where(good, "good", "bad").tolist(), "scores": scores(good).tolist()}


@pytest.mark.parametrize("path", WIRES[:2])
def test_a_label_that_is_given_is_the_decision_and_scores_only_rank(serve: Serve, path: str) -> None:
    rows, heard = data(), Heard(both(path))
    target = open_target(serve(heard) + path, data=rows, feeds="frame")
    assert target.decision is None
    assert target.rule == "the label that the endpoint gives"
    before = target.queries
    found = target.predictions(rows.x)
    assert target.queries - before == N  # asked once for both
    assert found.labels.tolist() == rows.y.tolist() == target.labels(rows.x).tolist()
    assert (found.scores.argmax(1) == 0).all()


@pytest.mark.parametrize("path", WIRES)
def test_rows_arrive_with_all_their_digits_gaps_as_null_and_dates_as_dates(serve: Serve, path: str) -> None:
    rows = data()
    heard = Heard(both(path) if path != "/invocations" else lambda good: {"predictions": np.where(good, "good", "bad").tolist()})
    target = open_target(serve(heard) + path, data=rows, feeds="frame")
    heard.rows.clear()
    assert target.labels(rows.x).tolist() == rows.y.tolist()
    frame, got = rows.frame, pd.DataFrame(heard.rows)
    assert got["balance"].tolist() == frame["balance"].tolist()
    assert [v is None or np.isnan(v) for v in got["income"]] == frame["income"].isna().tolist()
    assert [pd.Timestamp(v) for v in got["opened"]] == frame["opened"].tolist()
    assert [v is True or v == "True" for v in got["member"]] == frame["member"].tolist()


def test_encoded_numbers_arrive_in_float64_too(serve: Serve) -> None:
    rows, lists = data(), []

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if method == "GET":
            return reply({"classes": ["bad", "good"], "input_shape": [5]})
        given = json.loads(body, parse_constant=pytest.fail)["instances"]
        lists.extend(given)
        return reply({"labels": ["good" if row[1] > 5e8 else "bad" for row in given]})

    target = open_target(serve(answer), data=rows, feeds="encoded")
    lists.clear()
    assert target.labels(rows.x).tolist() == rows.y.tolist()
    assert [row[1] for row in lists] == rows.x[:, 1].tolist()
    assert [row[2] is None for row in lists] == np.isnan(rows.x[:, 2]).tolist()


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (("0", "1"), [0, 1]),
        (("0", "1"), [0.0, 1.0]),
        (("0", "1"), [False, True]),
        (("-1", "1"), [-1.0, 1.0]),
        (("False", "True"), [0, 1]),
        (("1", "2"), [1.0, 2.0]),
        (("good", "bad"), ["bad", "good"]),
    ],
)
def test_labels_of_any_type_are_found_by_value(serve: Serve, classes: tuple[str, ...], labels: list[Any]) -> None:
    rows = data(classes)
    heard = Heard(lambda good: {"predictions": [labels[int(g)] for g in good]})
    target = open_target(serve(heard) + "/invocations", data=rows, outputs=None)
    if target.outputs == "labels":  # 0.0 and 1.0 of two classes may be a probability, which says the same
        assert target.offers == {"labels", "url"}
    wanted = [str(labels[int(y)]).removesuffix(".0") for y in rows.y]
    named = [classes[i] for i in target.labels(rows.x)]
    assert named == wanted or [{"0": "False", "1": "True", "False": "0", "True": "1"}[w] for w in wanted] == named


def test_labels_of_other_names_are_refused_and_places_count_only_where_their_order_was_said(serve: Serve) -> None:
    rows = data()
    for labels in ([0, 1], ["no", "yes"]):
        heard = Heard(lambda good, labels=labels: {"predictions": [labels[int(g)] for g in good]})
        with pytest.raises(Problem, match="labels among bad, good"):
            open_target(serve(heard) + "/invocations", data=rows)
    heard = Heard(lambda good: {"predictions": good.astype(int).tolist()})
    target = open_target(serve(heard) + "/invocations", data=rows, classes=("bad", "good"))
    assert target.labels(rows.x).tolist() == rows.y.tolist()
    turned = Heard(lambda good: {"predictions": (~good).astype(int).tolist()})
    target = open_target(serve(turned) + "/invocations", data=rows, classes=("good", "bad"))
    assert target.labels(rows.x).tolist() == rows.y.tolist()


def test_scores_alone_are_decided_by_the_largest_and_a_threshold_can_be_put_on_them(serve: Serve) -> None:
    rows = data()
    heard = Heard(lambda good: {"predictions": scores(good).tolist()})
    url = serve(heard) + "/invocations"
    plain = open_target(url, data=rows)
    assert isinstance(plain.decision, LargestScore)
    assert any("largest score counts" in note for note in plain.assumptions)
    assert any("scores are taken to be those of bad, good" in note for note in plain.assumptions)
    assert (plain.labels(rows.x) == 0).all()
    strict = open_target(url, data=rows, threshold=0.3)
    assert strict.rule == "class 'good' from 0.3 on"
    assert strict.labels(rows.x).tolist() == rows.y.tolist()


def test_classes_that_are_others_are_refused(serve: Serve) -> None:
    with pytest.raises(Problem, match="red"):
        open_target(serve(Heard(both(""))), data=data(("red", "blue")))
