"""Floods of connections without a key, from one address and from many, and honest clients beside them: each of these is counted."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from tiltyard.serving.places import Places, Visit, network
from tiltyard.serving.settings import LimitSettings, Settings

from .conftest import GOOD, until
from .processes import Process, environment
from .test_running import certified

FLOOD, HONEST, AT_ONCE = 505, 148, 12  # as a review did it: 5 of 148 were answered
ROW = json.dumps({"instances": [GOOD]})
SETTINGS = 'port = 0\nlog = "log.jsonl"\n[rate]\nrequests = ""\n[limits]\nstranger_seconds = 600.0\nheader_seconds = 600.0\n'
SMALL = SETTINGS + "connections = 60\nstrangers = 20\nstrangers_each = 8\n"
FEW, SOME = 80, 24
Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process; it is ended with the test."""
    with ExitStack() as stack:

        def begin(settings: str = SETTINGS, verify: Any = True) -> Process:
            made = Process(tmp_path, settings, verify=verify)
            stack.callback(made.close)
            return made

        yield begin


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A process with few places; every test leaves it as empty as it was."""
    made = Process(tmp_path_factory.mktemp("small"), SMALL)
    yield made
    made.close()


def knocked(stack: ExitStack, server: Process, number: int, address: Callable[[int], str], content: bytes = b"") -> list[socket.socket]:
    """Connections that are opened, say no more than ``content``, and are kept."""
    port, made = int(server.url.rpartition(":")[2]), []
    for i in range(number):
        one = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address(i), 0)))
        with suppress(OSError):  # it was ended already
            one.sendall(content)
        made.append(one)
    return made


def answered(server: Process, number: int = HONEST, lanes: int = AT_ONCE, tries: int = 1) -> int:
    """How many of so many requests with a key, each on a connection of its own, are answered."""

    def one(_: int) -> int:
        return next(filter(None, (once() for _ in range(tries))), 0)

    def once() -> int:
        with suppress(httpx.TransportError):
            return httpx.post(server.url + "/v1/predict", content=ROW, headers=server.head, timeout=60, verify=server.verify).status_code
        return 0

    with ThreadPoolExecutor(lanes) as pool:
        return list(pool.map(one, range(number))).count(200)


def alive(connections: list[socket.socket]) -> int:
    """How many the other side has not ended."""
    return sum(_open(one) for one in connections)


def _open(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(65_536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


ASKED = b"GET /v1/model HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n"
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n"
SAID = {
    "nothing": b"",
    "half a head": HEAD,
    "a body that never comes, without a key": HEAD + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    "a wrong key, then silence": HEAD + b"Authorization: Bearer ty_" + b"A" * 43 + b"\r\nContent-Length: 0\r\n\r\n",
    "a page for everybody, then silence": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "pages for everybody, one after the other": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 150,
    "a page that is not there, with a body that never comes": b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
}


def test_a_flood_from_ones_own_address_costs_no_honest_request(start: Start) -> None:
    server = start()
    with ExitStack() as stack:
        flood = knocked(stack, server, FLOOD, lambda i: "127.0.0.1")
        assert answered(server) == HONEST
        until(lambda: alive(flood) <= LimitSettings().strangers_each)


@pytest.mark.parametrize("content", SAID.values(), ids=SAID)
def test_whatever_strangers_say_they_cost_no_honest_request(small: Process, content: bytes) -> None:
    with ExitStack() as stack:
        kept = knocked(stack, small, 1, lambda i: "127.0.0.1", ASKED % small.head["Authorization"].encode())
        until(lambda: b" 200 " in kept[0].recv(65_536))
        flood = knocked(stack, small, FEW, lambda i: "127.0.0.1", content)
        assert answered(small, SOME, 4) == SOME
        until(lambda: alive(flood) <= 8)
        assert alive(kept) == 1, "who showed a key and is idle makes no room for strangers"


def test_a_flood_from_many_addresses_costs_no_honest_request(start: Start) -> None:
    server = start()
    with ExitStack() as stack:
        flood = knocked(stack, server, FLOOD, lambda i: f"127.0.{1 + i % 3}.{1 + i % 200}")
        assert answered(server) == HONEST
        until(lambda: alive(flood) <= LimitSettings().strangers)


@pytest.mark.parametrize("same", [False, True])
def test_a_flood_that_comes_again_costs_no_honest_request(start: Start, same: bool) -> None:
    """Who floods opens all anew, again and again. From the same address it can be faster than a client's first bytes, which then tries again."""
    server, ended = start(SETTINGS if same else SMALL), Event()

    def again(lane: int) -> int:
        made = 0
        while not ended.is_set():
            with ExitStack() as stack, suppress(OSError):
                made += len(knocked(stack, server, 30, lambda i: "127.0.0.1" if same else f"127.0.1.{1 + lane}"))
        return made

    with ThreadPoolExecutor(2) as pool:
        floods = [pool.submit(again, lane) for lane in range(2)]
        try:
            until(lambda: answered(server, 1) == 1)
            honest = answered(server, SOME, 4, tries=5 if same else 1)
        finally:
            ended.set()
        assert sum(flood.result() for flood in floods) > 0
    assert honest == SOME


