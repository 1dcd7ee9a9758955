"""The posture of endpoints whose faults are known: one with all of them, one with none, and one for each fault alone."""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.cli import main
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.endpoint.malformed import wrong_rows
from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.precision import decimals
from tiltyard.endpoint.probing import probe
from tiltyard.endpoint.site import Site
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.reports.bundle import Bundle
from tiltyard.result import Record, Status
from tiltyard.standards.catalog import known
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line
from tiltyard.targets.http.tiltyard_wire import TiltyardWire
from tiltyard.targets.opening import open_target

Said = tuple[int, Mapping[str, str], bytes]
Serve = Callable[[Any], str]
KEY = "ty_" + "k" * 43
SCHEMA = Schema(
    features=(
        Feature(name="size", kind="continuous", low=-4, high=4),
        Feature(name="color", kind="categorical", categories=("red", "blue")),
    ),
    label="kind",
    classes=("a", "b"),
)
SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "application/json"}
FAULTS = (
    "no key", "any key", "query key", "digits", "crash", "nan", "huge", "rows", "trace", "put", "cors", "wildcard", "docs", "stack", "bare", "banner", "endless",
)  # fmt: skip


class Server:
    """A sound endpoint with the faults that are named."""

    def __init__(self, *faults: str, limit: int = 60) -> None:
        assert set(faults) <= set(FAULTS)
        self.faults, self.limit = set(faults), limit
        self.asked, self.good = 0, 0
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        with self.lock:
            self.asked += 1
        status, value = self.answer(method, path, headers, body)
        own = {} if "bare" in self.faults else dict(SAFE)
        if "banner" in self.faults:
            own["Server"] = "gunicorn/20.0.4"
        if "cors" in self.faults and "origin" in headers:
            own |= {"Access-Control-Allow-Origin": headers["origin"], "Access-Control-Allow-Credentials": "true"}
        if "wildcard" in self.faults:
            own["Access-Control-Allow-Origin"] = "*"
        if status == 429:
            own["Retry-After"] = "60"
        return status, own, value if isinstance(value, bytes) else json.dumps(value).encode()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        page, _, query = path.partition("?")
        if method == "TRACE":
            return (200, b"TRACE / HTTP/1.1") if "trace" in self.faults else (405, {})
        if method in ("PUT", "DELETE", "PATCH"):
            return (204, b"") if "put" in self.faults else (405, {})
        if page in ("/docs", "/openapi.json") and "docs" in self.faults:
            return 200, {"openapi": "3"}
        if page not in ("/v1/predict", "/v1/model"):
            return 404, {"error": "no such page"}
        if method == "OPTIONS":
            return 405, {}
        given = headers.get("authorization", "")
        opened = given == f"Bearer {KEY}" or "no key" in self.faults or ("any key" in self.faults and given)
        if not opened and not ("query key" in self.faults and KEY in query):
            return 401, {"error": {"expected": "a key", "found": "none", "do": "Give one"}}
        if page == "/v1/model":
            if method != "GET":
                return 405, {}
            features = [f.model_dump(mode="json") for f in SCHEMA.features]
            return 200, {"name": "m", "classes": ["a", "b"], "input_shape": [3], "features": features, "limits": {"rows": 100}}
        return self.predicted(body) if method == "POST" else (405, {"error": "no such method"})

    def predicted(self, body: bytes) -> tuple[int, Any]:
        if len(body) > 2**20 and "huge" not in self.faults:
            return 413, {"error": "too large"}
        try:
            x = np.array(json.loads(body)["instances"], np.float64).reshape(-1, 3)
        except (ValueError, KeyError, TypeError, RecursionError):
            if "stack" in self.faults:
                return 400, {"detail": 'Traceback (most recent call last):\n  File "/srv/app/model.py", line 7, in predict'}
            return (500, {"error": "oops"}) if "crash" in self.faults else (400, {"error": "no rows"})
        if len(x) > 100 and "rows" not in self.faults:
            return 413, {"error": "too many rows"}
        if not (np.isfinite(x) & (np.abs(x) <= 4)).all() and "nan" not in self.faults:
            return 422, {"error": "rows by the schema"}
        with self.lock:
            self.good += 1
            if self.good > self.limit and "endless" not in self.faults:
                return 429, {"error": "enough"}
        p = 1 / (1 + np.exp(-np.nan_to_num(x[:, 0])))
        scores = np.column_stack([1 - p, p]).round(12 if "digits" in self.faults else 2)
        return 200, {"labels": ["ab"[int(v > 0.5)] for v in p], "scores": scores.tolist()}


def outcomes(record: Record) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in record.result.tables[0].rows}


QUICK = Posture(burst=70, oversize=2, rows=200)


def test_an_endpoint_without_faults_passes_every_probe(serve: Serve) -> None:
    server = Server()
    record = probe(serve(server), KEY, QUICK)
    assert record.result.status is Status.PASSED, record.result.summary
    assert set(outcomes(record).values()) <= {"passed", "not applicable"}
    assert outcomes(record)["TLS"] == "not applicable"
    assert list(outcomes(record).values()).count("passed") == 12
    assert server.asked - 1 == record.result.metric("requests").value <= QUICK.most  # one more: the description of the model


