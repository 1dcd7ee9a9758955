"""``tiltyard app`` and ``tiltyard lab``: the workbench in a browser, served on this machine alone."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ...access.confined import unconfined
from ...access.offers import OFFERS, Offer, written
from ...access.places import DATA_ROOT
from ...errors import Problem
from ..console import remark, say
from .limits import Limits, offers

HOST = "127.0.0.1"
PORTS = {"app": 8866, "lab": 8888}
PATIENCE = 120.0
PYTHON = [sys.executable, "-P", "-m"]  # -P: no file of the folder one works in, a stranger's model's perhaps, is taken for a library
# Of JupyterLab and Notebook 7, whose own parts they need: in Voila's page they only raise errors.
STRANGERS = ("@voila-dashboards/jupyterlab-preview", "@jupyter-notebook/lab-extension", "tiltyard")


ROOT = "Started as root: whoever gets code to run here is root of this machine. Start it from an account of its own."
OPEN = "Anybody who can reach this machine's loopback address, every account of it too, gets in as you: there is no token."
NO_LIMITS = Limits()
Login = Literal["token", "password", "hub", "none"]
SHARED = ("password", "hub")


@dataclass(frozen=True)
class Door:
    """How people come into the app, and to what.

    ``login`` is by token, by name and password, by JupyterHub, or none for all who can reach it; ``hostname`` is a TLS
    proxy's; ``page`` another notebook than the workbench; ``data_root`` the folder in which each person's data lie. Unless ``warm``
    is off, kernels are forked where that is safe. ``limits`` bound what each person, and all of them, take of the machine, and name
    what is offered to all.
    """

    login: Login = "token"
    hostname: str = ""
    page: Path | None = None
    data_root: Path | None = None
    warm: bool = True
    limits: Limits = NO_LIMITS

    def ready(self) -> None:
        """Raise where nobody could come in, or everybody from elsewhere, or what is offered to all may not be opened."""
        if self.page is not None and not (self.page.is_file() and self.page.suffix == ".ipynb"):
            raise Problem("a notebook (.ipynb) to serve", f"{self.page}, which is none", "Name another")
        if self.login == "none" and self.hostname:
            raise Problem("a login for an app others can reach", "--no-token with --hostname", "Leave one of them away")
        if self.login == "password":
            from ...access.users import Users

            if not (users := Users()).all():
                raise Problem("people who may log in", f"none in {users.path}", "Add one: `tiltyard user add NAME --role admin`")
        if self.data_root is not None:
            self._rooted(self.data_root)
        bounds = self.limits
        of_shared = (bounds.memory, bounds.cores, bounds.upload, bounds.processes, bounds.running)
        if self.login not in SHARED and any(of_shared):
            raise Problem(
                "--memory, --cores, --upload, --processes and --running with --password or --hub",
                f"login by {self.login}",
                "Leave them away",
            )
        offered = self.offers
        if self.login in SHARED:
            from .apart import homes, kept_apart

            homes()
            kept_apart(self.data_root, offered)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """What is offered to all, looked at; a `Problem` where it cannot be."""
        return offers(self.limits)

    def _rooted(self, root: Path) -> None:
        if self.login not in SHARED:
            raise Problem(
                "--data-root with --password or --hub", f"login by {self.login}, where you name any path of yours", "Leave it away"
            )
        if not root.is_dir() or root.resolve() == Path(root.resolve().anchor):
            raise Problem("a folder that holds one of each person by name, and shared", f"{root}, which is none", "Make it first")
        from ...access.own_files import is_own
        from .apart import secrets

        if is_own(root.resolve()) or any(path.resolve().is_relative_to(root.resolve()) for path in secrets()):
            raise Problem("a data root with none of Tiltyard's own files in it", f"{root}", "Name a folder of data alone")


def app(port: int | None, browser: bool, door: Door) -> int:
    """Start the app behind its door, print the URL once it answers, and stay until it ends."""
    door.ready()
    if as_root():
        remark(ROOT, style="bold red")
    if door.data_root is not None:
        os.environ[DATA_ROOT] = str(door.data_root.resolve())
    os.environ[OFFERS] = written(door.offers)
    if door.login in SHARED and (reason := unconfined()):
        remark(reason, style="bold red")
    if door.login == "hub":
        with started(voila(None, door)) as server:
            return max(server.wait(), 0)
    chosen = free_port(PORTS["app"], port)
    token = secrets.token_urlsafe(32) if door.login == "token" else ""
    remark("Starting the workbench; Ctrl-C stops it.")
    if door.login == "none":
        remark(OPEN, style="bold red")
    with started(voila(chosen, door), token) as server:
        answers(server, chosen)
        url = f"http://{HOST}:{chosen}/" + (f"?token={token}" if token else "")
        say(f"Tiltyard is at {url}")
        with opened(url) if browser else nullcontext():
            return max(server.wait(), 0)


def as_root() -> bool:
    """Is this the account that may do everything?"""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def lab(port: int | None, browser: bool, folder: Path, allow_root: bool = False) -> int:
    """Start JupyterLab, which prints its own URL with its token, and stay until it ends; as root only where that is allowed."""
    chosen = free_port(PORTS["lab"], port)
    command = jupyterlab(chosen, browser, folder) + (["--allow-root"] if as_root() else [])
    if as_root() and not allow_root:
        raise Problem("an account other than root", "root, which every cell of a notebook would be", "Take another, or say --allow-root")
    if as_root():
        remark(ROOT, style="bold red")
    remark("Starting the workbench; Ctrl-C stops it.")
    with started(command) as server:
        answers(server, chosen)
        say(f"Tiltyard is at http://{HOST}:{chosen}/")
        return max(server.wait(), 0)


@contextmanager
def opened(url: str) -> Iterator[None]:
    """A browser on ``url`` by way of a file only its owner can read: a command line would show the token to others here."""
    with tempfile.TemporaryDirectory(prefix="tiltyard-") as folder:
        page = Path(folder) / "open.html"
        page.write_text(f'<!doctype html><meta http-equiv="refresh" content="0;url={url}"><a href="{url}">Tiltyard</a>', encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield


def free_port(usual: int, wanted: int | None) -> int:
    """``wanted`` if it is free, else the usual one, else any."""
    for port in (wanted,) if wanted is not None else (usual, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if wanted is not None:
                    raise Problem(f"port {wanted} free on {HOST}", error.strerror or "it taken", "Choose another --port") from None
                continue
            return int(probe.getsockname()[1])
    raise Problem(f"a free port on {HOST}", "none", "End another server")


def panels() -> Path:
    """The folder of the installed panels."""
    spec = find_spec("tiltyard_widgets")
    if spec is None or spec.origin is None:
        raise Problem("the package tiltyard_widgets", "it is not installed", "Install tiltyard again")
    return Path(spec.origin).parent


def notebook(name: str = "workbench") -> Path:
    """The app's notebook: beside the installed panels, or in the checkout."""
    beside = panels() / "apps" / f"{name}.ipynb"
    checkout = panels().parents[1] / "notebooks" / "apps" / f"{name}.ipynb"
    for path in (beside, checkout):
        if path.is_file():
            return path
    raise Problem(f"the notebook {name}.ipynb", f"none at {beside}", "Install tiltyard again")


