"""The JupyterHub recipe as it stands: two people log in, each makes a run, and neither sees the other's."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.cli.commands.window import free_port
from tiltyard.store.store import Store

RECIPE = Path(__file__).parents[2] / "notebooks" / "apps" / "jupyterhub_config.py"
PATIENCE = 300.0
PASSWORDS = {"ada": "correct horse battery", "bob": "staple of a stable"}
ROLES = {"ada": Role.ANALYST, "bob": Role.ANALYST}
CONFIG = """
load_subconfig({recipe!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.Spawner.args = ["--notebook", {notebook!r}]
"""
CODE = """
import json, os
from tiltyard.result import Identity
from tiltyard.store.opening import open_store

store = open_store()
what = Identity(name="model", fingerprint="0" * 64, detail="")
store.end(store.begin(f"by {store.person.name}", what, what).id)
seen = [[run.owner, run.name] for run in store.runs()]
secrets = [name for name in os.environ if "TOKEN" in name]
print("BEGIN" + json.dumps({"name": store.person.name, "role": store.person.role, "seen": seen, "secrets": secrets}) + "END")
"""


class Hub:
    """A running Hub."""

    def __init__(self, url: str, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.url = url
        self.folder = folder
        self.process = process

    @contextlib.contextmanager
    def entered(self, name: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url, timeout=PATIENCE, follow_redirects=True) as client:
            assert self.logged_in(client, name, PASSWORDS[name])
            yield client

    def logged_in(self, client: httpx.Client, name: str, password: str) -> bool:
        client.get("/hub/login")
        given = {"username": name, "password": password, "_xsrf": client.cookies.get("_xsrf", path="/hub/")}
        return client.post("/hub/login", data=given, follow_redirects=False).status_code == 302


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    import nbformat

    folder = tmp_path_factory.mktemp("hub")
    users = Users(folder / "users.json")
    for name, role in ROLES.items():
        users.add(name, role, PASSWORDS[name])
    notebook = folder / "small.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)], metadata=metadata), notebook)
    for _ in range(3):  # the Hub gives its proxy ten seconds to start, which a busy machine may not
        with _started(folder, notebook) as found:
            if found is not None:
                yield found
                return
    pytest.fail(f"the Hub does not start: {(folder / 'log').read_text(errors='replace')[-3000:]}")


@contextlib.contextmanager
def _started(folder: Path, notebook: Path) -> Iterator[Hub | None]:
    port, hub, api = (free_port(0, None) for _ in range(3))
    config = folder / "config.py"
    config.write_text(CONFIG.format(recipe=str(RECIPE), port=port, hub=hub, api=api, notebook=str(notebook)))
    environment = {**os.environ, "TILTYARD_HUB": str(folder / "home"), "TILTYARD_USERS": str(folder / "users.json"), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as said:
        words = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
        process = subprocess.Popen(words, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            yield Hub(f"http://127.0.0.1:{port}", folder, process) if _up(process, port) else None
        finally:
            _ended(process)


def _up(process: "subprocess.Popen[bytes]", port: int) -> bool:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/hub/login", timeout=PATIENCE).status_code == 200:
                return True
        time.sleep(0.2)
    return False


def _ended(process: "subprocess.Popen[bytes]") -> None:
    """End the Hub, and whatever it started and left."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        for one in psutil.wait_procs(family, 20)[1]:
            one.kill()
    process.wait()


def opened(hub: Hub, client: httpx.Client, name: str) -> dict[str, Any]:
    """Start one's server where it is not there, and open its page, which runs the notebook once."""
    path, end = "/hub/spawn", time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = client.get(path)
        if found := re.search(r"BEGIN(\{.*?\})END", unescape(answer.text), re.DOTALL):
            return dict(json.loads(found[1]))
        path = f"/user/{name}/"
        time.sleep(0.5)
    pytest.fail(f"{answer.status_code}: {answer.text[-1500:]}\n{(hub.folder / 'log').read_text(errors='replace')[-3000:]}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_people_each_with_their_own_runs(hub: Hub) -> None:
    with hub.entered("ada") as ada, hub.entered("bob") as bob:
        first, other = opened(hub, ada, "ada"), opened(hub, bob, "bob")
        assert (first["name"], first["role"], first["seen"]) == ("ada", "analyst", [["ada", "by ada"]])
        assert (other["name"], other["role"], other["seen"]) == ("bob", "analyst", [["bob", "by bob"]])
        assert first["secrets"] == other["secrets"] == []
        assert bob.get("/user/ada/").status_code == 403
        assert bob.get("/user/ada/voila/static/voila.js").status_code == 403
        assert [owner for owner, _ in opened(hub, ada, "ada")["seen"]] == ["ada", "ada"]
    store = Store(hub.folder / "home" / "runs.sqlite", person=Person("root", Role.ADMIN))
    assert sorted(run.owner for run in store.runs()) == ["ada", "ada", "bob"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nobody_else_comes_in(hub: Hub) -> None:
    with httpx.Client(base_url=hub.url, timeout=PATIENCE) as client:
        for path in ("/user/ada/", "/user/ada/voila/static/voila.js", "/user/ada/api/kernels"):
            assert client.get(path).status_code in (302, 403)
        assert not hub.logged_in(client, "nobody", PASSWORDS["ada"])
        tries = [hub.logged_in(client, "ada", "a wrong password") for _ in range(5)]
        assert tries == [False] * 5
        assert not hub.logged_in(client, "ada", PASSWORDS["ada"])  # right, but the name waits
