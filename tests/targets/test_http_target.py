"""Endpoints as targets, over a real server on loopback: formats, batches, retries, budget, cancel, and the key that stays where it is."""

import copy
import json
import logging
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Feature, Schema
from tiltyard.errors import Cancelled, Problem
from tiltyard.evasion.square import Square
from tiltyard.privacy.membership_threshold import MembershipThreshold
from tiltyard.progress import Progress, attended
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line, Unreached
from tiltyard.targets.http.target import HttpTarget
from tiltyard.targets.opening import open_target
from tiltyard.targets.query_budget import BudgetSpent
from tiltyard.theft.extraction import Extraction
from tiltyard.validation.performance import Performance

Said = tuple[int, Mapping[str, str], bytes]
KEY = "ty_0123456789abcdef0123456789abcdef"
SCHEMA = Schema(
    features=(
        Feature(name="size", kind="continuous", low=-4, high=4),
        Feature(name="color", kind="categorical", categories=("red", "blue")),
    ),
    label="kind",
    classes=("a", "b", "c"),
)
WEIGHTS = np.array([[2.0, -1.0, -1.0], [0.5, 0.0, 0.2], [0.0, 0.9, -0.1]])


def model(x: np.ndarray) -> np.ndarray:
    logits = np.exp(np.asarray(x, np.float64) @ WEIGHTS)
    return logits / logits.sum(1, keepdims=True)


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    n = 900
    x = np.column_stack([rng.uniform(-4, 4, n), np.eye(2)[rng.integers(0, 2, n)]]).astype(np.float32)
    return Dataset(x, model(x).argmax(1).astype(np.int64), SCHEMA, "shapes", member=np.arange(n) < n // 2)


def told(value: Any, status: int = 200, **headers: str) -> Said:
    return status, {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}, json.dumps(value).encode()


class Endpoint:
    """The model behind each of the three formats; counts the rows it answered and what it was asked."""

    def __init__(self, scores: str = "scores", limit: int = 10**9, key: str = "") -> None:
        self.scores, self.limit, self.key = scores, limit, key
        self.rows = 0
        self.asked: list[tuple[str, Mapping[str, str], int]] = []
        self.refuse: list[Said] = []
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return told({"error": {"expected": "a key", "found": f"{headers.get('authorization')}", "do": "Give one"}}, 401)
        if method == "GET":
            return self.about(path)
        given = json.loads(body)
        x = self.read(given)
        with self.lock:
            self.asked.append((path, headers, len(x)))
            if self.refuse:
                return self.refuse.pop(0)
            if len(x) > self.limit:
                return told({"error": {"expected": f"at most {self.limit} rows", "found": f"{len(x)}", "do": "Ask for fewer"}}, 413)
            self.rows += len(x)
        return told(self.answer(path, model(x)))

    def about(self, path: str) -> Said:
        if path == "/v1/model":
            features = [f.model_dump(mode="json") for f in SCHEMA.features]
            limits = {"rows": min(self.limit, 10**6)}
            return told(
                {
                    "name": "shapes",
                    "classes": list("abc"),
                    "input_shape": [3],
                    "columns": ["size", "color"],
                    "features": features,
                    "limits": limits,
                }
            )
        if path == "/v2/models/shapes":
            return told({"name": "shapes", "versions": ["7"], "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]})
        return told({"error": "no such page"}, 404)

    def read(self, given: Any) -> np.ndarray:
        if "dataframe_split" in given:
            rows = [dict(zip(given["dataframe_split"]["columns"], row, strict=True)) for row in given["dataframe_split"]["data"]]
        elif given.get("instances") and isinstance(given["instances"][0], dict):
            rows = given["instances"]
        elif isinstance(given["inputs"] if "inputs" in given else given["instances"], list) and "instances" in given:
            return np.array(given["instances"])
        else:
            tensor = given["inputs"][0]
            return np.array(tensor["data"]).reshape(tensor["shape"]) if isinstance(tensor, dict) else np.array(given["inputs"])
        return np.array([[row["size"], row["color"] == "red", row["color"] == "blue"] for row in rows], float)

    def answer(self, path: str, p: np.ndarray) -> Any:
        names = [str("abc"[i]) for i in p.argmax(1)]
        if path.endswith("/infer"):
            label = {"name": "label", "datatype": "BYTES", "shape": [len(p)], "data": names}
            scores = {"name": "p", "datatype": "FP32", "shape": list(p.shape), "data": p.ravel().tolist()}
            return {"outputs": [label, scores] if self.scores == "scores" else [label]}
        if path.endswith("/invocations"):
            return {"predictions": p.tolist() if self.scores == "scores" else names}
        if self.scores == "label":
            return {"classes": list("abc"), "labels": names}
        if self.scores == "top2":
            top = [{str("abc"[i]): float(row[i]) for i in np.argsort(-row)[:2]} for row in p]
            return {"classes": list("abc"), "labels": names, "scores": top}
        return {"classes": list("abc"), "labels": names, "scores": p.round(2 if self.scores == "rounded" else 9).tolist()}


Serve = Callable[[Any], str]
PATHS = ["", "/v1/predict", "/v2/models/shapes/infer", "/v2/models/shapes", "/invocations"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("feeds", [None, "frame", "encoded"])
def test_every_format_gives_the_models_own_scores(serve: Serve, data: Dataset, path: str, feeds: Any) -> None:
    if feeds == "frame" and "v2" in path:
        pytest.skip("this model takes one tensor")
    target = open_target(serve(Endpoint()) + path, data=data, feeds=feeds)
    assert target.offers == {"labels", "scores", "url"}
    np.testing.assert_allclose(target.scores(data.x), model(data.x), atol=1e-5)
    assert "It gives probabilities." in target.assumptions


@pytest.mark.parametrize("path", ["", "/v2/models/shapes/infer", "/invocations"])
def test_labels_alone_make_a_target_of_labels_alone(serve: Serve, data: Dataset, path: str) -> None:
    target = open_target(serve(Endpoint("label")) + path, data=data)
    assert target.offers == {"labels", "url"}
    np.testing.assert_array_equal(target.labels(data.x), data.y)
    assert Square(rows=5)(target, data).result.status is Status.NOT_APPLICABLE


def test_rounded_and_top_scores_still_sum_to_one(serve: Serve, data: Dataset) -> None:
    rounded = open_target(serve(Endpoint("rounded")), data=data)
    np.testing.assert_allclose(rounded.scores(data.x), model(data.x), atol=0.02)
    top = open_target(serve(Endpoint("top2")), data=data)
    np.testing.assert_allclose(top.scores(data.x), model(data.x), atol=1e-5)
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
        assert there.result.status in {Status.PASSED, Status.FINDING}, there.result.summary
        for a, b in zip(there.result.metrics, here.result.metrics, strict=True):
            assert a.value == pytest.approx(b.value, abs=0.03), (step.id, a.name)
        assert there.queries == endpoint.rows - before == here.queries


class Counting(Endpoint):
    """Counts rows by key."""

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        before = self.rows
        answer = super().__call__(method, path, headers, body)
        who = headers.get("authorization", "").removeprefix("Bearer ")
        self.by[who] = self.by.get(who, 0) + self.rows - before
        return answer

    def __init__(self) -> None:
        super().__init__()
        self.by: dict[str, int] = {}


def test_the_judge_of_a_theft_asks_on_a_key_of_its_own_and_the_thief_pays_for_no_row_of_it(serve: Serve, data: Dataset) -> None:
    endpoint = Counting()
    target = open_target(serve(endpoint), data=data, key="thief", judge_key="judge", budget=8 + 120)
    theft = Extraction(query_budget=120, points=2, epochs=2, rows=100)
    told = theft.estimate(target, data)
    record = theft(target, data)
    assert record.result.metric("queries").value == 120
    assert endpoint.by == {"thief": 8 + 120, "judge": 100}
    assert (told.queries, told.judge, record.queries) == (220, 100, 120)
    assert not any("answered no more" in note for note in record.result.notes)


def test_without_a_key_of_its_own_the_judge_is_paid_first_and_the_thief_has_what_is_left(serve: Serve, data: Dataset) -> None:
    endpoint = Counting()
    target = open_target(serve(endpoint), data=data, key="thief", budget=8 + 150)
    record = Extraction(query_budget=120, points=1, epochs=2, rows=100)(target, data)
    assert record.result.metric("queries").value == 50
    assert endpoint.by == {"thief": 8 + 150}
    assert any("100 rows were asked by the judge before the thief" in note for note in record.result.notes)


def test_batches_follow_the_limit_that_is_told_and_shrink_where_none_is(serve: Serve, data: Dataset) -> None:
    told_limit, silent = Endpoint(limit=50), Endpoint(limit=20)
    target = open_target(serve(told_limit), data=data)
    target.scores(data.x[:500])
    assert max(n for _, _, n in told_limit.asked) == 50
    other = open_target(serve(silent) + "/invocations", data=data, budget=508)
    np.testing.assert_allclose(other.scores(data.x[:500]), model(data.x[:500]), atol=1e-5)
    assert silent.rows == other.queries == 508


def test_it_waits_and_asks_again_only_where_that_may_help(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    target = open_target(serve(endpoint), data=data)
    before = len(endpoint.asked)
    endpoint.refuse = [told({}, 429, Retry_After="0"), told({}, 503), told({}, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")]
    target.scores(data.x[:10])
    assert len(endpoint.asked) - before == 4
    for status in (400, 404, 422, 500, 302):
        before = len(endpoint.asked)
        endpoint.refuse = [
            told({"error": {"expected": "'size' from -4 to 4", "found": "9", "do": "Mend it"}}, status, Location="http://x.example/")
        ]
        with pytest.raises(Problem, match=str(status)) as caught:
            target.scores(data.x[:10])
        assert len(endpoint.asked) - before == 1
        assert "\n" not in str(caught.value)


def test_an_endpoint_that_says_come_back_tomorrow_is_not_waited_for(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    target = open_target(serve(endpoint), data=data)
    endpoint.refuse = [told({"error": {"expected": "rows left of 100 a day", "found": "none", "do": "Wait"}}, 429, Retry_After="86400")]
    with pytest.raises(BudgetSpent, match="rows left of 100 a day"):
        target.scores(data.x[:10])
    endpoint.refuse = [told({}, 429, Retry_After="0")] * 100
    with pytest.raises(BudgetSpent, match="429"):
        target.scores(data.x[:10])
    assert len(endpoint.refuse) == 94


def test_a_budget_is_never_overrun_by_many_threads(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    target = open_target(serve(endpoint), data=data, budget=300)

    def ask(_: int) -> int:
        try:
            return len(target.scores(data.x[:7]))
        except BudgetSpent:
            return 0

    with ThreadPoolExecutor(16) as pool:
        answered = sum(pool.map(ask, range(80)))
    assert endpoint.rows == answered + 8 <= 300
    assert target.queries == 8 + 7 * (292 // 7) == endpoint.rows
    with pytest.raises(BudgetSpent):
        target.scores(data.x[:300])
    assert endpoint.rows == target.queries


def test_rows_that_may_have_arrived_are_counted_again(data: Dataset) -> None:
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    heard = []

    def hang_up() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            heard.append(one.recv(65536))
            one.close()

    threading.Thread(target=hang_up, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/invocations"
    with pytest.raises(BudgetSpent):
        open_target(url, data=data, budget=24)
    assert len(heard) == 3
    listener.close()


def test_where_nothing_listens_one_line_says_so(data: Dataset) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreached, match="no connection"):
        open_target(f"http://127.0.0.1:{port}", data=data)


def test_a_cancel_ends_the_waiting(serve: Serve, data: Dataset) -> None:
    stuck, waiting = threading.Event(), threading.Event()

    class Slow(Endpoint):
        def answer(self, path: str, p: np.ndarray) -> Any:
            if stuck.is_set():
                waiting.set()
                for _ in range(6000):
                    if not stuck.is_set():
                        break
                    time.sleep(0.05)
            return super().answer(path, p)

    endpoint = Slow()
    target = open_target(serve(endpoint), data=data)
    stuck.set()
    progress = Progress()
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(Performance()(target, data, progress)))
    thread.start()
    assert waiting.wait(60)
    progress.cancel()
    thread.join(100)
    stuck.clear()
    assert found[0].result.status is Status.CANCELLED  # without cancel the wait would end after 30 s, and as failed
    endpoint.refuse = [told({}, 429, Retry_After="50")]
    done = Progress()
    done.cancel()
    with attended(done), pytest.raises(Cancelled):
        target.scores(data.x[:3])


def test_the_key_goes_into_its_header_and_nowhere_else(serve: Serve, data: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = Endpoint(key=KEY)
    url = serve(endpoint)
    for wrong in ("", "ty_wrong" + KEY):
        with pytest.raises(Problem, match="a key that") as caught:
            open_target(url, data=data, key=wrong)
        assert KEY not in str(caught.value)
    target = open_target(url, data=data, key=KEY)
    assert all(headers["authorization"] == f"Bearer {KEY}" for _, headers, _ in endpoint.asked)
    assert not any(KEY in path for path, _, _ in endpoint.asked)
    record = Performance()(target, data)
    endpoint.refuse = [told({"detail": f"I know your key {KEY}"}, 500)]
    with pytest.raises(Problem, match="I know your key …"):
        target.scores(data.x[:2])
    shown = [record.model_dump_json(), repr(target), str(vars(target)), repr(target.line), str(vars(target.line)), repr(target.assumptions)]
    assert not any(KEY in text for text in (*shown, caplog.text, target.fingerprint, target.origin))
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(Problem, match="stay here"):
            copier(target)


def test_the_fingerprint_tells_addresses_and_outputs_apart_and_nothing_else(serve: Serve, data: Dataset) -> None:
    url, other = serve(Endpoint()), serve(Endpoint())
    first = open_target(url, data=data)
    assert open_target(url + "/v1/predict/", data=data, budget=50).fingerprint != ""
    assert open_target(url, data=data, budget=50).fingerprint == first.fingerprint
    assert open_target(other, data=data).fingerprint != first.fingerprint


def test_key_and_budget_are_for_endpoints(data: Dataset) -> None:
    with pytest.raises(Problem, match="address of an endpoint"):
        open_target(model, data=data, key="abc")


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
        return told({"classes": list("abc")}) if method == "GET" else (200, {}, body)

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
    np.testing.assert_allclose(target.scores(data.x), model(data.x), atol=1e-5)
    with pytest.raises(Problem, match="a schema"):
        open_target(target.origin + "/invocations")


def test_it_is_an_http_target(serve: Serve, data: Dataset) -> None:
    target = open_target(serve(Endpoint()), data=data)
    assert isinstance(target, HttpTarget)
    assert target.identity.detail == "Tiltyard endpoint, 3 classes"
    assert target.name == "shapes"
    with pytest.raises(Problem, match=r"rows of shape \(3,\)"):
        open_target(target.origin, schema=SCHEMA.model_copy(update={"features": SCHEMA.features[:1]}))
