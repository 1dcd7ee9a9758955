"""Flower's own programs as processes of one deployment on this machine: started, watched, ended together."""

import importlib.util
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

from ...child_processes.killing import end
from ...child_processes.supervised import Supervisor
from ...errors import Problem, Unavailable
from ...progress import Progress
from . import logs
from .credentials import NodeKey, Tls, kept
from .flower import command

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
SERVER = 1
LONGEST = 90  # bytes of a folder's path; that of a socket has 103 where systems allow least


def ready(folder: Path) -> None:
    """Can a federation run here?

    Raises
    ------
    Problem
        Flower is not installed, this process may make no sockets in folders, or the folder's path is too long for them.
    """
    if importlib.util.find_spec("flwr") is None:
        raise Unavailable("Flower, for a federation in processes of its own", "it is not installed", "pip install 'tiltyard[federated]'")
    try:
        socket.socket(socket.AF_UNIX).close()
    except (AttributeError, OSError):
        expected, found = (
            "processes that may talk by sockets in a folder",
            "that they may not, as on Windows and in kernels behind a shared login",
        )
        raise Unavailable(expected, found, "Leave processes off, or run `tiltyard federate`") from None
    if len(os.fsencode(folder)) > LONGEST:
        raise Problem(f"a temporary folder whose path has {LONGEST} bytes at most", str(folder), "Set TMPDIR to a shorter one")


class Processes:
    """A context: whatever was started in it is ended with it and all it started, also where this process is killed.

    Nothing listens on a network: the processes talk by sockets in ``folder``, which other accounts cannot enter (`flower`). Flower runs
    with TLS besides, nodes known by their keys, telemetry and update checks off, a home of its own in ``folder``, and without installing
    anything at run time (1.41 would call ``uv sync``).
    """

    def __init__(self, folder: Path, tls: Tls, supervisor: Supervisor) -> None:
        self.folder, self.tls, self.supervisor = folder, tls, supervisor
        self.running: dict[str, list[subprocess.Popen[bytes]]] = {}
        home = folder / "flower"
        home.mkdir(mode=0o700)
        off = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1"}
        ours = {"FLWR_HOME": str(home), "OMP_NUM_THREADS": "1", "NO_PROXY": "*", "no_proxy": "*"}
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("FLWR_")}
        self.environment = {**theirs, **off, **ours, "PYTHONPATH": path}
        text = f'[superlink]\ndefault = "{CONNECTION}"\n[superlink.{CONNECTION}]\naddress = "{_address(SERVER)}"\n'
        kept(home / "config.toml", f'{text}root-certificates = "{tls.authority}"\n'.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in reversed(list(self.running)):
            self.end(name)

    def start(self, name: str, program: str, *arguments: str) -> None:
        """Start a program of Flower in a group of its own as part of ``name``, its words in ``name``.log."""
        log = os.open(self.folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                command(self.folder, program, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(log)
        self.running.setdefault(name, []).append(process)
        self.supervisor.hold(process.pid)

    def end(self, name: str) -> None:
        """End what was started under ``name`` with all it started."""
        for process in self.running.pop(name):
            end(process.pid)
            process.wait()

    def server(self, progress: Progress) -> None:
        """Flower's SuperLink, until it can be reached, and what starts its app."""
        self.start("superlink", "flower-superlink", *self._listening(SERVER), "--enable-supernode-auth")
        until = time.monotonic() + UP
        while not _listens(self.folder / str(SERVER)):
            self.alive("superlink")
            if time.monotonic() > until:
                raise self.trouble("Flower's SuperLink to listen within a minute", "it does not", "superlink")
            progress.check()
            time.sleep(0.2)
        self._apps("superlink", SERVER)

    def registered(self, key: NodeKey, progress: Progress) -> int:
        """The node id that the server gives to the owner of ``key``."""
        answer = self.asked(["supernode", "register", str(key.public), CONNECTION, "--format", "json"], progress)
        return int(json.loads(answer[answer.index("{") :])["node-id"])

    def node(self, client: int, key: NodeKey, home: Path) -> None:
        """One client's SuperNode; it reads its own folder alone."""
        name, port = f"client-{client}", SERVER + 1 + client
        to = ["--superlink", _address(SERVER), "--root-certificates", str(self.tls.authority)]
        own = ["--auth-supernode-private-key", str(key.private), "--node-config", f"client={client} home={json.dumps(str(home))}"]
        self.start(name, "flower-supernode", *to, *self._listening(port), *own)
        self._apps(name, port)

    def _listening(self, port: int) -> list[str]:
        """Arguments of what listens; it starts no app itself, as Flower's own way puts tokens where every account can read them."""
        files = ["--ssl-ca-certfile", self.tls.authority, "--ssl-certfile", self.tls.certificate, "--ssl-keyfile", self.tls.key]
        return ["--host", "127.0.0.1", "--port", str(port), *map(str, files), "--isolation", "process"]

    def _apps(self, name: str, port: int) -> None:
        """What starts the apps of ``name``."""
        self.start(name, "flower-superexec", "--runtime-api-address", _address(port), "--root-certificates", str(self.tls.authority))

    def run(self, app: Path, settings: str, progress: Progress) -> None:
        """Hand the app to the server, which starts it."""
        self.asked(["run", str(app), CONNECTION, "--run-config", settings], progress)

    def asked(self, words: Sequence[str], progress: Progress) -> str:
        """What ``flwr`` answers; a cancel ends it."""
        with subprocess.Popen(
            command(self.folder, "flwr", *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            umask=0o077,
        ) as process:
            answer, complaint = _answer(process, progress)
        if process.returncode:
            lines = (complaint.strip() or answer.strip() or "nothing").splitlines()
            raise self.trouble(f"flwr {words[0]} to succeed", lines[-1], "superlink")
        return answer

    def alive(self, name: str) -> None:
        """A `Problem` where one of its processes has ended."""
        for process in self.running[name]:
            if (code := process.poll()) is not None:
                lines = (self.folder / f"{name}.log").read_text("utf-8", "replace").strip().splitlines() or ["nothing"]
                raise self.trouble(f"{name} to keep running", f"it ended with {code}: {lines[-1][:200]}", name)

    def trouble(self, expected: str, found: str, name: str) -> Problem:
        """What went wrong, with a copy of the log of ``name`` that stays when ``folder`` goes."""
        try:
            return Problem(expected, found, f"See {logs.keep(self.folder) / name}.log")
        except OSError as error:
            return Problem(expected, found, f"Its logs could not be kept in {logs.place()}: {error.strerror}")


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
    kept(made / "pyproject.toml", APP.encode())
    for side in ("server", "client"):
        kept(made / f"{side}_side.py", f"from tiltyard.federated.deployed.{side}_app import app\n\n__all__ = ['app']\n".encode())
    return made


def _address(port: int) -> str:
    """How Flower gets the socket ``port`` in the folder."""
    return f"127.0.0.1:{port}"


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0
