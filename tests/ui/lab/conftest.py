"""A real JupyterLab with the extension as it is committed, on a free port of loopback with a token; it ends with the tests."""

import json
import os
import pickle
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

HOME = Path(__file__).parents[3] / "widgets" / "labextension"
CONFIG = """
c.ServerApp.root_dir = {root!r}
c.ServerApp.open_browser = False
c.IdentityProvider.token = {token!r}
c.LabApp.news_url = None
c.TiltyardExtension.trusted_keys = [{key!r}]
"""
TOKEN = "lance"


@dataclass
class Lab:
    """A running JupyterLab; ``here`` holds its files (``root``) and its store."""

    url: str
    here: Path

    @property
    def root(self) -> Path:
        """What its file browser shows."""
        return self.here / "root"

    def tiltyard(self, *given: str) -> str:
        """What ``tiltyard`` prints when called in the lab's folder, with its store."""
        command = [sys.executable, "-m", "tiltyard", *given]
        done = subprocess.run(command, env=environment(self.here), cwd=self.root, capture_output=True, text=True, check=False, timeout=300)
        return done.stdout + done.stderr

    @property
    def store(self) -> Path:
        """Where its kernels and this test keep runs."""
        return self.here / "runs.sqlite"

    def page(self, workspace: str = "auto-A") -> str:
        """The address of one window."""
        return f"{self.url}lab/workspaces/{workspace}?token={TOKEN}"


class Harmful:
    """Would run a command if it were unpickled, and nobody does."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo harm",)


def environment(here: Path) -> dict[str, str]:
    """Settings, workspaces and store of this JupyterLab alone."""
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    own = {name: str(here / folder) for name, folder in folders.items()}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(here / "workspaces"), "TILTYARD_STORE": str(here / "runs.sqlite")}
    return os.environ | own | {"JUPYTER_PATH": str(HOME / "jupyter"), "OMP_NUM_THREADS": "1"}


def files(root: Path) -> None:
    """One harmful and one good file."""
    root.mkdir()
    (root / "harmful.pkl").write_bytes(pickle.dumps(Harmful()))
    (root / "good.pkl").write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))


def started(here: Path, enabled: bool = True) -> tuple["subprocess.Popen[bytes]", Lab]:
    """A JupyterLab that keeps everything in ``here``."""
    files(here / "root")
    (here / "config").mkdir()
    quiet = here / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    extensions = {"tiltyard_widgets.server": enabled, "voila.server_extension": False}
    (here / "config" / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"jpserver_extensions": extensions}}))
    (here / "config" / "jupyter_lab_config.py").write_text(
        CONFIG.format(root=str(here / "root"), token=TOKEN, key=str(here / "known.pub.pem"))
    )
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0", "--allow-root"]
    with (here / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(here), cwd=here, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    lab = Lab(f"http://127.0.0.1:{port}/", here)
    _wait(lab, process)
    return process, lab


def _wait(lab: Lab, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"JupyterLab ended: {(lab.here / 'log').read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{lab.url}api", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab did not answer within three minutes")


def ended(process: "subprocess.Popen[bytes]") -> None:
    """It and its kernels end."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with both extensions enabled."""
    process, lab = started(tmp_path_factory.mktemp("lab"))
    yield lab
    ended(process)


@pytest.fixture
def bare_lab(tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab where the server extension was not enabled."""
    process, lab = started(tmp_path, enabled=False)
    yield lab
    ended(process)
