"""A workshop on one box: `tiltyard app` with warm kernels beside bare Voila, in one run. Prints ratios, with the load of the machine.

    python benchmarks/bench_shared.py [people at once] [crowd] [rounds]

Needs Chromium and Playwright. Per round and in turn, the peer first: one fresh browser until its first control is shown and enabled, and of
ours until the sample is loaded; then ``people`` browsers at once. Then a crowd of light clients, which fetch the page as a browser does and
say that it is shown: seconds until each has it whole, then the memory of each kernel once the sample is on it (what it shares with no other
process, from smaps), and of all processes of the server together (each shared page counted once). CPU seconds bear a busy machine better than
seconds do, so they are printed too.
"""

import asyncio
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from bench_eight import PATIENCE, SETTLED, at_once, bare, ours, spent
from bench_page import FLAGS
from playwright.sync_api import sync_playwright

KERNEL = re.compile(r'"kernelId": "([\w-]+)"')
STOOD = 25.0  # s that a server has stood before the clock runs, as one for a workshop has
LOADED = "rows answered in"


@dataclass
class Times:
    """Seconds by round."""

    control: list[float] = field(default_factory=list)
    sample: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def alone(url: str, sample: bool) -> tuple[float, float | None]:
    """Seconds of a fresh browser, whose empty window is open, to its first control and, where there is one, to the loaded sample."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page()
        time.sleep(SETTLED)
        begun = time.perf_counter()
        page.goto(url, wait_until="commit", timeout=1000 * PATIENCE)
        page.locator("button.jupyter-button:enabled").first.wait_for(timeout=1000 * PATIENCE)
        control = time.perf_counter() - begun
        loaded = None
        if sample:
            page.get_by_text(LOADED).first.wait_for(timeout=1000 * PATIENCE)
            loaded = time.perf_counter() - begun
        browser.close()
    return control, loaded


def warmed(url: str) -> None:
    """One page before the clock runs, of either, and a rest: the peer's first reads its own files too, ours imports on while nobody asks."""
    with httpx.Client(timeout=PATIENCE, follow_redirects=True) as client:
        left(client, url, client.get(url).text)
    time.sleep(STOOD)


def left(client: httpx.Client, url: str, page: str) -> None:
    """Close a page as its own script does."""
    if found := KERNEL.search(page):
        root = httpx.URL(url).copy_with(query=None)
        client.post(root.join(f"/voila/api/shutdown/{found[1]}"), data={"_xsrf": client.cookies.get("_xsrf", "")})


def measured(times: dict[str, Times], people: int, folder: Path) -> None:
    """One round of both."""
    for name, serve in (("bare Voila", bare), ("tiltyard app", ours)):
        with serve(folder) as (url, root):
            warmed(url)
            control, sample = alone(url, name == "tiltyard app")
            crowd = asyncio.run(at_once(url, root, people))
        found = times[name]
        found.control.append(control)
        found.sample += [sample] if sample is not None else []
        found.last.append(crowd.last)
        found.cpu.append(crowd.server)
        extra = f", sample {sample:.1f} s" if sample is not None else ""
        print(
            f"{name}: first control {control:.1f} s{extra}; {crowd.came} of {people} at once, the last after {crowd.last:.1f} s, CPU {crowd.server:.1f} s"
        )


def thirty(crowd: int, folder: Path) -> None:
    """A crowd of light clients on ours."""
    with ours(folder) as (url, root), ThreadPoolExecutor(crowd) as pool:
        before = sum(spent(root).values())
        clients = [httpx.Client(timeout=PATIENCE, follow_redirects=True) for _ in range(crowd)]

        def one(client: httpx.Client) -> tuple[float, str]:
            begun = time.perf_counter()
            text = client.get(url).text
            return time.perf_counter() - begun, text

        found = list(pool.map(one, clients))
        took = sorted(seconds for seconds, _ in found)
        kernels = [match[1] for _, text in found if (match := KERNEL.search(text))]
        print(
            f"crowd: {len(kernels)} of {crowd} pages whole; the first after {took[0]:.1f} s, the median {statistics.median(took):.1f} s, the last {took[-1]:.1f} s"
        )
        for client, kernel in zip(clients, kernels, strict=False):
            place = httpx.URL(url).copy_with(query=None).join(f"/tiltyard/page/{kernel}")
            client.post(place, data={"said": "shown", "_xsrf": client.cookies.get("_xsrf", "")})
        settled(root)
        processes = [one for one in root.children(recursive=True) if "ipykernel_launcher" in " ".join(one.cmdline())]
        own = [one.memory_full_info().uss / 2**20 for one in processes]
        everything = 0.0
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                everything += process.memory_full_info().pss / 2**20
        cpu = sum(spent(root).values()) - before
        print(
            f"memory of {len(own)} kernels with the sample: {statistics.median(own):.0f} MiB private each (most {max(own):.0f}); all processes {everything:.0f} MiB; CPU {cpu:.1f} s"
        )
        for client, (_, text) in zip(clients, found, strict=True):
            with suppress(httpx.HTTPError):
                left(client, url, text)
            client.close()


def settled(root: psutil.Process) -> None:
    """Wait until the kernels have loaded what they load: nothing works any more for three seconds."""
    quiet, last = 0, 0.0
    for _ in range(int(PATIENCE)):
        now = sum(spent(root).values())
        quiet = quiet + 1 if now - last < 0.2 else 0
        if quiet >= 3:
            return
        last = now
        time.sleep(1)


def main(people: int, crowd: int, rounds: int) -> None:
    """Measure in turn, and print the ratios of medians."""
    times = {"bare Voila": Times(), "tiltyard app": Times()}
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            measured(times, people, Path(name))
        thirty(crowd, Path(name))
    print(f"load after {os.getloadavg()[0]:.1f}")
    middle = statistics.median
    base, own = times["bare Voila"], times["tiltyard app"]
    print(f"first control {middle(own.control) / middle(base.control):.2f} x bare (target 0.7)")
    print(f"sample {middle(own.sample) / middle(base.control):.2f} x bare's first control (target 1.0)")
    print(
        f"{people} at once {middle(own.last) / middle(base.last):.2f} x bare (target 0.5), CPU of server and kernels {middle(own.cpu) / middle(base.cpu):.2f} x"
    )


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [8, 30, 3][len(given) :]))
