"""A real JupyterLab with the extension as it is committed, on a free port of loopback with a token; it ends with the tests."""

import contextlib
import functools
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

HOME = Path(__file__).parents[3] / "widgets" / "labextension"
CONFIG = """
c.ServerApp.root_dir = {root!r}
c.ServerApp.open_browser = False
c.IdentityProvider.token = {token!r}
c.LabApp.news_url = None
c.TiltyardExtension.trusted_keys = [{key!r}]
c.TiltyardExtension.scan_seconds = 25
"""
TOKEN = "lance"
PATIENCE = 300_000


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
        return self.here / "kept" / "runs.sqlite"

    def denies(self, path: Path) -> bool:
        """Is its server kept from reading ``path``?"""
        return subprocess.run([*bound(), "test", "-r", str(path)], check=False).returncode != 0

    def page(self, workspace: str = "auto-A") -> str:
        """The address of one window."""
        return f"{self.url}lab/workspaces/{workspace}?token={TOKEN}"

    def classic(self, place: str = "tree") -> str:
        """The address of a page of Notebook 7, which the same server has."""
        return f"{self.url}{place}?token={TOKEN}"

    def notebook(self, name: str, source: str) -> None:
        """A notebook of one cell."""
        cell = {"cell_type": "code", "id": "a", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        (self.root / name).write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def _is_scan(url: str) -> bool:
    return url.partition("?")[0].endswith("/tiltyard/api/scan")


class Window:
    """One window of JupyterLab (or of Notebook 7), with what its console complained of."""

    def __init__(self, page: "Page", url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.goto(url)
        self.ready()

    def ready(self) -> None:
        """JupyterLab has put everything back where it was."""
        if "/lab/" in self.url:
            self.page.locator("#jupyterlab-splash").wait_for(state="detached")
            self.page.locator("#jp-left-stack").wait_for()
        else:
            self.page.locator("#main-panel").wait_for()

    def reload(self) -> None:
        """Leave, once the layout was kept, and come back."""
        from playwright.sync_api import TimeoutError as Waited

        kept = self.page.expect_response(lambda r: "/api/workspaces/" in r.url and r.request.method == "PUT", timeout=20_000)
        with contextlib.suppress(Waited), kept:  # nothing more comes where it was kept before we asked
            pass
        self.page.reload()
        self.ready()

    def see(self, text: "str | re.Pattern[str]") -> None:
        """Wait until ``text`` is to be seen."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def press(self, name: str) -> None:
        """Press the button that is called exactly so."""
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()

    def menu(self, file: str, item: str) -> None:
        """Choose from a file's context menu."""
        self.file(file).click(button="right")
        self.page.locator(".lm-Menu-item:not(.lm-mod-hidden)", has_text=item).click()

    def scan(self, file: str) -> None:
        """Scan from a file's context menu; the server is asked at once."""
        with self.page.expect_request(lambda r: _is_scan(r.url)):
            self.menu(file, "Scan")

    def scanned(self, file: str) -> Any:
        """Scan from a file's context menu, and what the server answered."""
        with self.page.expect_response(lambda r: _is_scan(r.url)) as answered:
            self.menu(file, "Scan")
        return answered.value.json()

    def left(self, name: str) -> None:
        """Show what is called so at the left."""
        self.page.locator(".jp-SideBar.jp-mod-left").get_by_role("tab", name=name).click()

    def file(self, name: str) -> "Locator":
        """A file's line in the file browser."""
        return self.page.locator(f'.jp-DirListing-item[title^="Name: {name}\\a "]')

    def until(self, key: str, there: "Locator") -> None:
        """Press ``key`` again and again until ``there`` is."""
        for _ in range(60):
            if there.count():
                return
            self.page.keyboard.press(key)
        pytest.fail(f"{key} never came to {there}")

    def command(self, words: str) -> None:
        """Choose a command by its words in the palette."""
        self.page.keyboard.press("Control+Shift+C")
        self.page.locator(".lm-CommandPalette-input, .jp-ModalCommandPalette input").locator("visible=true").first.fill(words)
        self.page.locator(".lm-CommandPalette-item", has_text=words).locator("visible=true").first.wait_for()
        self.page.keyboard.press("Enter")

    def theme(self, name: str) -> None:
        """Switch to one of JupyterLab's themes."""
        self.command(f"Use Theme: {name}")
        self.page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached")

    def serious(self, within: str) -> list[str]:
        """What axe-core finds serious or critical there."""
        import axe_core_python

        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
        found = self.page.evaluate("async w => (await axe.run(w, { resultTypes: ['violations'] })).violations", within)
        return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]

    def endless(self) -> None:
        """Start an attack that takes an hour."""
        page = self.page
        page.locator("nav").get_by_text("Adversarial attacks", exact=True).click()
        page.get_by_role("heading", name="Adversarial attacks").locator("visible=true").first.wait_for()  # the page before has settings too
        self.unfold()
        for name, value in (("Rows", "10000"), ("Effort", "20")):
            page.get_by_role("textbox", name=name).locator("visible=true").first.fill(value)
            page.keyboard.press("Tab")
        self.press("Run")
        self.see(re.compile("is running"))

    def unfold(self) -> None:
        """Open all settings of the step that is shown; where it has run before they are folded as a whole."""
        change = self.page.get_by_role("button", name="Change settings", exact=True).locator("visible=true")
        more = self.page.locator("details > summary", has_text="More settings").locator("visible=true")
        folded = self.page.locator("details:not([open]) > summary", has_text="More settings").locator("visible=true")
        change.or_(more).first.wait_for()
        if change.count():
            change.first.click()
        more.first.wait_for()
        if folded.count():
            folded.first.click()

    def another(self, url: str) -> "Window":
        """A second window of the same browser."""
        return Window(self.page.context.new_page(), url)

    def load(self) -> None:
        """From the launcher to a loaded model."""
        self.page.locator(".jp-LauncherCard", has_text="Model security workbench").click()
        self.press("Load and probe")
        self.see("rows answered in")


class Harmful:
    """Would run a command if it were unpickled, and nobody does."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harm-done",)


def environment(here: Path) -> dict[str, str]:
    """Settings, workspaces and store of this JupyterLab alone."""
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    own = {name: str(here / folder) for name, folder in folders.items()}
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(here / "workspaces"), "TILTYARD_STORE": str(here / "kept" / "runs.sqlite")}
    return os.environ | own | {"JUPYTER_PATH": os.pathsep.join([str(HOME / "jupyter"), str(here / "more")]), "OMP_NUM_THREADS": "1"}


def files(root: Path) -> None:
    """One harmful and one good file."""
    root.mkdir()
    (root / "harmful.pkl").write_bytes(pickle.dumps(Harmful()))
    (root / "good.pkl").write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))


def bare_kernel(here: Path) -> None:
    """A second kernel, in which Tiltyard cannot be imported."""
    folder = here / "more" / "kernels" / "bare"
    (here / "block").mkdir()
    (here / "block" / "sitecustomize.py").write_text("import sys\nsys.modules['tiltyard'] = sys.modules['tiltyard_widgets'] = None\n")
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python without Tiltyard", "language": "python", "env": {"PYTHONPATH": str(here / "block")}}
    (folder / "kernel.json").write_text(json.dumps(spec))


@functools.cache
def bound() -> tuple[str, ...]:
    """In front of a command: root too is then held by the permissions of files, as everybody is. Empty where that is so, or not to be had."""
    tool = shutil.which("setpriv") if os.geteuid() == 0 else None
    command = (tool, "--bounding-set=-dac_override,-dac_read_search") if tool else ()
    return command if tool and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else ()


def started(here: Path, enabled: bool = True) -> tuple["subprocess.Popen[bytes]", Lab]:
    """A JupyterLab that keeps everything in ``here``."""
    files(here / "root")
    bare_kernel(here)
    for folder in ("config", "kept"):
        (here / folder).mkdir()
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
    command = [*bound(), sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0", "--allow-root"]
    with (here / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(here), cwd=here, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    lab = Lab(f"http://127.0.0.1:{port}/", here)
    _wait(lab, process)
    return process, lab


def _wait(lab: Lab, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 300
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


@pytest.fixture
def window(browser: "Browser", lab: Lab, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window of its own, in a workspace of its own."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    name = re.sub(r"\W", "-", request.node.name)
    made = Window(context.new_page(), lab.page(f"auto-{name}"))
    yield made
    if folder := os.environ.get("TILTYARD_SHOTS"):
        made.page.screenshot(path=f"{folder}/lab-{name}.png")
    context.close()


@pytest.fixture
def classic(browser: "Browser", lab: Lab) -> Iterator[Window]:
    """Notebook 7's page of files."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    yield Window(context.new_page(), lab.classic())
    context.close()


@pytest.fixture
def bare_window(browser: "Browser", bare_lab: Lab) -> Iterator[Window]:
    """A window of the JupyterLab whose server extension was not enabled."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    yield Window(context.new_page(), bare_lab.page())
    context.close()
