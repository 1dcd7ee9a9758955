"""Time to a usable page, and slider to new chart: the workbench beside bare Voila pages, in one run. Prints ratios.

    python benchmarks/bench_page.py [rounds]

Needs Chromium and Playwright. A page is usable when its controls answer: the first button is shown and enabled.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split()
BARE = "import ipywidgets as w\nw.VBox([w.Button(description='go'), w.IntSlider(), w.Text(), w.Checkbox(), w.Dropdown(options=['a'])])"
HEAVY = "import torch, opacus, shap, fairlearn\n" + BARE
PICTURE = """
import io
import ipywidgets as w
from matplotlib.figure import Figure
slider, image = w.FloatSlider(value=1, min=0, max=10, step=0.1), w.Image(format="png")
def draw(_=None):
    figure = Figure(figsize=(6.4, 3.0))
    figure.subplots().plot([i / 40 for i in range(40)], [slider.value * i for i in range(40)])
    out = io.BytesIO()
    figure.savefig(out, format="png")
    image.value = out.getvalue()
slider.observe(draw, "value")
draw()
w.VBox([slider, image])
"""


def notebook(code: str, folder: Path, name: str) -> Path:
    """A notebook of one cell."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": code, "execution_count": None, "outputs": []}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    """URL of the notebook under Voila, as `tiltyard app` starts it."""
    import tiltyard_widgets

    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "voila", str(path), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--template=tiltyard"]
    strangers = ["@voila-dashboards/jupyterlab-preview", "@jupyter-notebook/lab-extension"]
    words += [f"--VoilaConfiguration.extension_denylist={strangers}", "--Voila.log_level=ERROR"]
    shared = str(Path(tiltyard_widgets.__file__).parent / "jupyter")
    store = str(path.parent / "runs.sqlite")
    server = subprocess.Popen(words, env={**os.environ, "JUPYTER_PATH": shared, "TILTYARD_STORE": store}, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def usable(page: Page, url: str, selector: str) -> float:
    """Seconds until the first control of the page is shown."""
    start = time.perf_counter()
    page.goto(url)
    page.locator(selector).first.wait_for(timeout=120_000)
    return time.perf_counter() - start


def pictures(page: Page, moves: int = 15) -> float:
    """Seconds from slider to new PNG, median."""
    page.locator("img").first.wait_for()
    handle = page.locator(".noUi-handle").first
    handle.focus()
    took = []
    for _ in range(moves):
        before = page.locator("img").first.get_attribute("src")
        start = time.perf_counter()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("b => document.querySelector('img').src !== b", arg=before, polling="raf")
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def curves(page: Page, moves: int = 15) -> float:
    """Seconds from the epsilon slider to the new curve, median."""
    page.get_by_text("rows answered in").wait_for(timeout=120_000)
    page.locator("nav").get_by_text("Data privacy", exact=True).click()
    page.get_by_text("At rest: epsilon").wait_for(timeout=120_000)
    page.get_by_role("slider").first.focus()
    took = []
    for _ in range(moves):
        before = page.locator("svg.ty-svg").first.inner_html()
        start = time.perf_counter()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("b => document.querySelector('svg.ty-svg').innerHTML !== b", arg=before, polling="raf")
        took.append(time.perf_counter() - start)
        page.wait_for_timeout(100)
    return statistics.median(took)


def main(rounds: int) -> None:
    """Measure in turn and print medians with ratios to the bare page."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright, contextlib.ExitStack() as stack:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        bare = stack.enter_context(served(notebook(BARE, folder, "bare")))
        heavy = stack.enter_context(served(notebook(HEAVY, folder, "heavy")))
        ours = stack.enter_context(served(Path(shutil.copy(root / "notebooks/apps/workbench.ipynb", folder))))
        image = stack.enter_context(served(notebook(PICTURE, folder, "image")))
        pages = {
            "bare": (bare, "button.jupyter-button"),
            "heavy imports": (heavy, "button.jupyter-button"),
            "workbench": (ours, "button.tiltyard-primary"),
        }
        times: dict[str, list[float]] = {key: [] for key in pages}
        for _ in range(rounds + 1):
            for key, (url, selector) in pages.items():
                page = browser.new_page()
                times[key].append(usable(page, url, selector))
                page.close()
        base = statistics.median(times["bare"][1:])
        for key, took in times.items():
            middle = statistics.median(took[1:])
            print(
                f"usable page, {key}: {middle:.2f} s ({min(took[1:]):.2f} to {max(took[1:]):.2f}, {rounds} rounds), {middle / base:.2f} x bare"
            )
        page = browser.new_page()
        page.goto(image)
        png = pictures(page)
        page = browser.new_page()
        page.goto(ours)
        own = curves(page)
        print(f"slider to chart: PNG in an Image {1000 * png:.0f} ms, epsilon curve {1000 * own:.0f} ms, {own / png:.2f} x")
        browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
