"""The real app, `tiltyard app`, on a free port with a store of its own; it ends with the tests."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running app, with its token."""
    with started(tmp_path_factory.mktemp("app")) as url:
        yield url


@contextmanager
def started(folder: Path, *words: str) -> Iterator[str]:
    """`tiltyard app` with these words more and its store and people in ``folder``; its URL."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"TILTYARD_STORE": str(folder / "runs.sqlite"), "TILTYARD_USERS": str(folder / "users.json"), "OMP_NUM_THREADS": "2"}
    own["XDG_DATA_HOME"] = str(folder / "data")  # what this machine's person loaded last is not offered
    log = (folder / "log").open("wb")
    command = [sys.executable, "-m", "tiltyard", "app", "--port", str(port), *words]
    server = subprocess.Popen(command, env=os.environ | own, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield _url(server, Path(log.name))
    finally:
        server.terminate()
        server.wait(300)
        log.close()


def _url(server: "subprocess.Popen[bytes]", log: Path) -> str:
    """What the app said: where it is, once it answers."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        said = log.read_text(errors="replace")
        if found := re.search(r"Tiltyard is at (\S+)\s", said):
            return found[1]
        if server.poll() is not None:
            pytest.fail(f"the app ended: {said[-2000:]}")
        time.sleep(0.2)
    pytest.fail("the app did not answer within five minutes")
