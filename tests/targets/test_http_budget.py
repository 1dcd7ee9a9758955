"""An endpoint asked with care: whose key pays, how many rows it is sent, when it is asked again, and where the key goes."""

import copy
import logging
import pickle
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Cancelled, Problem
from tiltyard.progress import Progress, attended
from tiltyard.result import Status
from tiltyard.targets.http.line import Unreached
from tiltyard.targets.opening import open_target
from tiltyard.targets.query_budget import BudgetSpent
from tiltyard.theft.extraction import Extraction
from tiltyard.validation.performance import Performance

from .endpoint_of_shapes import KEY, Endpoint, Said, Serve, eaten, model, reply, shapes


@pytest.fixture(scope="module")
def data() -> Dataset:
    return shapes()


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
    np.testing.assert_allclose(other.scores(data.x[:500]), model(eaten(data.x[:500])), atol=1e-5)
    assert silent.rows == other.queries == 508


def test_it_waits_and_asks_again_only_where_that_may_help(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    target = open_target(serve(endpoint), data=data)
    before = len(endpoint.asked)
    endpoint.refuse = [reply({}, 429, Retry_After="0"), reply({}, 503), reply({}, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")]
    target.scores(data.x[:10])
    assert len(endpoint.asked) - before == 4
    for status in (400, 404, 422, 500, 302):
        before = len(endpoint.asked)
        endpoint.refuse = [
            reply({"error": {"expected": "'size' from -4 to 4", "found": "9", "do": "Mend it"}}, status, Location="http://x.example/")
        ]
        with pytest.raises(Problem, match=str(status)) as caught:
            target.scores(data.x[:10])
        assert len(endpoint.asked) - before == 1
        assert "\n" not in str(caught.value)


def test_an_endpoint_that_says_come_back_tomorrow_is_not_waited_for(serve: Serve, data: Dataset) -> None:
    endpoint = Endpoint()
    target = open_target(serve(endpoint), data=data)
    endpoint.refuse = [reply({"error": {"expected": "rows left of 100 a day", "found": "none", "do": "Wait"}}, 429, Retry_After="86400")]
    with pytest.raises(BudgetSpent, match="rows left of 100 a day"):
        target.scores(data.x[:10])
    endpoint.refuse = [reply({}, 429, Retry_After="0")] * 100
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
    endpoint.refuse = [reply({}, 429, Retry_After="50")]
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
    endpoint.refuse = [reply({"detail": f"I know your key {KEY}"}, 500)]
    with pytest.raises(Problem, match="I know your key …"):
        target.scores(data.x[:2])
    shown = [record.model_dump_json(), repr(target), str(vars(target)), repr(target.line), str(vars(target.line)), repr(target.assumptions)]
    assert not any(KEY in text for text in (*shown, caplog.text, target.fingerprint, target.origin))
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(Problem, match="stay here"):
            copier(target)


def test_key_and_budget_are_for_endpoints(data: Dataset) -> None:
    with pytest.raises(Problem, match="address of an endpoint"):
        open_target(model, data=data, key="abc")