def voila(port: int | None, door: Door) -> list[str]:
    """The command that serves the workbench as an app; it reads a token from its standard input. No port: JupyterHub says which."""
    words = [*PYTHON, "tiltyard_widgets.gateway", str(door.page or notebook())]
    words += [f"--Voila.ip={HOST}", f"--port={port}"] if port else []
    words += [f"--App.login={door.login}", f"--App.hostname={door.hostname}", "--template=tiltyard", "--no-browser"]
    words += ["--Voila.log_level=ERROR", "--VoilaConfiguration.file_allowlist", "a^", "--Voila.port_retries=0"]
    words += door.limits.words()
    words += [] if door.warm else ["--App.warm=off"]
    for extension in STRANGERS:
        words += ["--VoilaConfiguration.extension_denylist", extension]
    return words


def jupyterlab(port: int, browser: bool, folder: Path) -> list[str]:
    """The command that opens JupyterLab with the workbench's packages; Jupyter's own token stays on."""
    if not folder.is_dir():
        raise Problem("a folder to open", f"{folder}, which is none", "Give --folder DIR")
    words = [*PYTHON, "jupyterlab", f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    words += [f"--ServerApp.root_dir={folder.absolute()}"]
    return words if browser else [*words, "--no-browser"]


def shares() -> list[Path]:
    """Where Jupyter finds the app's template and, in a checkout, the extension; an installed one stands in the environment."""
    built = panels().parent / "labextension" / "jupyter"
    return [panels() / "jupyter", *([built] if built.is_dir() else [])]


@contextmanager
def started(command: list[str], line: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The server as a child that ends with us, however we end. ``line`` is said to its standard input, where no other account can read it."""
    paths = [*map(str, shares()), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    environment = {**os.environ, "JUPYTER_PATH": os.pathsep.join(paths)}
    from ...child_processes.supervised import Supervisor

    with Supervisor() as supervisor:  # where we are killed, it ends the server with all below it
        server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
        supervisor.hold(server.pid)
        try:
            _tell(server, line)
            yield server
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def answers(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server takes connections."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if server.poll() is not None:
            raise Problem(
                "the server to start", f"that it ended with code {server.returncode}", "Read what it said above; try `tiltyard doctor`"
            )
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise Problem(f"the server to answer within {PATIENCE:.0f} s", "that it did not", "Try `tiltyard doctor`")


def _tell(server: subprocess.Popen[bytes], line: str) -> None:
    assert server.stdin is not None
    with suppress(BrokenPipeError), server.stdin as pipe:
        pipe.write(f"{line}\n".encode())
