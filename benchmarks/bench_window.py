"""The window under the finger, in Chromium through `tiltyard app`: first switch to each panel, an edit of *One row* to its waterfall, a threshold slider to its charts.

    python benchmarks/bench_window.py [rounds]

Needs Chromium, Playwright and psutil. All times are the page's own `performance.now()`, from the event to the end of the frame that shows it. Beside each
stands the processor time that app, kernel and browser took meanwhile, for a machine that others use takes longer, not more. *shown* is the panel's
heading, *settled* the last change of the page (none for half a second). Each round is a new page.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from bench_page import FLAGS
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.ui.conftest import started

FRAME = "const frame = () => new Promise((done) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));"
SWITCH = """async (id) => {
  FRAME
  const middle = document.querySelector(".tiltyard-middle"), button = document.querySelector(`.ty-rail button[data-id="${id}"]`);
  const heading = () => [...middle.querySelectorAll("h2")].find((one) => one.getClientRects().length);
  const former = heading();
  let last = 0, shown = null;
  const watch = new MutationObserver(() => { last = performance.now(); });
  watch.observe(middle, { childList: true, subtree: true, characterData: true, attributes: true });
  const start = performance.now();
  last = start;
  button.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 }));
  button.click();
  while (shown === null || performance.now() - last < 500) {
    await frame();
    if (shown === null && heading() && heading() !== former) shown = performance.now() - start;
    if (performance.now() - start > 60000) throw new Error(`${id} did not open`);
  }
  watch.disconnect();
  return [shown, last - start];
}""".replace("FRAME", FRAME)
EDIT = """async (value) => {
  FRAME
  const chart = () => [...document.querySelectorAll(".tiltyard-middle svg.ty-svg")].find((one) => one.getClientRects().length);
  const field = [...document.querySelectorAll(".tiltyard-middle input[type=range]")].find((one) => one.getClientRects().length);
  const before = chart().outerHTML, start = performance.now();
  field.value = String(value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
  while (chart().outerHTML === before) {
    await frame();
    if (performance.now() - start > 20000) throw new Error("the waterfall stayed");
  }
  return performance.now() - start;
}""".replace("FRAME", FRAME)
SLIDE = """async (value) => {
  FRAME
  const slider = [...document.querySelectorAll(".ty-thresholds input[type=range]")].find((one) => one.getClientRects().length);
  const start = performance.now();
  slider.value = String(value);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  await frame();
  return performance.now() - start;
}""".replace("FRAME", FRAME)
PANELS = "() => [...document.querySelectorAll('.ty-rail button')].map((one) => one.dataset.id)"


def used() -> float:
    """Processor seconds of app, kernels and browser so far, of those that still run."""
    total = 0.0
    for one in psutil.Process().children(recursive=True):
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them is at or below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def said(what: str, times: list[float], asked: float, cost: float) -> None:
    """One line: median and 95th percentile in ms beside what is asked, processor time of one."""
    median, high = statistics.median(times), percentile(times, 0.95)
    print(
        f"{what}: median {median:.0f} ms, p95 {high:.0f} ms, {len(times)} times (asked {asked:.0f} ms); processor {1000 * cost:.0f} ms each",
        flush=True,
    )


@contextmanager
def window(browser: Browser, url: str) -> Iterator[Page]:
    """A new page with the census sample loaded and nothing opened yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.goto(url)
    page.get_by_text("rows answered in").wait_for()
    time.sleep(3)
    yield page
    context.close()


def repeated(page: Page, script: str, values: list[int], pause: float) -> tuple[list[float], float]:
    """Times of the script for each value, in ms, and the processor seconds of one."""
    before, times = used(), []
    for value in values:
        times.append(page.evaluate(script, value))
        time.sleep(pause)
    return times, (used() - before) / len(values)


def switches(page: Page, found: dict[str, list[list[float]]]) -> None:
    """First switch to each panel of the rail."""
    for id in page.evaluate(PANELS):
        if id != "load":
            before = used()
            shown, settled = page.evaluate(SWITCH, id)
            found.setdefault(id, []).append([shown, settled, 1000 * (used() - before)])


def moves(page: Page, open_it: Callable[[], Any], script: str, values: list[int], what: str, asked: float, pause: float = 0.3) -> None:
    """Open a panel, change something in it again and again, and say what that took."""
    open_it()
    time.sleep(4)
    times, cost = repeated(page, script, values, pause)
    said(what, times, asked, cost)


def main(rounds: int) -> None:
    """Measure and print."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    found: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, started(Path(name)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for turn in range(rounds):
            with window(browser, url) as page:
                switches(page, found)
                if turn:
                    continue
                sliding, edits = [300 + 13 * n for n in range(30)], [20 + n for n in range(30)]
                moves(page, lambda: page.evaluate(SWITCH, "performance"), SLIDE, sliding, "threshold slider to charts, Performance", 60)
                page.evaluate(SWITCH, "fairness")
                by_hand = page.get_by_text("Thresholds by hand", exact=True)
                moves(page, by_hand.click, SLIDE, sliding, "threshold slider to charts, Fairness", 60)
                moves(page, lambda: page.evaluate(SWITCH, "rows"), EDIT, edits, "edit of One row to waterfall", 100, 1.0)
        browser.close()
    print("first switch to a panel (asked 300 ms), medians: shown, settled, processor ms")
    for id, each in found.items():
        print(f"  {id:14}" + "".join(f"{statistics.median(column):8.0f}" for column in zip(*each, strict=True)))
    shown = [one[0] for each in found.values() for one in each]
    print(
        f"  all: shown median {statistics.median(shown):.0f} ms, p95 {percentile(shown, 0.95):.0f} ms, longest {max(shown):.0f} ms; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
