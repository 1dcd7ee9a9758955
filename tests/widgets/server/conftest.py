"""A real Jupyter server on a free port of loopback, with people and roles, an authorizer that can be told what to refuse, and files."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Finding, Severity, Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

CONFIG = """
import json
from pathlib import Path
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User
from tiltyard.access.person import Person
from tiltyard.access.roles import Role

HERE = Path({here!r})


class People(IdentityProvider):
    def get_user_token(self, handler):
        name, _, word = (self.get_token(handler) or "").partition("-")
        if word != "word":
            return None
        handler._token_authenticated = True
        return User(username=name)

    def person(self, user):
        return Person(user.username, Role(json.loads((HERE / "roles.json").read_text())[user.username]), shared=True)


class Asked(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        with (HERE / "asked.jsonl").open("a") as log:
            log.write(json.dumps([handler.request.path, user.username, action, resource]) + chr(10))
        return [user.username, action, resource] not in json.loads((HERE / "refused.json").read_text())


c.ServerApp.identity_provider_class = People
c.ServerApp.authorizer_class = Asked
c.ServerApp.root_dir = str(HERE / "root")
c.ServerApp.open_browser = False
c.TiltyardExtension.store_place = str(HERE / "runs.sqlite")
"""
ROLES = {"vera": "viewer", "ada": "analyst", "bob": "analyst", "root": "admin"}
EXTENSIONS = {"tiltyard_widgets.server": True, "jupyterlab": False, "voila.server_extension": False, "jupyter_lsp": False}


@dataclass
class Server:
    """A running server; ``as_(name)`` is a client logged in as that person, ``client`` one that is not."""

    url: str
    here: Path

    @property
    def root(self) -> Path:
        """Its top folder of files."""
        return self.here / "root"

    @property
    def store(self) -> Path:
        """Where it keeps runs."""
        return self.here / "runs.sqlite"

    def as_(self, name: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}tiltyard/api/", headers={"Authorization": f"token {name}-word"}, timeout=120, trust_env=False
        )

    def asked(self) -> list[list[str]]:
        """What the authorizer was asked: path, person, action, resource."""
        return [json.loads(line) for line in (self.here / "asked.jsonl").read_text().splitlines()]

    def refuse(self, *given: tuple[str, str, str]) -> None:
        """Have the authorizer refuse person, action, resource."""
        (self.here / "refused.json").write_text(json.dumps(given))


def started(here: Path, more: str = "") -> tuple["subprocess.Popen[bytes]", Server]:
    """A server that keeps everything in ``here``; ``more`` is added to its configuration."""
    (here / "root").mkdir()
    (here / "config" / "jupyter_server_config.d").mkdir(parents=True)
    (here / "config" / "jupyter_server_config.py").write_text(CONFIG.format(here=str(here)) + more)
    (here / "config" / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"jpserver_extensions": EXTENSIONS}}))
    for name, content in (("roles", ROLES), ("refused", [])):
        (here / f"{name}.json").write_text(json.dumps(content))
    (here / "asked.jsonl").touch()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(here / "config"), "JUPYTER_RUNTIME_DIR": str(here / "runtime")}
    command = [sys.executable, "-m", "jupyter_server", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0", "--allow-root"]
    with (here / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=here, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    return process, Server(f"http://127.0.0.1:{port}/", here)


def wait_for(done: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """The first true answer of ``done``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.1)
    pytest.fail(f"{what} within {seconds:.0f} s")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    here = tmp_path_factory.mktemp("server")
    process, made = started(here)
    try:
        wait_for(lambda: answers(made, process), f"no answer; {(here / 'log').read_text()[-2000:]}")
        yield made
    finally:
        process.terminate()
        process.wait(60)


def answers(server: Server, process: "subprocess.Popen[bytes]") -> bool:
    """Does it listen? Fails where it has ended."""
    if process.poll() is not None:
        pytest.fail(f"the server ended: {(server.here / 'log').read_text()[-3000:]}")
    try:
        return httpx.get(f"{server.url}api", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def ada(server: Server) -> Iterator[httpx.Client]:
    with server.as_("ada") as client:
        yield client


@pytest.fixture
def root(server: Server) -> Iterator[httpx.Client]:
    with server.as_("root") as client:
        yield client


def person(name: str) -> Person:
    """As the server knows them."""
    return Person(name, Role(ROLES[name]), shared=True)


class Marked(Check):
    """One finding of medium severity."""

    id = "evasion.marked"
    title = "Marked"
    question = "Is it marked?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        finding = Finding(title="It is marked", severity=Severity.MEDIUM, evidence="none", advice="Nothing")
        return CheckResult(status=Status.FINDING, summary="Marked.", findings=(finding,))


class Endless(Check):
    """Goes on until it is cancelled."""

    id = "evasion.endless"
    title = "Endless"
    question = "Does it stop?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        for i in range(10**9):
            progress.step(min(i / 1000, 0.99), "going on")
            time.sleep(0.02)
        raise AssertionError


@pytest.fixture(scope="session")
def data() -> Dataset:
    schema = Schema(features=(Feature(name="a", kind="continuous"), Feature(name="b", kind="continuous")), label="y", classes=("no", "yes"))
    x = np.random.default_rng(0).random((60, 2), np.float32)
    return Dataset(x, (x[:, 0] > 0.5).astype(np.int64), schema, "tiny")


@pytest.fixture(scope="session")
def target(data: Dataset) -> Target:
    return FunctionTarget(lambda x: (np.asarray(x)[:, 0] > 0.5).astype(np.float32), data.schema.classes, data.schema, "threshold")


@pytest.fixture(scope="session")
def marked() -> Check:
    return Marked()


@pytest.fixture(scope="session")
def endless() -> Check:
    return Endless()


@pytest.fixture(scope="session")
def soon() -> Callable[[Callable[[], Any], str], Any]:
    """``soon(done, what)`` waits for a true answer."""
    return wait_for
