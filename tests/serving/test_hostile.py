"""Hostile input against a real server process: refused without 5xx, without a trace, in bounded memory."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from .conftest import GOOD, PERSON
from .processes import Process

SETTINGS = """
port = 0
log = "log.jsonl"
[rate]
requests = ""
[limits]
header_seconds = 1.0
body_seconds = 1.0
idle_seconds = 1.0
connections = 60
"""
GROWTH = 64  # MiB that one onslaught may add to the server's memory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One process for the module; at its end it wrote no trace and answered no 5xx."""
    started = Process(tmp_path_factory.mktemp("server"), SETTINGS)
    try:
        for row in (GOOD, PERSON):  # what is imported at a first request is no growth
            assert started.sent(json.dumps({"instances": [row]})).status_code == 200
        yield started
        assert started.sent(json.dumps({"instances": [GOOD]})).status_code == 200
    finally:
        started.close()
    assert "Traceback" not in started.errors.read_text()
    lines = [json.loads(line) for line in started.log.read_text().splitlines()]
    assert not [line for line in lines if line.get("status", 0) >= 500 or "error" in line]


def refused(server: Process, content: Any, *statuses: int, **headers: str) -> None:
    """The body is refused with one of the statuses in our own words, and memory stays."""
    before = server.memory
    answer = server.sent(content, **headers)
    assert answer.status_code in statuses, answer.text[:200]
    assert set(answer.json()["error"]) >= {"expected", "found", "do"} and len(answer.content) < 2000
    assert "Traceback" not in answer.text and ".py" not in answer.text and "server" not in answer.headers
    assert server.memory - before < GROWTH


ROW = json.dumps({"instances": [GOOD]})


def numbers(text: str) -> str:
    """A body whose first number is this text."""
    return ROW.replace("[[30.0", "[[" + text)


def test_ten_megabytes_of_json_declared_or_in_chunks(server: Process) -> None:
    big = json.dumps({"instances": [GOOD] * 260_000}).encode()
    assert len(big) > 10_000_000
    refused(server, big, 413)
    refused(server, (big[i : i + 65_536] for i in range(0, len(big), 65_536)), 413)
    refused(server, b'{"instances": "' + b"a" * 10_000_000 + b'"}', 413)


@pytest.mark.parametrize("text", ["[", '{"a":', '{"instances":[', "[[{"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_million_deep(server: Process, text: str, closed: bool) -> None:
    ends = {"[": "]", "{": "}"}
    tail = "".join(ends[c] for c in reversed(text) if c in ends)
    deep = 1_000_000
    body = text * deep + ("0" + tail * deep if closed else "")
    refused(server, body, 413, 422)
    fits = min(deep, 1_000_000 // len(text + tail))
    refused(server, text * fits + ("0" + tail * fits if closed else ""), 422)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "nan", "1e400", "-1e400", "1e999999999", "9" * 5000, "0x10", "1_0", '"30"']
)
def test_numbers_that_are_none(server: Process, text: str) -> None:
    refused(server, numbers(text), 422)
    refused(server, json.dumps({"instances": [PERSON]}).replace("12.5", text), 422)


def test_gzip_bombs_are_not_opened(server: Process) -> None:
    bomb = gzip.compress(b"[" + b"0," * 50_000_000 + b"0]", 1)
    assert len(bomb) < 1_000_000
    for encoding in ("gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip"):
        refused(server, bomb, 415, **{"Content-Encoding": encoding})
    refused(server, bomb, 413, 422)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({k: v for k, v in PERSON.items() if k != "color"}, "color"),
        ({**PERSON, "more": 1}, "more"),
        ({**PERSON, "color": "blue"}, "color"),
        ({**PERSON, "color": "red\u0000"}, "color"),
        ({**PERSON, "__proto__": {}}, "__proto__"),
        ({**PERSON, "x" * 100_000: 1}, "x" * 60),
    ],
)
def test_wrong_columns_and_unknown_categories_are_named(server: Process, row: Any, column: str) -> None:
    body = json.dumps({"instances": [row]})
    refused(server, body, 422)
    assert server.sent(body).json()["error"]["column"] == column


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b'{"instances": [[\xed\xa0\x80]]}', b"\x00" * 1000, b"{" * 10, b'{"instances":' + b" " * 900_000]
)
def test_what_is_no_json(server: Process, content: bytes) -> None:
    refused(server, content, 422)


def test_many_keys_that_hash_alike_cost_nothing(server: Process) -> None:
    refused(server, json.dumps({"instances": [{str(i): i for i in range(50_000)}]}), 422)
    refused(server, '{"instances": [[1]],' * 1 + ",".join(f'"{i}": 0' for i in range(60_000)) + "}", 422)


def test_slowloris_loses_its_connections_and_the_others_are_answered(server: Process) -> None:
    head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nAuthorization: {server.head['Authorization']}\r\n"
    before = server.memory
    slow = [server.raw(head.encode()) for _ in range(20)]
    slow += [server.raw(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode()) for _ in range(20)]
    assert server.sent(ROW).status_code == 200
    end = time.monotonic() + 300
    for connection in slow:
        answer = _dripped(connection, end)
        assert answer == b"" or b" 408 " in answer.partition(b"\r\n")[0], answer
        connection.close()
    assert server.sent(ROW).status_code == 200 and server.memory - before < GROWTH


def _dripped(connection: socket.socket, end: float) -> bytes:
    """What comes back while we go on sending a byte now and then, until the other side closes."""
    connection.settimeout(0.2)
    seen = b""
    while time.monotonic() < end:
        with suppress(TimeoutError):
            try:
                part = connection.recv(65_536)
            except ConnectionError:
                return seen
            if not part:
                return seen
            seen += part
        with suppress(OSError):
            connection.send(b"X")
    raise AssertionError("the slow connection was left open")


def test_more_connections_than_allowed_are_closed_and_then_all_is_well(server: Process) -> None:
    before = server.memory
    many = [server.raw() for _ in range(150)]
    for connection in many:
        connection.close()
    for _ in range(600):
        with suppress(httpx.TransportError):
            if server.sent(ROW).status_code == 200:
                break
        time.sleep(0.1)
    assert server.sent(ROW).status_code == 200 and server.memory - before < GROWTH


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(20_000)) + b"\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_broken_heads_get_4xx_or_a_closed_door(server: Process, content: bytes) -> None:
    connection = server.raw()
    with connection, suppress(ConnectionError):
        connection.sendall(content)
        with suppress(OSError):  # it was closed already
            connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        status = answer[9:10]
        assert status in (b"", b"4") and b"uvicorn" not in answer.lower() and b"Traceback" not in answer and b"h11" not in answer
