"""Labels that come later count for the window in which their row stands, once, and only how many were right is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.monitoring.conftest import drawn, scored

from tiltyard.cli import main
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.monitoring import journal
from tiltyard.monitoring.monitor import Monitor
from tiltyard.monitoring.reference import PERFORMANCE
from tiltyard.monitoring.waiting import Answered, Waiting
from tiltyard.monitoring.watching import share_chart, window_table
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import Settings
from tiltyard.targets.estimators import FunctionTarget


def asked(monitor: Monitor, n: int, request: str) -> list[int]:
    """Answer ``n`` rows; what was answered."""
    x = drawn(n, len(request))
    labels = scored(x).argmax(1)
    monitor(x, scored(x).astype(np.float32), labels, "key", request)
    return [int(label) for label in labels]


@pytest.fixture
def kept(model: tuple[FunctionTarget, Dataset], tmp_path: Path) -> tuple[Monitor, Path]:
    path = tmp_path / "windows.jsonl"
    return Monitor(*model, rows=100, keep=lambda window: journal.append(window, path)), path


def test_each_row_counts_for_its_own_window_and_once(kept: tuple[Monitor, Path]) -> None:
    monitor, path = kept
    said = {request: asked(monitor, n, request) for request, n in (("a", 60), ("bb", 60), ("ccc", 130))}
    assert [w.performance for w in monitor.windows] == [None, None]
    told = monitor.labeled({"bb": [1 - label for label in said["bb"]], "unheard": [0]})
    assert (told.right, told.n, told.unknown) == (0, 60, 1)
    told = monitor.labeled({"a": said["a"], "ccc": said["ccc"]})
    assert (told.right, told.n, told.unknown) == (190, 190, 0)
    monitor.flush()
    found = [(w.performance.value, w.performance.n) for w in journal.read(path) if w.performance is not None]
    assert found == [(pytest.approx(0.6), 100), (pytest.approx(0.8), 100), (1.0, 50)]
    again = monitor.labeled({"a": said["a"]})
    assert (again.n, again.unknown) == (0, 1)
    assert journal.read(path) == monitor.windows


def test_late_labels_judge_a_closed_window_anew(kept: tuple[Monitor, Path]) -> None:
    monitor, path = kept
    said = asked(monitor, 100, "a")
    assert PERFORMANCE not in {d.what for d in journal.read(path)[0].drifts}
    monitor.labeled({"a": [1 - label for label in said]})
    (window,) = journal.read(path)
    assert window.state == "alarm"
    assert PERFORMANCE in {d.what for d in window.drifting}
    assert window_table([window]).rows[0][5] == "0.0% [0.0%, 3.6%] of 100"
    shown = share_chart([window], "performance")
    assert shown is not None and shown.series[0].y == (0.0,)
    assert sum(d.what == PERFORMANCE for d in window.drifts) == 1


def test_not_a_label_for_each_row_counts_none(kept: tuple[Monitor, Path]) -> None:
    monitor, _ = kept
    said = asked(monitor, 30, "a")
    more = asked(monitor, 30, "bb")
    with pytest.raises(Problem, match="30 labels for request bb, one a row; found 29"):
        monitor.labeled({"a": said, "bb": more[:29]})
    assert monitor.labeled({"a": said, "bb": more}).right == 60


def test_a_window_of_too_few_rows_has_an_accuracy_and_no_test(kept: tuple[Monitor, Path]) -> None:
    monitor, path = kept
    said = asked(monitor, 12, "a")
    monitor.flush()
    monitor.labeled({"a": said})
    (window,) = journal.read(path)
    assert (window.state, window.drifts) == ("incomplete", ())
    assert window.performance is not None
    assert window.performance.n == 12


def test_the_oldest_answers_make_room() -> None:
    waiting = Waiting(most=10)
    for i in range(5):
        waiting.put(str(i), Answered(np.zeros(4, np.int32), np.zeros(4, np.int64)))
    assert [waiting.of(str(i)) is not None for i in range(5)] == [False, False, False, True, True]
    assert waiting.rows == 8
    waiting.put("big", Answered(np.zeros(11, np.int32), np.zeros(11, np.int64)))
    assert waiting.rows == 0


def test_what_waits_and_what_is_kept_holds_no_label_and_no_row(kept: tuple[Monitor, Path]) -> None:
    monitor, path = kept
    said = asked(monitor, 100, "request-name")
    monitor.labeled({"request-name": said})
    assert monitor.awaited("request-name") == 0
    assert "request-name" not in path.read_text()


class Endpoint:
    """A watched endpoint with a key to ask and one to administer."""

    def __init__(self, monitor: Monitor) -> None:
        keys = KeyStore()
        self.asking, self.secret = keys.new("asks").secret, keys.new("admin", ("admin",)).secret
        settings = Settings.model_validate({"port": 0, "rate": {"requests": ""}, "extraction_detector": {"watch": False}})
        self.served = Served(monitor.target, settings, keys, (monitor,))
        self.served.guarded.learner = monitor

    @property
    def url(self) -> str:
        return self.served.url

    def predict(self, n: int, seed: int) -> tuple[str, list[str]]:
        """An answer's id and its labels."""
        body = {"instances": drawn(n, seed).tolist()}
        reply = httpx.post(self.url + "/v1/predict", json=body, headers={"Authorization": f"Bearer {self.asking}"}, timeout=60)
        return reply.headers["x-request-id"], reply.json()["labels"]

    def labels(self, body: Any, secret: str = "") -> httpx.Response:
        return httpx.post(self.url + "/v1/labels", json=body, headers={"Authorization": f"Bearer {secret or self.secret}"}, timeout=60)


