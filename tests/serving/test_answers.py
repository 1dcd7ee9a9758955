"""What the endpoint says: the contract a client is written against, and the words of a refusal."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.serving.rows import read_rows
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.validation.guard import FittedGuard

from .conftest import GOOD, PERSON, SCHEMA, Asked, linear, softmax, until

Serve = Callable[..., Any]


def test_numbers_and_a_persons_row_get_the_same_answer(serving: Serve) -> None:
    asked = serving(output={"kind": "scores"})
    scores = softmax(np.array([GOOD], np.float32))
    for row in (GOOD, PERSON):
        answer = asked.predict(row, row).json()
        assert answer["classes"] == [int(scores.argmax())] * 2 and answer["labels"] == [SCHEMA.classes[int(scores.argmax())]] * 2
        assert np.allclose(answer["scores"], np.repeat(scores, 2, 0), atol=1e-7)


@pytest.mark.parametrize(
    ("output", "scores"),
    [
        ({"kind": "label"}, None),
        ({"kind": "rounded", "digits": 1}, [[0.5, 0.3, 0.2]]),
        ({"kind": "rounded", "digits": 0}, [[1.0, 0.0, 0.0]]),
        ({"kind": "top-k", "top": 2, "digits": 3}, [{"no": 0.501, "maybe": 0.299}]),
        ({"kind": "top-k", "top": 9, "digits": 1}, [{"no": 0.5, "maybe": 0.3, "yes": 0.2}]),
        ({"kind": "scores"}, [[0.501, 0.299, 0.2]]),
    ],
)
def test_the_policy_decides_what_is_said(serving: Serve, output: Any, scores: Any) -> None:
    known = np.array([[0.501, 0.299, 0.2]], np.float32)
    answer = serving(linear(lambda x: np.repeat(known, len(x), 0)), output=output).predict(GOOD).json()
    assert (answer["classes"], answer["labels"]) == ([0], ["no"])
    found = answer.get("scores")
    assert found == (scores if output["kind"] != "scores" else [[pytest.approx(v) for v in scores[0]]])


def test_the_safe_choice_is_rounded_to_two_digits(asked: Any) -> None:
    answer = asked.predict(GOOD).json()
    assert all(round(v, 2) == v for v in answer["scores"][0])


def test_the_model_tells_what_a_client_needs_and_no_more(serving: Serve) -> None:
    facts = serving(name="the model", rate={"budget": 50, "requests": "7/minute"}).client.get("/v1/model").json()
    assert (facts["name"], facts["classes"], facts["input_shape"]) == ("the model", list(SCHEMA.classes), [7])
    assert facts["columns"] == ["age", "income", "color", "left", "right"]
    assert facts["policy"] == {"kind": "rounded", "digits": 2}
    assert facts["limits"]["budget"] == 50 and facts["limits"]["requests_rate"] == "7/minute"
    assert not {"fingerprint", "mutable", "assumed", "origin"} & set(json.dumps(facts).replace('"', " ").split())


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ([200.0, *GOOD[1:]], "age", "200"),
        ([30.5, *GOOD[1:]], "age", "30.5"),
        ([30, -1, *GOOD[2:]], "income", "-1"),
        ([*GOOD[:2], 1, 1, 0, 0, 1], "color", "2"),
        ([*GOOD[:2], 0, 0, 0, 0, 1], "color", "0"),
        ([*GOOD[:5], 0.5, 0.5], "side", "1"),
        (["30", *GOOD[1:]], "age", "text"),
        ([None, *GOOD[1:]], "age", "null"),
        ([True, *GOOD[1:]], "age", "truth"),
        ([{}, *GOOD[1:]], "age", "object"),
        ([10**400, *GOOD[1:]], "age", "inf"),
        (GOOD[:6], None, "[6]"),
        ([GOOD], None, "[1, 7]"),
        ({**PERSON, "age": 16}, "age", "16"),
        ({**PERSON, "color": "blue"}, "color", "'blue'"),
        ({**PERSON, "left": 1}, "side", "[1.0, 1.0]"),
        ({**PERSON, "age": "30"}, "age", "text"),
        ({**PERSON, "color": ["red"]}, "color", "list"),
        ({**PERSON, "age": None}, "age", "null"),
        ({**PERSON, "age": 10**30}, "age", "2^53"),
        ({k: v for k, v in PERSON.items() if k != "age"}, "age", "none"),
        ({**PERSON, "shoe": 44}, "shoe", "'shoe'"),
    ],
)
def test_a_bad_row_is_named_with_its_column(asked: Any, row: Any, column: str | None, found: str) -> None:
    good = PERSON if isinstance(row, dict) else GOOD
    refused = asked.predict(good, row)
    error = refused.json()["error"]
    assert refused.status_code == 422 and {"expected", "found", "do"} <= set(error)
    assert error.get("column") == column and error["row"] == 1 and found in error["found"]


@pytest.mark.parametrize(
    "body", [[], {}, {"instances": []}, {"instances": 3}, {"rows": [GOOD]}, {"instances": [GOOD], "x": 1}, "text", True]
)
def test_another_body_is_refused(asked: Any, body: Any) -> None:
    assert asked.client.post("/v1/predict", json=body).status_code == 422


def test_forms_do_not_mix(asked: Any) -> None:
    said = asked.predict(GOOD, PERSON).json()["error"]
    assert "a list, an object" in said["found"] or "a list, another object" in said["found"]


def test_the_first_bad_row_of_many_is_found_by_halving() -> None:
    from tiltyard.serving.refusal import Refusal

    rows: list[Any] = [dict(PERSON) for _ in range(100)]
    rows[57]["color"] = rows[91]["color"] = "blue"
    with pytest.raises(Refusal) as caught:
        read_rows(rows, SCHEMA)
    assert (caught.value.row, caught.value.column) == (57, "color")


def test_pictures_are_nested_lists(serving: Serve) -> None:
    picture = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 2, 2)),), label="y", classes=("a", "b"))
    target = FunctionTarget(lambda x: np.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1), ("a", "b"), picture, fingerprint="1" * 64)
    asked = serving(target, output={"kind": "rounded", "digits": 2})
    assert asked.predict([[[1, 1], [1, 0]]]).json()["scores"] == [[0.75, 0.25]]
    bad = asked.predict([[[1, 1], [1, 2]]]).json()["error"]
    assert bad["column"] == "image[3]"
    for ragged in ([[[1, 1], [1]]], [[1, 1, 1, 1]], [[[1, 1], 1]], [[[[1], 1], [1, 1]]], [], {"image": 1}):
        assert asked.predict(ragged).status_code == 422


def test_an_exported_guard_refuses_a_strange_row(serving: Serve, tmp_path: Any) -> None:
    near = np.repeat(np.array([GOOD], np.float32), 20, 0)
    scale = np.maximum(0.1 * (encoding_of(SCHEMA).high - encoding_of(SCHEMA).low), 1e-6)
    guard = FittedGuard(SCHEMA, near.mean(0), scale, (near - near.mean(0)) / scale, 2, 1.0, 0.01)
    guard.save(tmp_path / "guard.safetensors")
    asked = serving(guard=str(tmp_path / "guard.safetensors"))
    assert asked.predict(GOOD).status_code == 200
    refused = asked.predict(GOOD, [90.0, 1000.0, *GOOD[2:]])
    assert refused.status_code == 422 and refused.json()["error"]["row"] == 1


def test_nothing_of_a_broken_model_is_told(serving: Serve, capfd: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError(f"secret weights 4711 at {x.tolist()}")

    asked = serving(linear(broken), log=str(tmp_path / "log.jsonl"))
    answer = asked.predict(GOOD)
    assert answer.status_code == 500
    until(lambda: "RuntimeError" in (tmp_path / "log.jsonl").read_text())
    text = answer.text + (tmp_path / "log.jsonl").read_text() + "".join(capfd.readouterr())
    assert "4711" not in text and "12.5" not in text and "Traceback" not in text and "linear" not in answer.text
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert line["error"].startswith("RuntimeError at test_answers.py") and line["id"] in answer.json()["error"]["do"]
    nan = serving(linear(lambda x: np.full((len(x), 3), np.nan, np.float32))).predict(GOOD)
    assert nan.status_code == 500 and "linear" not in nan.text


def test_a_slow_model_is_given_up_and_asked_again(serving: Serve) -> None:
    import threading

    let_go = threading.Event()

    def slow(x: Any) -> Any:
        if x[0, 0] == 90:
            let_go.wait(60)
        return softmax(x)

    asked = serving(linear(slow), limits={"seconds": 0.2})
    late = asked.predict([90.0, *GOOD[1:]])
    let_go.set()
    assert late.status_code == 503 and int(late.headers["retry-after"]) >= 1
    patient = serving(linear(slow))
    assert patient.predict(GOOD).status_code == 200


def test_headers_of_every_answer(asked: Any) -> None:
    for answer in (
        asked.predict(GOOD),
        asked.client.get("/nothing"),
        asked.client.get("/healthz"),
        httpx.get(asked.served.url + "/v1/model"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not {"server", "x-powered-by", "access-control-allow-origin", "date"} & set(answer.headers)
        assert "strict-transport-security" not in answer.headers


def test_health_is_open_and_says_nothing(asked: Any) -> None:
    assert httpx.get(asked.served.url + "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/predict", 405),
        ("DELETE", "/healthz", 405),
        ("GET", "/docs", 404),
        ("TRACE", "/healthz", 405),
        ("OPTIONS", "/v1/predict", 405),
        ("GET", "/v1/predict/", 404),
    ],
)
def test_other_paths_and_methods(asked: Any, method: str, path: str, status: int) -> None:
    answer = asked.client.request(method, path)
    assert answer.status_code == status and set(answer.json()["error"]) == {"expected", "found", "do"}


def test_openapi_is_exact_and_needs_a_key(asked: Any) -> None:
    from jsonschema import Draft202012Validator

    assert httpx.get(asked.served.url + "/openapi.json").status_code == 401
    told = asked.client.get("/openapi.json").json()
    body = told["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    check = Draft202012Validator(body)
    assert check.is_valid({"instances": [GOOD]}) and check.is_valid({"instances": [PERSON]})
    assert not check.is_valid({"instances": [{**PERSON, "age": 200}]}) and not check.is_valid({"instances": []})
    answer = told["paths"]["/v1/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(answer).validate(asked.predict(GOOD).json())


def test_observers_see_each_answer_and_stop_nobody(serving: Serve) -> None:
    seen: list[tuple[int, int, list[int], str]] = []

    def watch(x: Any, scores: Any, labels: Any, key: str, request: str) -> None:
        seen.append((len(x), scores.shape[1], labels.tolist(), key))

    def bad(x: Any, scores: Any, labels: Any, key: str, request: str) -> None:
        raise RuntimeError("observer")

    asked = serving(None, (bad, watch))
    answer = asked.predict(GOOD, GOOD).json()
    assert asked.predict([200.0, *GOOD[1:]]).status_code == 422
    asked.served.guarded.settle()
    assert seen == [(2, 3, answer["classes"], asked.keys.all()[0].id)]


def test_true_is_no_number_in_any_cell(asked: Asked) -> None:
    bad: list[Any] = [[*GOOD[:i], True, *GOOD[i + 1 :]] for i in range(len(GOOD))] + [{**PERSON, name: True} for name in PERSON]
    answers: list[httpx.Response] = [asked.predict(row) for row in bad]
    assert [a.status_code for a in answers] == [422] * len(bad)
    assert all("a truth value" in a.json()["error"]["found"] for a in answers)
