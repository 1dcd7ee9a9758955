"""Endpoints that mean harm: each is one line, bounded in memory and time, and what was measured before stays."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.assessment.assessment import assess
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.probing import probe
from tiltyard.endpoint.site import PATIENT, Site
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line, Unreached
from tiltyard.targets.http.tiltyard_wire import TiltyardWire, described_schema
from tiltyard.targets.opening import open_target
from tiltyard.theft.extraction import Extraction
from tiltyard.validation.performance import Performance

Said = tuple[int, Mapping[str, str], bytes]
Serve = Callable[[Any], str]
SCHEMA = Schema(features=(Feature(name="size", kind="continuous", low=-4, high=4),), label="y", classes=("no", "yes"))
FEATURE = {"name": "size", "kind": "continuous", "low": -4, "high": 4}


@pytest.fixture(scope="module")
def data() -> Dataset:
    x = np.random.default_rng(0).uniform(-4, 4, (600, 1))
    return Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA, "sizes")


def scored(body: bytes) -> bytes:
    p = 1 / (1 + np.exp(-np.array(json.loads(body)["instances"], float)[:, 0]))
    return json.dumps({"scores": np.column_stack([1 - p, p]).tolist()}).encode()


def sound(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
    return (200, {}, b'{"classes": ["no", "yes"]}') if method == "GET" else (200, {}, scored(body))


def test_no_redirect_is_followed_wherever_it_leads(serve: Serve, data: Dataset) -> None:
    visited: list[str] = []

    def elsewhere(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        visited.append(headers.get("authorization", ""))
        return sound(method, path, headers, body)

    other = serve(elsewhere)
    for target in (other, "http://169.254.169.254/latest/meta-data/", "/v1/predict", "file:///etc/passwd"):
        url = serve(lambda method, *_, to=target: (307, {"Location": to}, b"") if method == "POST" else (200, {}, b"{}"))
        with pytest.raises(Problem, match="a redirect, which is not followed"):
            open_target(url, data=data, key="secret")
        assert probe(url, "secret", Posture(burst=0)).result.status is not Status.PASSED
    assert visited == []


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"limits": {"rows": -5}}, ""),
        ({"limits": {"rows": 1e400}}, "a description"),
        ({"limits": {"rows": "many"}}, "a description"),
        ({"name": "a\x1b[31m\n" + "b" * 10_000}, ""),
        ({"input_shape": [10**9]}, "rows of shape"),
        ({"classes": "no"}, "the model of n, o"),
        ([], "a description"),
    ],
)
def test_what_it_tells_of_itself_cannot_hang_or_fill_us(serve: Serve, data: Dataset, told: Any, says: str) -> None:
    described = json.dumps({"classes": ["no", "yes"], **told} if isinstance(told, dict) else told).encode()
    url = serve(lambda method, path, headers, body: (200, {}, described) if method == "GET" else (200, {}, scored(body)))
    if says:
        with pytest.raises(Problem, match=says):
            open_target(url, data=data)
        return
    target = open_target(url, data=data)
    assert len(target.name) <= 120
    assert target.name.isprintable()
    assert target.labels(data.x[:50]).shape == (50,)


@pytest.mark.parametrize(
    "feature",
    [
        {"name": "huge", "kind": "pixels", "shape": [1, 10**6, 10**6]},
        {"name": "wide", "kind": "pixels", "shape": [1] * 60},
        {"name": "less", "kind": "pixels", "shape": [1, -3, 4]},
        {"name": "endless", "kind": "continuous", "low": -1e999, "high": 0},
        {"name": "none", "kind": "spell"},
        7,
    ],
)
def test_features_that_cannot_be_are_none(serve: Serve, feature: Any) -> None:
    assert described_schema([FEATURE], ("a", "b")) is not None
    assert described_schema([FEATURE, feature], ("a", "b")) is None
    assert described_schema([], ("a", "b")) is None
    described = json.dumps({"classes": ["a", "b"], "features": [feature], "input_shape": [10**9]}).encode()
    record = probe(serve(lambda method, *_: (200, {}, described) if method == "GET" else (200, {}, b"{}")), posture=Posture(burst=0))
    assert record.result.status in {Status.INCOMPLETE, Status.FINDING}, record.error


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ("[0.9, 0.9]", "sum to 1"),
        ("[7.0, 0.0]", "sum to 1"),
        ("[-0.2, 1.2]", "sum to 1"),
        ("[Infinity, 0]", "finite"),
        ("[NaN, NaN]", "finite"),
        ("[1e999, 0]", "finite"),
        ("[0.5]", ""),
        ("[0.2, 0.3, 0.5]", "2 scores a row"),
        ('["0.5", "0.5"]', "Tiltyard format"),
        (f"[{10**400}, 0]", "Tiltyard format"),
        ("[[0.5], [0.5]]", "2 scores a row"),
    ],
)
def test_scores_that_go_bad_after_it_was_opened(serve: Serve, data: Dataset, scores: str, says: str) -> None:
    bad: list[bool] = []

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if method == "POST" and bad:
            rows = len(json.loads(body)["instances"])
            return 200, {"Content-Type": "text/html"}, f'{{"scores": [{", ".join([scores] * rows)}]}}'.encode()
        return sound(method, path, headers, body)

    target = open_target(serve(answer), data=data)
    bad.append(True)
    if not says:
        assert target.scores(data.x[:5]).shape == (5, 2)
        return
    with pytest.raises(Problem, match=says) as caught:
        target.scores(data.x[:5])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_packed_answers_are_not_unpacked(serve: Serve, data: Dataset) -> None:
    import gzip

    bomb = gzip.compress(b" " * 10_000_000)
    url = serve(
        lambda method, *_: (200, {"Content-Encoding": "gzip"}, bomb) if method == "POST" else (200, {}, b'{"classes": ["no", "yes"]}')
    )
    with pytest.raises(Problem, match="JSON"):
        open_target(url, data=data)


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """``raw(act)`` hands every connection to ``act`` once a request is there."""
    listeners: list[socket.socket] = []

    def start(act: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(connection: socket.socket) -> None:
            try:
                with connection:
                    connection.recv(65536)
                    act(connection)
            except OSError:
                pass

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b"[" * 65536)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def headers_without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"a" * 8000 + b"\r\n")


def test_a_body_without_end_is_cut_and_said(raw: Any, data: Dataset) -> None:
    with pytest.raises(Problem, match=r"JSON|longer"):
        open_target(raw(endless) + "/invocations", data=data)


def test_a_slow_drip_and_headers_without_end_are_given_up(raw: Any) -> None:
    for act, late in ((drip, True), (headers_without_end, False)):
        url = raw(act)
        with pytest.raises(Unreached) as caught:
            Line(address_of(url), Key(""), timeout=0.2).send("GET", url)
        assert caught.value.late is late


def test_a_probe_gives_up_on_what_never_answers_and_keeps_little(raw: Any) -> None:
    asked: list[int] = []

    def wait(connection: socket.socket) -> None:
        asked.append(1)
        drip(connection)

    url = raw(wait)
    site = Site(Line(address_of(url), Key(""), timeout=0.2), TiltyardWire(address_of(url)), valid=b"{}")
    result = Posture(burst=0).examine(site, Progress())
    assert result.status is Status.INCOMPLETE
    assert len(asked) <= PATIENT
    long = raw(endless)
    record = probe(long, posture=Posture(burst=0), body=b"{}")
    assert record.result.status is not Status.PASSED
    assert len(record.model_dump_json()) < 50_000


def test_a_certificate_that_nobody_signed_is_one_line(tmp_path: Path, data: Dataset) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    threading.Thread(target=accept, daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(Problem, match=r"a certificate of 127\.0\.0\.1 that this machine trusts") as caught:
        open_target(url, data=data, key="secret")
    assert "\n" not in str(caught.value)
    record = probe(url, "secret", Posture(burst=0))
    assert [finding.title for finding in record.result.findings] == ["Its certificate does not hold"]
    states = {str(row[0]): row[1] for row in record.result.tables[0].rows}
    assert set(states.values()) == {"finding", "incomplete"}
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def certificate(folder: Path) -> Path:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "own.pem"
    path.write_bytes(secret + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return path


def test_an_endpoint_that_dies_in_mid_run_takes_nothing_with_it(serve: Serve, data: Dataset) -> None:
    rows: list[int] = []

    def mortal(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        if method == "POST":
            rows.append(len(json.loads(body)["instances"]))
            if sum(rows) > 470:
                return 500, {}, b'{"error": "out of memory"}'
        return sound(method, path, headers, body)

    target = open_target(serve(mortal), data=data)
    theft = Extraction(query_budget=250, points=3, epochs=2, rows=100)
    records = assess(target, data, [Performance(rows=200), theft, Performance(rows=200)]).records
    assert records[0].result.metric("accuracy").n == 200
    assert records[2].result.status is Status.FAILED
    assert records[1].result.status in {Status.INCOMPLETE, Status.FINDING}
    assert records[1].result.metric("queries").value is not None
    assert "500: out of memory" in records[1].result.notes[-1]
    assert "500: out of memory" in records[2].result.summary