def test_an_endpoint_with_every_fault_is_told_all_of_them(serve: Serve) -> None:
    record = probe(serve(Server(*(set(FAULTS) - {"query key", "any key", "wildcard", "stack"}))), KEY, QUICK)
    found = {title for title, state in outcomes(record).items() if state == "finding"}
    assert found == set(outcomes(record)) - {"TLS", "Key in the address", "Errors"}
    assert outcomes(record)["Key in the address"] == "not applicable"
    for finding in record.result.findings:
        assert finding.evidence.tables == ("probes",) and finding.evidence.sentence
        assert finding.advice
        assert any(name.startswith("AML.T") for name in finding.standards)
        assert all(known(name) for name in finding.standards)


@pytest.mark.parametrize(
    ("fault", "probed", "title", "severity"),
    [
        ("no key", "Authentication", "It answers without a key", "high"),
        ("any key", "Authentication", "It takes any key", "high"),
        ("query key", "Key in the address", "Keys are taken from the address", "medium"),
        ("digits", "Precision of scores", "Scores in full precision", "medium"),
        ("crash", "Malformed input", "Bad input makes a server error", "medium"),
        ("nan", "Malformed input", "Rows that are none are answered", "medium"),
        ("huge", "Size of a request", "No limit on the size of a request", "medium"),
        ("rows", "Size of a request", "No limit on the rows of a request", "medium"),
        ("trace", "Methods", "It takes methods it has no use for", "medium"),
        ("put", "Methods", "It takes methods it has no use for", "medium"),
        ("cors", "Other web pages (CORS)", "Any web page may ask it", "high"),
        ("wildcard", "Other web pages (CORS)", "Any web page may ask it", "low"),
        ("docs", "Open pages", "Pages are open to anyone", "low"),
        ("stack", "Errors", "Errors show how it works inside", "medium"),
        ("bare", "Security headers", "Security headers are missing", "low"),
        ("banner", "Banner", "It shows its software's version", "low"),
        ("endless", "Rate limit", "No rate limit", "medium"),
    ],
)
def test_each_fault_alone_is_the_one_that_is_found(serve: Serve, fault: str, probed: str, title: str, severity: str) -> None:
    record = probe(serve(Server(fault)), KEY, QUICK)
    assert [(f.title, f.severity.value) for f in record.result.findings if probed != "Authentication" or f.title == title][:1] == [
        (title, severity)
    ]
    others = {name for name, state in outcomes(record).items() if state == "finding"} - {probed}
    assert others <= ({"Open pages"} if fault == "no key" else set())  # its description is then open too
    assert KEY not in record.model_dump_json()


def test_what_needs_a_key_is_incomplete_without_one_and_never_passed(serve: Serve) -> None:
    record = probe(serve(Server()), "", QUICK)
    assert record.result.status is Status.INCOMPLETE
    left = {name for name, state in outcomes(record).items() if state == "incomplete"}
    assert {"Precision of scores", "Malformed input", "Size of a request", "Rate limit"} <= left
    assert outcomes(record)["Authentication"] == "passed"


def test_nothing_there_is_incomplete(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    record = probe(f"http://127.0.0.1:{port}/v1/predict", KEY, QUICK)
    assert record.result.status is Status.INCOMPLETE
    assert set(outcomes(record).values()) == {"incomplete", "not applicable"}
    assert "no connection" in record.result.summary


def test_beyond_this_machine_nothing_is_sent_without_consent() -> None:
    record = probe("https://endpoint.example/", KEY, QUICK)
    assert record.result.status is Status.INCOMPLETE
    assert "consent" in record.result.summary
    assert record.queries == 0


def test_no_more_requests_are_sent_than_were_announced(serve: Serve) -> None:
    server = Server("endless")
    url = serve(server)
    site = Site(Line(address_of(url), Key(KEY)), TiltyardWire(address_of(url)), valid=b'{"instances": [[0, 1, 0]]}', most=25)
    result = QUICK.examine(site, Progress())
    assert server.asked == site.sent == 25
    assert result.status is Status.INCOMPLETE
    assert "all 25 that were announced are used" in str(result.tables[0].rows)


def test_equal_posture_of_equal_endpoints_and_a_cancel(serve: Serve) -> None:
    first, second = (probe(serve(Server("digits", "endless")), KEY, QUICK).result for _ in range(2))
    assert first.tables == second.tables
    assert first.metrics == second.metrics
    progress = Progress()
    progress.cancel()
    assert probe(serve(Server()), KEY, QUICK, progress=progress).result.status is Status.CANCELLED


def test_a_cancel_in_the_burst_ends_it(serve: Serve) -> None:
    progress = Progress()
    server = Server("endless")

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if server.asked > 100:
            progress.cancel()
        return server(method, path, headers, body)

    record = probe(serve(answer), KEY, Posture(burst=10_000, oversize=2, rows=200), progress=progress)
    assert record.result.status is Status.CANCELLED
    assert server.asked < 150
    assert record.queries > 200  # as many rows at once, then one by one


@pytest.mark.parametrize(
    ("scores", "state"), [("[[0.0, 1.0]]", "incomplete"), ("[[0.25, 0.75]]", "passed"), ("[[0.123456, 0.876544]]", "finding")]
)
def test_a_sure_model_does_not_tell_the_precision_of_its_scores(serve: Serve, scores: str, state: str) -> None:
    url = serve(lambda *_: (200, SAFE, b'{"labels": ["a"], "scores": ' + scores.encode() + b"}"))
    record = probe(url, KEY, Posture(burst=0), body=b'{"instances": [[0, 1, 0]]}')
    assert outcomes(record)["Precision of scores"] == state


def test_as_a_check_it_asks_rows_of_the_data_and_counts_them(serve: Serve) -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(-4, 4, 50), rng.integers(0, 2, 50)])
    data = Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA)
    target = open_target(serve(Server(limit=200)), data=data, key=KEY)
    record = QUICK.model_copy(update={"burst": 250})(target, data)
    assert record.result.status is Status.PASSED, record.result.summary
    assert record.queries >= record.result.metric("requests").value - 60
    few = open_target(serve(Server()), data=data, key=KEY, budget=30)
    tight = Posture(burst=50)(few, data)
    assert tight.result.status is Status.INCOMPLETE
    assert few.queries <= 30
    for budget in (15, 1000):  # what a budget stopped is no answer of the endpoint, good or bad
        stopped = Posture(burst=0)(open_target(serve(Server()), data=data, key=KEY, budget=budget), data)
        assert (stopped.result.status, stopped.result.findings) == (Status.INCOMPLETE, ())
        assert outcomes(stopped)["Size of a request"] == "incomplete"
    assert Posture()(open_target(lambda x: np.full((len(x), 2), 0.5), data=data), data).result.status is Status.NOT_APPLICABLE


