"""Endpoints as targets, over a real server on loopback: formats, batches, retries, budget, cancel, and the key that stays where it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.evasion.square import Square
from tiltyard.privacy.membership_threshold import MembershipThreshold
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line
from tiltyard.targets.http.target import HttpTarget
from tiltyard.targets.opening import open_target
from tiltyard.theft.extraction import Extraction
from tiltyard.validation.performance import Performance

from .endpoint_of_shapes import PATHS, SCHEMA, Endpoint, Said, Serve, eaten, model, reply, shapes


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shapes()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("feeds", [None, "frame", "encoded"])
def test_every_format_gives_the_models_own_scores(serve: Serve, data: Dataset, path: str, feeds: Any) -> None:
    if feeds == "frame" and "v2" in path:
        pytest.skip("this model takes one tensor")
    target = open_target(serve(Endpoint()) + path, data=data, feeds=feeds)
    assert target.offers == {"labels", "scores", "url"}
    np.testing.assert_allclose(target.scores(data.x), model(eaten(data.x)), atol=1e-5)
    assert "It gives probabilities." in target.assumptions


@pytest.mark.parametrize("path", ["", "/v2/models/shapes/infer", "/invocations"])
def test_labels_alone_make_a_target_of_labels_alone(serve: Serve, data: Dataset, path: str) -> None:
    target = open_target(serve(Endpoint("label")) + path, data=data)
    assert target.offers == {"labels", "url"}
    np.testing.assert_array_equal(target.labels(data.x), data.y)
    assert Square(rows=5)(target, data).result.status is Status.NOT_APPLICABLE


def test_rounded_and_top_scores_still_sum_to_one(serve: Serve, data: Dataset) -> None:
    rounded = open_target(serve(Endpoint("rounded")), data=data)
    np.testing.assert_allclose(rounded.scores(data.x), model(eaten(data.x)), atol=0.02)
    top = open_target(serve(Endpoint("top2")), data=data)
    np.testing.assert_allclose(top.scores(data.x), model(eaten(data.x)), atol=1e-5)
    assert "spread evenly" in " ".join(top.assumptions)


def test_classes_in_another_order_are_put_in_the_schemas(serve: Serve, data: Dataset) -> None:
    schema = SCHEMA.model_copy(update={"classes": ("c", "a", "b")})
    for how in ("scores", "label", "top2"):
        target = open_target(serve(Endpoint(how)), schema=schema)
        np.testing.assert_array_equal(target.labels(data.x), (data.y + 1) % 3)


def test_every_black_box_check_runs_over_it_and_says_what_it_says_of_the_model_itself(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    far = open_target(serve(endpoint), data=data)
    near = FunctionTarget(model, SCHEMA.classes, SCHEMA)
    steps = [
        Performance(),
        Square(rows=10, query_budget=60),
        MembershipThreshold(),
        Extraction(query_budget=120, points=1, epochs=3, rows=100),
    ]
    for step in steps:
        before = endpoint.rows
        there, here = step(far, data), step(near, data)
        assert there.result.status in {Status.PASSED, Status.FINDING, Status.INCOMPLETE}, there.result.summary
        assert there.result.status is here.result.status, (there.result.summary, here.result.summary)
        for a, b in zip(there.result.metrics, here.result.metrics, strict=True):
            assert a.value == pytest.approx(b.value, abs=0.03), (step.id, a.name)
        assert there.queries == endpoint.rows - before == here.queries


def test_the_fingerprint_tells_addresses_and_outputs_apart_and_nothing_else(serve: Serve, data: Dataset) -> None:
    url, other = serve(Endpoint()), serve(Endpoint())
    first = open_target(url, data=data)
    assert open_target(url + "/v1/predict/", data=data, budget=50).fingerprint != ""
    assert open_target(url, data=data, budget=50).fingerprint == first.fingerprint
    assert open_target(other, data=data).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>login</html>", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"{}", "Tiltyard format"),
        (b'{"labels": ["a"]}', "Tiltyard format"),
        (b'{"labels": ["z","z","z","z","z","z","z","z"]}', "labels among a, b, c"),
        (b'{"scores": [[NaN,0,1]]}', "Tiltyard format"),
        (b'{"scores": [' + b",".join([b"[NaN,0,1]"] * 8) + b"]}", "finite"),
        (b'{"scores": [' + b",".join([b"[1,2]"] * 8) + b"]}", "3 scores a row"),
        (b'{"scores": [' + b",".join([b'{"z":1}'] * 8) + b"]}", "Tiltyard format"),
        (b"[]", "Tiltyard format"),
    ],
)
def test_answers_that_are_none_are_said_in_one_line(serve: Serve, data: Dataset, body: bytes, says: str) -> None:
    def answer(method: str, path: str, headers: Mapping[str, str], asked: bytes) -> Said:
        return reply({"classes": list("abc")}) if method == "GET" else (200, {}, body)

    with pytest.raises(Problem, match=says) as caught:
        open_target(serve(answer), data=data)
    assert "\n" not in str(caught.value)


def test_an_answer_without_end_is_cut(serve: Serve) -> None:
    url = serve(lambda *_: (200, {}, b"x" * 300_000))
    reply = Line(address_of(url), Key(""), largest=1000).send("GET", url)
    assert (len(reply.body), reply.cut) == (1000, True)


def test_an_endpoint_that_tells_its_features_needs_no_data(serve: Serve, data: Dataset) -> None:
    target = open_target(serve(Endpoint()))
    assert target.schema.features == SCHEMA.features
    np.testing.assert_allclose(target.scores(data.x), model(eaten(data.x)), atol=1e-5)
    with pytest.raises(Problem, match="a schema"):
        open_target(target.origin + "/invocations")


def test_it_is_an_http_target(serve: Serve, data: Dataset) -> None:
    target = open_target(serve(Endpoint()), data=data)
    assert isinstance(target, HttpTarget)
    assert target.identity.detail == "Tiltyard endpoint, 3 classes"
    assert target.name == "shapes"
    with pytest.raises(Problem, match=r"rows of shape \(2,\)"):
        open_target(target.origin, schema=SCHEMA.model_copy(update={"features": SCHEMA.features[:1]}))