def test_one_key_that_sends_no_bodies_keeps_no_other_key_out(start: Start) -> None:
    server = start(SMALL + "body_seconds = 600.0\n")
    other = server.keys.new("other").secret
    head = HEAD + f"Authorization: Bearer {other}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode()
    with ExitStack() as stack:
        greedy = knocked(stack, server, FEW, lambda i: f"127.0.1.{1 + i}", head)
        assert answered(server, SOME, 4) == SOME
        assert 0 < alive(greedy) <= 40


def test_handshakes_that_never_end_are_strangers_too(start: Start, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certified(tmp_path)))
    server = start('certificate = "cert.pem"\nprivate_key = "key.pem"\n' + SMALL, verify=trusted)
    with ExitStack() as stack:
        flood = knocked(stack, server, FEW, lambda i: "127.0.0.1", b"\x16\x03\x01")
        assert answered(server, SOME, 4) == SOME
        until(lambda: alive(flood) <= 8)


@pytest.mark.parametrize("secure", [False, True])
def test_without_a_key_a_connection_ends_by_itself(start: Start, tmp_path: Path, secure: bool) -> None:
    """Three of each kind, from an address of their own, so that none ends for another's sake."""
    tls = 'certificate = "cert.pem"\nprivate_key = "key.pem"\n' if secure else ""
    verify = ssl.create_default_context(cafile=str(certified(tmp_path)))
    long = "header_seconds = 600.0\nbody_seconds = 600.0\nidle_seconds = 600.0\n"
    server = start(f'{tls}port = 0\nlog = "log.jsonl"\n[limits]\nstranger_seconds = 2.0\n{long}', verify)
    said = {**SAID, "half a handshake": b"\x16\x03\x01"}
    with ExitStack() as stack:
        mute = {
            kind: knocked(stack, server, 3, lambda i, at=at: f"127.0.1.{at}", content)  # type: ignore[misc]
            for at, (kind, content) in enumerate(said.items(), 1)
        }
        until(lambda: [kind for kind, ones in mute.items() if alive(ones)] == [])
    assert answered(server, 3, tries=10) == 3


class Hand:
    """A clock that is moved by hand, and connections that note their end."""

    def __init__(self, limits: dict[str, int] | None = None, trusted: tuple[str, ...] = ()) -> None:
        self.now = 0.0
        self.ended: list[str] = []
        small = {"connections": 10, "strangers": 4, "strangers_each": 2}
        self.places = Places(LimitSettings(**{**small, **(limits or {})}), trusted, lambda: self.now)

    def enter(self, name: str, address: str = "192.0.2.1", account: str = "") -> Visit:
        """A new one; ``name`` is noted where it is ended."""
        visit = Visit(lambda: self.ended.append(name))
        if not self.places.enter(visit, address):
            self.ended.append(name)
        elif account:
            visit.asking = True
            assert visit.shown(account)
            visit.asking = False
        return visit

    def later(self) -> list[str]:
        """After the grace, who was ended."""
        self.now += 2.0
        self.places.settle()
        return sorted(self.ended)


def test_an_address_has_its_share_and_all_have_theirs() -> None:
    hand = Hand()
    for i in range(4):
        hand.enter(f"one {i}", "192.0.2.1")
    hand.enter("two", "192.0.2.2")
    assert not hand.ended, "in the first second nobody is counted"
    assert hand.later() == ["one 0", "one 1"]
    for i in range(3):
        hand.enter(f"more {i}", f"192.0.2.{3 + i}")
    assert hand.later()[2:] == ["one 2", "one 3"] and hand.places.count(known=False) == 4


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, alike: bool) -> None:
    assert (network(one) == network(other)) is alike


