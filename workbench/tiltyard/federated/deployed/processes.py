"""Flower's own programs as processes of one deployment on loopback: started, watched, ended together."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import Problem, Unavailable
from ...progress import Progress
from .credentials import NodeKey, Tls
from .leash import Leash, end

CONNECTION = "deployment"
APP = """[project]
name = "tiltyard-federation"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []
[tool.flwr.app]
publisher = "tiltyard"
[tool.flwr.app.components]
serverapp = "server_side:app"
clientapp = "client_side:app"
[tool.flwr.app.config]
home = ""
classes = 2
patience = 120.0
rows = 1
"""
UP = 60.0


def program(name: str) -> str:
    """The path of one of Flower's programs, beside this Python."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise Unavailable("Flower, for a federation in processes of its own", "it is not installed", "pip install 'tiltyard[federated]'")
    return str(path)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """A context: whatever was started in it is ended with it and all it started, also where this process is killed.

    Flower runs with TLS, nodes known by their keys, telemetry and update checks off, a home of its own in ``folder``,
    and without installing anything at run time (1.41 would call ``uv sync``).
    """

    def __init__(self, folder: Path, tls: Tls, leash: Leash) -> None:
        self.folder, self.tls, self.port = folder, tls, free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.leash = leash
        home = folder / "flower"
        home.mkdir(mode=0o700)
        off = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1"}
        self.environment = {**os.environ, **off, "FLWR_HOME": str(home), "OMP_NUM_THREADS": "1"}
        text = f'[superlink]\ndefault = "{CONNECTION}"\n[superlink.{CONNECTION}]\naddress = "127.0.0.1:{self.port}"\n'
        (home / "config.toml").write_text(f'{text}root-certificates = "{tls.authority}"\n', "utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in reversed(list(self.running)):
            self.end(name)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start ``command`` in a group of its own, its words in ``name``.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [program(command[0]), *command[1:]], stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        self.leash.hold(self.running[name].pid)

    def end(self, name: str) -> None:
        """End a process with all it started."""
        process = self.running.pop(name)
        end(process.pid)
        process.wait()

    def server(self, progress: Progress) -> None:
        """Flower's SuperLink, until it can be reached."""
        files = ["--ssl-ca-certfile", self.tls.authority, "--ssl-certfile", self.tls.certificate, "--ssl-keyfile", self.tls.key]
        at = ["--host", "127.0.0.1", "--port", str(self.port)]
        options = ["--enable-supernode-auth", "--disable-runtime-dependency-installation"]
        self.start("superlink", ["flower-superlink", *at, *map(str, files), *options])
        until = time.monotonic() + UP
        while not _listens(self.port):
            self.alive("superlink")
            if time.monotonic() > until:
                raise Problem("Flower's SuperLink to listen within a minute", "it does not", f"See {self.folder / 'superlink.log'}")
            progress.check()
            time.sleep(0.2)

    def registered(self, key: NodeKey, progress: Progress) -> int:
        """The node id that the server gives to the owner of ``key``."""
        said = self.asked(["supernode", "register", str(key.public), CONNECTION, "--format", "json"], progress)
        return int(json.loads(said[said.index("{") :])["node-id"])

    def node(self, client: int, key: NodeKey, home: Path) -> None:
        """One client's SuperNode; it reads its own folder alone."""
        to = ["--superlink", f"127.0.0.1:{self.port}", "--root-certificates", str(self.tls.authority)]
        files = ["--ssl-ca-certfile", self.tls.authority, "--ssl-certfile", self.tls.certificate, "--ssl-keyfile", self.tls.key]
        own = ["--port", str(free_port()), "--auth-supernode-private-key", str(key.private)]
        told = ["--node-config", f"client={client} home={json.dumps(str(home))}"]
        self.start(f"client-{client}", ["flower-supernode", *to, *map(str, files), *own, *told])

    def run(self, app: Path, settings: str, progress: Progress) -> None:
        """Hand the app to the server, which starts it."""
        self.asked(["run", str(app), CONNECTION, "--run-config", settings], progress)

    def asked(self, command: Sequence[str], progress: Progress) -> str:
        """What ``flwr`` answers; a cancel ends it."""
        with subprocess.Popen(
            [program("flwr"), *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        ) as process:
            said, complaint = _answer(process, progress)
        if process.returncode:
            lines = (complaint.strip() or said.strip() or "nothing").splitlines()
            raise Problem(f"flwr {command[0]} to succeed", lines[-1], f"See the logs in {self.folder}")
        return said

    def alive(self, name: str) -> None:
        """A `Problem` where the process has ended."""
        code = self.running[name].poll()
        if code is not None:
            lines = (self.folder / f"{name}.log").read_text("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise Problem(f"{name} to keep running", f"it ended with {code}: {lines[-1][:200]}", f"See {self.folder / name}.log")


def _answer(process: subprocess.Popen[str], progress: Progress) -> tuple[str, str]:
    """Output and complaints of a short command."""
    until = time.monotonic() + 2 * UP
    while True:
        try:
            return process.communicate(timeout=0.2)
        except subprocess.TimeoutExpired:
            if progress.cancelled or time.monotonic() > until:
                process.kill()
            progress.check()


def app_folder(folder: Path) -> Path:
    """Flower's app: two lines that name our client and server."""
    made = folder / "app"
    made.mkdir(mode=0o700)
    (made / "pyproject.toml").write_text(APP, "utf-8")
    for side in ("server", "client"):
        (made / f"{side}_side.py").write_text(f"from tiltyard.federated.deployed.{side}_app import app\n\n__all__ = ['app']\n", "utf-8")
    return made


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