def test_rows_are_made_wrong_in_every_format() -> None:
    kserve = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1.0]}]}'
    mlflow = b'{"dataframe_split": {"columns": ["a", "b"], "data": [["red", 2.5]]}}'
    named = b'{"instances": [{"color": "red", "size": 1.5}]}'
    for valid, wrong, short in (
        (kserve, b'"data": [NaN, 1.0]', b'"data": [1.0]'),
        (mlflow, b'[["red", NaN]]', b'[["red"]]'),
        (named, b'"size": NaN', b'{"color": "red"}'),
    ):
        made = wrong_rows(valid)
        assert wrong in (made["NaN"] or b"")
        assert short in (made["a row that is too short"] or b"")
    assert set(wrong_rows(b'{"instances": [["red"]]}').values()) == {None}
    assert wrong_rows(b"{") == {}


@pytest.mark.parametrize(("number", "digits"), [(0.5, 1), (0.25, 2), (1.0, 0), (1e-7, 7), (0.123456789, 9), (float("nan"), 0)])
def test_decimals_are_counted_as_written(number: float, digits: int) -> None:
    assert decimals(number) == digits


def test_the_command_ends_as_it_should(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROBE_KEY", KEY)
    assert main(["probe", serve(Server()), "--key-env", "PROBE_KEY", "--burst", "70", "--no-store"]) == 0
    assert "Authentication" in capsys.readouterr().out
    bad = serve(Server("digits"))
    assert main(["probe", bad, "--key-env", "PROBE_KEY", "--burst", "70"]) == 1
    said = capsys.readouterr()
    assert "Scores in full precision" in said.out
    assert "At most" in said.err
    assert main(["probe", serve(Server("digits")), "--key-env", "PROBE_KEY", "--burst", "0", "--json"]) == 1
    record = Record.model_validate_json(capsys.readouterr().out)
    assert (record.check, record.data.name) == ("endpoint.posture", "no data")
    assert main(["probe", bad, "--burst", "0", "--no-store", "--out", str(tmp_path / "report")]) == 2
    assert "Scores in full precision" not in (tmp_path / "report" / "report.html").read_text()
    bundle = Bundle.model_validate_json((tmp_path / "report" / "report.json").read_bytes())
    assert [record.result.status for record in bundle.records] == [Status.INCOMPLETE]
    assert bundle.not_run == bundle.not_applied == ()  # it is about one check
    assert main(["report", "last", "--format", "html", "--out", str(tmp_path / "kept.html")]) == 0
    assert "Scores in full precision" in (tmp_path / "kept.html").read_text()
    capsys.readouterr()
    assert main(["probe", bad, "--key-env", "NOT_SET"]) == 2
    assert "NOT_SET" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    assert main(["probe", "https://endpoint.example/"]) == 2
    assert "--consent" in capsys.readouterr().err
    assert main(["probe", "nowhere"]) == 2
    request = tmp_path / "request.json"
    request.write_text('{"instances": [[0, 1, 0]]}')
    assert main(["probe", serve(Server()), "--key-env", "PROBE_KEY", "--burst", "70", "--request", str(request)]) == 0
    assert main(["runs"]) == 0
    assert "probe of http://127.0.0.1" in capsys.readouterr().out


def test_it_refuses_what_is_no_address() -> None:
    with pytest.raises(Problem):
        probe("file:///etc/passwd")
