"""What every test stands on: nobody's own store or Jupyter settings, no screen, and a browser where there is one."""

import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ["MPLBACKEND"] = "Agg"
os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the same sums on every machine, and no quarrel over cores between the workers

# Hypothesis's own profile for CI: the same examples in every run. HYPOTHESIS_PROFILE=default looks for new ones.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

gc.disable()  # until all is collected: thousands of tests are made, none of which goes

SLOW = Path(__file__).with_name("slow.txt")
# The shell is the same Chromium without its windows: a page of it costs a fifth of the processor time.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "no Chromium on PATH; `.ci/run` installs one, as does `apt-get install chromium-headless-shell`"
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split()
HEAVY = frozenset("torch shap opacus fairlearn matplotlib sklearn skops nbformat jupyter_server voila numba".split())
OWN = "XDG_DATA_HOME XDG_CONFIG_HOME XDG_CACHE_HOME JUPYTER_CONFIG_DIR JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR IPYTHONDIR".split()


@dataclass
class Collected:
    """The test files that this process has collected, and what is heavy and was loaded by the end of it, before any test ran."""

    files: set[Path] = field(default_factory=set)
    loaded: frozenset[str] = HEAVY


COLLECTED = Collected()


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Remember the file, which is imported now."""
    if isinstance(collector, pytest.Module):
        COLLECTED.files.add(collector.path)


def pytest_collection_finish() -> None:
    """Look at what is loaded; from now on garbage is collected again, without going through what was made until now."""
    COLLECTED.loaded = HEAVY & sys.modules.keys()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def collected() -> Collected:
    """What this process has collected."""
    return COLLECTED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in `tests/ui` is a UI test; where a browser is demanded (TILTYARD_UI=required) its absence fails instead of skipping.

    They come first, for they are the longest: so workers that take from one another's ends leave them to one, which starts the app and
    JupyterLab once, and short tests are what is left for all at the end. What a whole run measured as slow is in `slow.txt`, which
    `.ci/slow.py` writes.
    """
    items.sort(key=lambda item: "ui" not in item.path.relative_to(SLOW.parent).parts)
    slow = set(SLOW.read_text(encoding="utf-8").split())
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow)
        if "ui" in item.path.relative_to(Path(__file__).parent).parts:
            item.add_marker(pytest.mark.ui)
        if item.get_closest_marker("ui") and not CHROMIUM and os.environ.get("TILTYARD_UI") != "required":
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN:
            folder = home / name.lower()
            folder.mkdir()
            patch.setenv(name, str(folder))
        yield


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "runs.sqlite"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real Chromium."""
    if not CHROMIUM:
        pytest.fail(NO_CHROMIUM)
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> "Iterator[Browser]":
    """A headless Chromium; give each test its own `browser.new_page()`.

    It ends with the module, for while Playwright is up asyncio takes its loop for the running one, and panels would wait on it.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *QUIET] if os.geteuid() == 0 else QUIET)
        yield started
        started.close()


Answering = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]


def _handler(answer: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # whoever asked has hung up
                self.close_connection = True

        def parse_request(self) -> bool:
            good = super().parse_request()
            if good:
                setattr(self, f"do_{self.command}", self.answered)
            return good

        def answered(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, said = answer(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler


class _Roomy(ThreadingHTTPServer):
    """Its queue holds all who come at once: a connection that the system turns away on a busy machine is asked again, and counted twice."""

    request_queue_size = 128


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Answering], str]]:
    """``serve(answer)`` starts a real HTTP server on a free port of loopback and gives its URL; ``answer(method, path, headers, body)``."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Answering) -> str:
        server = _Roomy(("127.0.0.1", 0), _handler(answer))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()