def test_a_full_house_lets_a_stranger_in_for_a_stranger_and_never_for_a_key() -> None:
    hand = Hand()
    for i in range(6):
        hand.enter(f"key {i}", account=f"k{i}")
    for i in range(40):
        hand.enter(f"stranger {i:02}", "192.0.2.9")
    assert hand.ended == [f"stranger {i:02}" for i in range(36)] and hand.places.count(known=True) == 6
    hand.enter("other", "192.0.2.8")
    assert hand.ended[-1] == "stranger 36", "of the address that holds most"


def test_one_key_does_not_keep_another_out() -> None:
    hand = Hand()
    for i in range(6):
        hand.enter(f"greedy {i}", account="greedy")
    hand.enter("modest", account="modest")
    assert hand.ended == ["greedy 0"]
    hand.enter("greedy 6", account="greedy")
    assert hand.ended == ["greedy 0", "greedy 1"] and hand.places.count(known=True) == 6


def test_who_is_being_answered_is_not_ended_for_another() -> None:
    hand = Hand()
    busy = [hand.enter(f"busy {i}", account="busy") for i in range(6)]
    for visit in busy:
        visit.asking = True
    late = hand.enter("late")
    assert not late.shown("late") and not late.known and not hand.ended
    busy[4].receiving = True
    assert hand.enter("third").shown("third") and hand.ended == ["busy 4"]
    hand.ended.clear()
    busy[3].asking = False
    assert late.shown("late") and hand.ended == ["busy 3"]


def test_a_stranger_is_spared_for_its_first_request_alone() -> None:
    hand = Hand()
    many = [hand.enter(f"{i}") for i in range(10)]
    for visit in many:
        visit.asking = True
    hand.enter("late")
    assert hand.ended == ["late"], "each may be about to show a key"
    for visit in many:
        visit.answered()
        visit.asking = True  # it asks again, as it will for ever
    hand.enter("later")
    assert hand.ended == ["late", "0"] and len(hand.later()) > 2


def test_a_key_that_ended_makes_a_stranger_again() -> None:
    hand = Hand({"strangers_each": 1})
    first, second = hand.enter("first", account="a"), hand.enter("second", account="a")
    first.asking = second.asking = True
    first.refused()
    second.refused()
    assert hand.later() == ["first"] and hand.places.count(known=True) == 0


def test_a_proxy_of_ones_own_is_not_shared_out_by_address() -> None:
    hand = Hand(trusted=("10.0.0.0/8",))
    for i in range(6):
        hand.enter(f"proxy {i}", "10.1.2.3").refused()
    assert hand.later() == [] and len(hand.places) == 6
    with pytest.raises(ValueError, match="network"):
        Settings(proxies=("proxy.example",))


@pytest.mark.parametrize("secure", [False, True])
def test_strangers_do_not_hold_up_a_stop(start: Start, tmp_path: Path, secure: bool) -> None:
    """Idle ones and half handshakes are ended at once, though they might stay for ten minutes."""
    tls = 'certificate = "cert.pem"\nprivate_key = "key.pem"\n' if secure else ""
    server = start(tls + SETTINGS + "stop_seconds = 600.0\n", ssl.create_default_context(cafile=str(certified(tmp_path))))
    with ExitStack() as stack:
        flood = knocked(stack, server, 20, lambda i: "127.0.0.1", b"\x16\x03\x01" if secure else b"")
        assert answered(server, 1) == 1 and alive(flood) == 20
        server.process.terminate()
        assert server.process.wait(120) in (0, -signal.SIGTERM)
        assert alive(flood) == 0
    assert "Traceback" not in server.errors.read_text()


FILES = """
import resource
from tiltyard.errors import Problem
from tiltyard.serving.binding import enough_files

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 900))
enough_files(500)
print(resource.getrlimit(resource.RLIMIT_NOFILE))
try:
    enough_files(5000)
except Problem as problem:
    print(problem)
"""


def test_a_server_opens_as_many_files_as_its_connections_need_or_says_that_it_may_not() -> None:
    said = subprocess.run([sys.executable, "-c", FILES], capture_output=True, text=True, check=True, env=environment()).stdout.splitlines()
    assert said[0] == "(800, 900)" and "lower limits.connections" in said[1]
