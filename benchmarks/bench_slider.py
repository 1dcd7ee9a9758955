"""Threshold slider to charts, in Chromium, under Voila: the performance page and fairness by hand. Prints medians, the longest, and what changing one word of the page takes.

    python benchmarks/bench_slider.py

Needs Chromium and Playwright. A move is an input event of the slider; it has ended when the frame that draws it is over. `script` is
the time of that without waiting for a frame.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

from bench_page import FLAGS, notebook, served
from playwright.sync_api import Page, sync_playwright

CENSUS = """
from tiltyard.samples.catalog import load
from tiltyard_widgets.panels.{module} import {panel}
sample = load("census")
panel = {panel}(sample.target, sample.data)
{more}
panel
"""
MANY = """
import numpy as np
from tiltyard_widgets.panels.threshold_rows import AskedRows
from tiltyard_widgets.panels.performance import PerformancePanel
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.estimators import FunctionTarget
schema = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("no", "yes"))
rng = np.random.default_rng(0)
x = rng.random((200_000, 1))
data = Dataset(x=x, y=(rng.random(200_000) < x[:, 0]).astype(np.int64), schema=schema, sensitive={"group": rng.choice(list("abcde"), 200_000)})
target = FunctionTarget(lambda rows: rows[:, 0], schema.classes, schema)
asked = AskedRows.of(target, data, 200_000)
panel = PerformancePanel()
panel.asked = asked
panel._take(asked)
panel
"""
PAGES = {
    "performance, census, 10,000 rows": CENSUS.format(module="performance", panel="PerformancePanel", more=""),
    "performance, 200,000 rows in 50,000 bins, 5 groups": MANY,
    "by hand, census, 2 groups": CENSUS.format(module="fairness", panel="FairnessPanel", more='panel.ways.value = "hand"'),
}
MOVES = """async (direct) => {
  const slider = document.querySelector(".ty-thresholds input[type=range]"), out = [], own = window.requestAnimationFrame;
  const yardstick = document.body.appendChild(document.createElement("p"));
  const frame = () => new Promise((done) => own(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));
  for (let i = 0; i < 60; i++) {
    if (direct !== null) slider.value = String(100 + 13 * i);
    if (direct) window.requestAnimationFrame = (draw) => { draw(); return 0; };
    const start = performance.now();
    if (direct === null) yardstick.textContent = String(i);
    else slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (!direct) await frame();
    out.push(performance.now() - start);
    window.requestAnimationFrame = own;
    if (direct) await frame();
  }
  yardstick.remove();
  return out;
}"""


def words(times: list[float]) -> str:
    """Median and longest, in ms."""
    return f"median {statistics.median(times):6.1f} ms, longest {max(times):6.1f} ms"


def measure(page: Page, name: str) -> None:
    """Print one page's times."""
    moved, script, word = (page.evaluate(MOVES, how) for how in (False, True, None))
    print(f"{name}\n  slider to charts  {words(moved)}\n  script            {words(script)}\n  one changed word  {words(word)}")


def main() -> None:
    """Measure each page in turn."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for i, (title, code) in enumerate(PAGES.items()):
            with served(notebook(code, Path(name), f"page{i}")) as url:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.set_default_timeout(300_000)
                page.goto(url)
                page.locator(".ty-thresholds").wait_for(timeout=300_000)
                page.wait_for_timeout(2000)
                measure(page, title)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
