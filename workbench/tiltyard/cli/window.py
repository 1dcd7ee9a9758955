"""``tiltyard app`` and ``tiltyard lab``: the workbench in a browser, served on this machine alone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..errors import Problem
from .console import remark, say

HOST = "127.0.0.1"
PORTS = {"app": 8866, "lab": 8888}
PATIENCE = 120.0


def serve(what: str, port: int | None, browser: bool, folder: Path | None = None) -> int:
    """Start Voila or JupyterLab, print the URL once it answers, and stay until it ends."""
    chosen = free_port(PORTS[what], port)
    command = voila(chosen, browser) if what == "app" else jupyterlab(chosen, browser, folder or Path())
    remark("Starting the workbench; Ctrl-C stops it.")
    with started(command) as server:
        answers(server, chosen)
        say(f"Tiltyard is at http://{HOST}:{chosen}/")
        return max(server.wait(), 0)


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


def voila(port: int, browser: bool) -> list[str]:
    """The command that serves the workbench as an app."""
    words = [sys.executable, "-m", "voila", str(notebook()), f"--Voila.ip={HOST}", f"--port={port}", "--template=tiltyard"]
    words += ["--Voila.log_level=ERROR", "--VoilaConfiguration.file_allowlist", "a^"]
    for extension in ("@voila-dashboards/jupyterlab-preview", "tiltyard"):  # they need JupyterLab's own parts, which Voila lacks
        words += ["--VoilaConfiguration.extension_denylist", extension]
    return words if browser else [*words, "--no-browser"]


def jupyterlab(port: int, browser: bool, folder: Path) -> list[str]:
    """The command that opens JupyterLab with the workbench's packages; Jupyter's own token stays on."""
    if not folder.is_dir():
        raise Problem("a folder to open", f"{folder}, which is none", "Give --folder DIR")
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    words += [f"--ServerApp.root_dir={folder.absolute()}"]
    return words if browser else [*words, "--no-browser"]


def shares() -> list[Path]:
    """Where Jupyter finds the app's template and, in a checkout, the extension; an installed one stands in the environment."""
    built = panels().parent / "labextension" / "jupyter"
    return [panels() / "jupyter", *([built] if built.is_dir() else [])]


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a child that ends with us, however we end."""
    paths = [*map(str, shares()), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    environment = {**os.environ, "JUPYTER_PATH": os.pathsep.join(paths)}
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
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
