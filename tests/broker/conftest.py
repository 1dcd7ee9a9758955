"""A broker in this process, and lines to it as kernels hold them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tiltyard.access.line import Line
from tiltyard.audit import notes as audit
from tiltyard.broker.server import Broker
from tiltyard.result import CheckResult, Identity, Record, Status
from tiltyard.store import opening, store
from tiltyard.store.remote import RemoteStore

MODEL = Identity(name="model", fingerprint="ab" * 32)
ROWS = Identity(name="rows", fingerprint="cd" * 32)
FILE = b"rows that a step made"
ROLES = {"ada": "analyst", "bob": "analyst", "vera": "viewer", "eve": "admin"}


def record(*, file: bool = False) -> Record:
    """A record as a check makes it; ``file`` names `FILE`."""
    named = {"rows.npz": sha256(FILE).hexdigest()} if file else {}
    result = CheckResult(status=Status.PASSED, summary="Good.", artifacts=named)
    facts = {"check": "evasion.pgd", "title": "PGD", "given": {}, "effective": {"eps": 0.1}, "seed": 0, "versions": {"tiltyard": "0"}}
    return Record(id="i", result=result, target=MODEL, data=ROWS, started=datetime.now(UTC), seconds=1.0, queries=3, **facts)  # type: ignore[arg-type]


class Lines:
    """A broker, and the kernels' ends of lines to it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.ends: list[socket.socket] = []

    def end(self, name: str, mark: str = "", kernel: str = "") -> socket.socket:
        """The bare socket of a new kernel of this person's."""
        ours, theirs = socket.socketpair()
        self.ends.append(ours)
        self.broker.admit({"kernel": kernel or f"{name} {len(self.ends)}", "name": name, "role": ROLES[name], "mark": mark}, theirs)
        return ours

    def of(self, name: str, mark: str = "", kernel: str = "") -> Line:
        """A new kernel's line."""
        return Line(self.end(name, mark, kernel))

    def store(self, name: str) -> RemoteStore:
        """A new kernel's store."""
        return RemoteStore(asked=self.of(name))


@contextmanager
def lines_of(broker: Broker) -> Iterator[Lines]:
    found = Lines(broker)
    try:
        yield found
    finally:
        for end in found.ends:
            end.close()
        broker.close()


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    for variable, name in (("TILTYARD_USERS", "users.json"), ("TILTYARD_KEYS", "keys.json")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    with lines_of(Broker()) as found:
        yield found


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> Callable[[Line], None]:
    """From now on this process is the kernel that holds the line; the broker's threads, which are here too, work as ever."""

    def hold(held: Line) -> None:
        for module in (audit, opening, store):
            monkeypatch.setattr(module, "line", lambda: None if threading.current_thread().name == "tiltyard line" else held)

    return hold
