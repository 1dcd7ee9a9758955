"""What the extension costs JupyterLab's start, and how the side panel bears 10,000 runs; in a real browser.

    python benchmarks/bench_lab.py

Bytes are those of the extension's files that the page has loaded once JupyterLab stands (limit 150 kB); activation is
what the plugin does on the main thread once JupyterLab's services are there (limit 50 ms); a stall is the longest task of
the page while the list is scrolled from one end to the other.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench_server import RUNS, filled
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ui" / "lab"))
from conftest import Lab, ended, started

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
LOADED = """() => performance.getEntriesByType('resource').filter(e => e.name.includes('/extensions/tiltyard/'))
  .reduce((sum, e) => sum + e.decodedBodySize, 0)"""
TOOK = "() => performance.getEntriesByName('tiltyard').map(e => e.duration)[0]"
WATCH = """() => { window.longest = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => window.longest = Math.max(window.longest, e.duration)))
    .observe({ entryTypes: ['longtask'] }); }"""
STARTS = 5


def opened(page: Page, lab: Lab) -> None:
    """A window in which JupyterLab stands."""
    page.goto(lab.page("auto-bench"))
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.get_by_role("tab", name="Model security").wait_for()


def start(page: Page, lab: Lab) -> tuple[float, float]:
    """Bytes loaded and milliseconds of activation."""
    opened(page, lab)
    page.wait_for_timeout(1000)
    return page.evaluate(LOADED), page.evaluate(TOOK)


def scroll(page: Page) -> float:
    """Longest task in milliseconds from the first to the last run of the list."""
    page.get_by_role("tab", name="Model security").click()
    page.locator(".tiltyard-run", has_text="first").wait_for()
    page.evaluate(WATCH)
    for share in (0.25, 0.5, 0.75, 1.0):
        page.locator(".tiltyard-list").evaluate("(list, share) => { list.scrollTop = share * list.scrollHeight; }", share)
        page.locator(".tiltyard-run:not([data-id=''])").first.wait_for()
    page.locator(".tiltyard-run", has_text="run 0").first.wait_for()
    return float(page.evaluate("() => window.longest"))


def said(longest: float) -> str:
    """Browsers tell of tasks above 50 ms alone."""
    return f"{longest:.0f} ms" if longest else "none above 50 ms"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        process, lab = started(Path(folder))
        try:
            filled(lab.store)
            page = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGS).new_page()
            starts = [start(page, lab) for _ in range(STARTS)]
            table = Table("What", "Measured", "Limit")
            table.add_row("Loaded at start", f"{starts[0][0] / 1000:.0f} kB", "150 kB")
            table.add_row(f"Activation, median of {STARTS}", f"{statistics.median(ms for _, ms in starts):.0f} ms", "50 ms")
            table.add_row(f"Longest task while {RUNS:,} runs are scrolled", said(scroll(page)), "")
            Console().print(table)
        finally:
            ended(process)


if __name__ == "__main__":
    main()
