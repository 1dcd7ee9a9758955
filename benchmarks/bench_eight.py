"""Eight people at once: when each page has its first control, `tiltyard app` beside bare Voila, in one run. Prints the ratio.

    python benchmarks/bench_eight.py [people] [rounds]

Needs Chromium and Playwright. The peer goes first: bare Voila with a light ipywidgets notebook, no login. Then `tiltyard app`
with its workbench. Each person is a browser context of their own, whose empty window is open before the clock runs; a page counts when its first
button is shown and enabled.
CPU seconds (of the server with its kernels, and of the browser) are printed too, for they bear a busy machine better.
"""

import asyncio
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench_page import BARE, FLAGS, notebook
from playwright.async_api import Page, async_playwright

from tiltyard.cli.commands.window import answers, free_port

PATIENCE = 240.0
SETTLED = 4.0  # s for the browser's windows to stand: one costs as much CPU as a page, and whoever comes has theirs open


@dataclass(frozen=True)
class Round:
    """What one round took: seconds to each page's first control, None where none came; CPU seconds of server and browser."""

    took: tuple[float | None, ...]
    server: float
    browser: float

    @property
    def came(self) -> int:
        return sum(one is not None for one in self.took)

    @property
    def last(self) -> float:
        return max((PATIENCE if one is None else one) for one in self.took)


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Bare Voila with a light notebook."""
    port = free_port(0, None)
    words = [sys.executable, "-m", "voila", str(notebook(BARE, folder, "bare")), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with ended(subprocess.Popen([*words, "--Voila.log_level=ERROR"], stderr=subprocess.DEVNULL)) as server:
        answers(server, port)
        yield f"http://127.0.0.1:{port}/", psutil.Process(server.pid)


@contextlib.contextmanager
def ours(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`tiltyard app` with its token."""
    port = free_port(0, None)
    store = {
        "TILTYARD_STORE": str(folder / "runs.sqlite"),
        "XDG_DATA_HOME": str(folder / "xdg"),
    }  # else a page offers what this account had open
    words = [sys.executable, "-m", "tiltyard", "app", f"--port={port}"]
    with ended(subprocess.Popen(words, env={**os.environ, **store}, stdout=subprocess.PIPE, text=True, cwd=folder)) as server:
        assert server.stdout is not None
        url = re.search(r"http://\S+", server.stdout.readline())
        assert url is not None
        yield url[0], psutil.Process(server.pid)


@contextlib.contextmanager
def ended(server: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> Iterator["subprocess.Popen[bytes]"]:
    try:
        yield server  # type: ignore[misc]
    finally:
        server.terminate()
        server.wait(30)


def spent(root: psutil.Process) -> dict[int, float]:
    """CPU seconds of a process and of all it started, by process."""
    found = {}
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


async def usable(page: Page, url: str) -> float | None:
    """Seconds until the first control of a page in an empty window is shown and enabled; None where none came."""
    begun = time.perf_counter()
    try:
        await page.goto(url, timeout=PATIENCE * 1000, wait_until="commit")
        await page.locator("button.jupyter-button:enabled").first.wait_for(timeout=PATIENCE * 1000)
        return time.perf_counter() - begun
    except Exception as error:
        print(f"no page: {str(error).splitlines()[0]}")
        return None


async def at_once(url: str, root: psutil.Process, people: int) -> Round:
    """All open the page in the same moment."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        windows = [await (await browser.new_context()).new_page() for _ in range(people)]
        await asyncio.sleep(SETTLED)
        before, mine = spent(root), spent(psutil.Process())
        took = await asyncio.gather(*[usable(window, url) for window in windows])
        server = sum(used - before.get(pid, 0.0) for pid, used in spent(root).items())
        own = sum(used - mine.get(pid, 0.0) for pid, used in spent(psutil.Process()).items()) - server
        await browser.close()
    return Round(tuple(took), server, own)


def main(people: int, rounds: int) -> None:
    """Measure in turn, the peer first; print each page and the ratio of the last ones."""
    with tempfile.TemporaryDirectory() as name:
        found: dict[str, list[Round]] = {"bare Voila": [], "tiltyard app": []}
        for _ in range(rounds):
            for key, serve in zip(found, (bare, ours), strict=True):
                with serve(Path(name)) as (url, root):
                    one = asyncio.run(at_once(url, root, people))
                found[key].append(one)
                pages = " ".join("none" if took is None else f"{took:.1f}" for took in sorted(one.took, key=lambda t: t or PATIENCE))
                print(
                    f"{key}: {one.came} of {people} pages, after {pages} s; CPU of server and kernels {one.server:.1f} s, of browsers {one.browser:.1f} s"
                )
    last = {key: statistics.median(one.last for one in each) for key, each in found.items()}
    ratio = last["tiltyard app"] / last["bare Voila"]
    print(f"all {people} pages: bare Voila {last['bare Voila']:.1f} s, tiltyard app {last['tiltyard app']:.1f} s, {ratio:.2f} x bare")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