@pytest.fixture
def endpoint(kept: tuple[Monitor, Path]) -> Iterator[Endpoint]:
    made = Endpoint(kept[0])
    with made.served:
        yield made


def test_labels_come_over_http_right_after_their_answer(endpoint: Endpoint, kept: tuple[Monitor, Path]) -> None:
    id_, said = endpoint.predict(100, 1)
    reply = endpoint.labels({"labels": {id_: said, "0" * 16: ["no"]}})
    assert (reply.status_code, reply.json()) == (200, {"right": 100, "n": 100, "unknown": 1})
    (window,) = journal.read(kept[1])
    assert window.performance is not None
    assert (window.performance.value, window.performance.n) == (1.0, 100)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "labels"),
        ({}, "labels"),
        ({"labels": {}}, "labels"),
        ({"labels": {"": ["no"]}}, "request id of 0 signs"),
        ({"labels": {"a": []}}, "without a list"),
        ({"labels": {"a": "no"}}, "without a list"),
        ({"labels": {"a": [0]}}, "labels among no, yes"),
        ({"labels": {"a": ["perhaps"]}}, "perhaps"),
        ({"labels": {"a": ["no"]}, "more": 1}, "labels"),
    ],
)
def test_other_bodies_are_refused_in_one_line(endpoint: Endpoint, body: Any, said: str) -> None:
    reply = endpoint.labels(body)
    assert reply.status_code == 422
    assert said in json.dumps(reply.json()["error"])


def test_only_an_admin_s_key_gives_labels(endpoint: Endpoint) -> None:
    id_, said = endpoint.predict(3, 1)
    assert endpoint.labels({"labels": {id_: said}}, "nobody").status_code == 401
    refused = endpoint.labels({"labels": {id_: said}}, endpoint.asking)
    assert (refused.status_code, refused.json()["error"]["expected"]) == (403, "a key that may do what an admin does")
    assert endpoint.labels({"labels": {id_: said[:2]}}).json()["error"]["expected"] == f"3 labels for request {id_}, one a row"
    assert endpoint.labels({"labels": {id_: said}}).json()["n"] == 3


def test_an_endpoint_without_windows_takes_no_labels(model: tuple[FunctionTarget, Dataset]) -> None:
    keys = KeyStore()
    secret = keys.new("admin", ("admin",)).secret
    with Served(model[0], Settings.model_validate({"port": 0, "extraction_detector": {"watch": False}}), keys) as served:
        head = {"Authorization": f"Bearer {secret}"}
        assert httpx.post(served.url + "/v1/labels", json={"labels": {"a": ["no"]}}, headers=head, timeout=60).status_code == 404
        told = httpx.get(served.url + "/openapi.json", headers=head, timeout=60).json()
    assert told["paths"]["/v1/labels"]["post"]["responses"]["404"]
    assert "X-Request-Id" in told["paths"]["/v1/predict"]["post"]["responses"]["200"]["headers"]


def test_windows_that_cannot_be_written_are_a_503(endpoint: Endpoint, kept: tuple[Monitor, Path]) -> None:
    id_, said = endpoint.predict(100, 1)
    endpoint.labels({"labels": {"0" * 16: ["no"]}})

    def full(window: object) -> None:
        raise Problem("a place for the windows", "a full disk", "Make room")

    kept[0].keep = full
    reply = endpoint.labels({"labels": {id_: said}})
    assert reply.status_code == 503
    assert "disk" not in reply.text


def test_the_command_sends_a_table(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADMIN_KEY", endpoint.secret)
    assert main(["labels", endpoint.url, str(tmp_path / "none.csv")]) == 2
    capsys.readouterr()
    monkeypatch.setattr("tiltyard.cli.commands.labels.PART", 2000)
    lines = [f"{id_},{label}\n" for seed in range(4) for id_, given in [endpoint.predict(50, seed)] for label in given]
    path = tmp_path / "labels.csv"
    path.write_text("request,label\n" + "".join(lines[:-1]) + lines[-1].partition(",")[0] + ",perhaps\n")
    command = ["labels", endpoint.url, str(path), "--key-env", "ADMIN_KEY"]
    assert main(command) == 2
    assert "labels among no, yes" in capsys.readouterr().err
    path.write_text("request,label\n" + "".join(lines))
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] > 0
    assert main(command) == 2
    assert "waits for no labels of 4 requests" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "id,label\n1,no\n", "request,label\n", "request,label\n1,\n", "request,label\n1\n", "\x00"])
def test_a_table_of_another_form_is_one_line(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    assert main(["labels", "http://127.0.0.1:9", str(path)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "request" in said[0]
