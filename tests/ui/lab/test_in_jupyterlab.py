"""What a person does in JupyterLab, in a real browser: open the workbench, attack, cancel, come back; scan files; follow runs."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from conftest import Lab

pytestmark = pytest.mark.slow
PATIENCE = 120_000


class Window:
    """One window of JupyterLab, with what its console complained of."""

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
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.locator("#jp-left-stack").wait_for()

    def reload(self) -> None:
        """Leave, once the layout was kept, and come back."""
        with self.page.expect_response(lambda r: "/api/workspaces/" in r.url and r.request.method == "PUT"):
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
        self.page.locator(".jp-DirListing-item", has_text=file).click(button="right")
        self.page.locator(".lm-Menu-item", has_text=item).click()

    def load(self) -> None:
        """From the launcher to a loaded model."""
        self.page.locator(".jp-LauncherCard", has_text="Model security workbench").click()
        self.press("Load and probe")
        self.see("rows answered in")


@pytest.fixture
def window(browser: "Browser", lab: "Lab", request: pytest.FixtureRequest) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    name = re.sub(r"\W", "-", request.node.name)
    made = Window(context.new_page(), lab.page(f"auto-{name}"))
    yield made
    if folder := os.environ.get("TILTYARD_SHOTS"):
        made.page.screenshot(path=f"{folder}/lab-{name}.png")
    context.close()


def test_a_file_is_scanned_without_a_kernel(window: Window) -> None:
    page = window.page
    window.menu("harmful.pkl", "Scan")
    window.see(re.compile(r"harmful.pkl: unsafe. .*system"))
    badge = page.locator(".jp-DirListing-item", has_text="harmful.pkl").locator(".tiltyard-badge")
    assert badge.inner_text() == "unsafe"
    window.press("Details")
    window.see("loading the file would run this")
    window.press("Close")
    window.menu("good.pkl", "Scan")
    window.see("good.pkl: safe")
    assert page.locator(".tiltyard-badge").count() == 1
    page.reload()
    window.ready()
    badge.wait_for()
    assert page.request.get(f"{window.url.partition('lab/')[0]}api/kernels").json() == []
    assert window.errors == []


def endless(window: Window) -> None:
    """Start an attack that takes an hour."""
    page = window.page
    page.locator("nav").get_by_text("Adversarial attacks", exact=True).click()
    page.get_by_text("More settings").locator("visible=true").first.click()
    for name in ("Rows", "Steps"):
        page.get_by_role("textbox", name=name).locator("visible=true").first.fill("10000")
        page.keyboard.press("Tab")
    window.press("Run")
    window.see(re.compile("is running"))


def test_the_workbench_attacks_cancels_and_comes_back(window: Window) -> None:
    page = window.page
    window.load()
    endless(window)
    page.locator(".tiltyard-status-button", has_text="%").click()
    going = page.locator(".tiltyard-going")
    assert going.locator("progress").get_attribute("aria-label")
    going.get_by_role("button", name=re.compile("^Cancel ")).click()
    window.see("Cancelled; nothing was concluded.")
    window.reload()
    window.see("Cancelled; nothing was concluded.")  # the panel of before, from the same kernel
    endless(window)
    page.locator('.jp-Toolbar [data-jp-item-name="restart"]').locator("visible=true").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    window.see(re.compile("The kernel was restarted: “.*” was cut off"))
    page.locator(".tiltyard-run", has_text="cut off").wait_for()
    page.locator("nav").get_by_text("Model and data", exact=True).click()
    window.see("rows answered in")  # a new kernel loaded the same again


def serious(page: "Page", within: str) -> list[str]:
    """What axe-core finds serious or critical there."""
    import axe_core_python

    page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("async w => (await axe.run(w, { resultTypes: ['violations'] })).violations", within)
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]


def test_a_run_from_the_shell_is_followed_in_two_windows(window: Window, lab: "Lab") -> None:
    page = window.page
    second = Window(page.context.new_page(), lab.page("auto-second"))
    for each in (window, second):
        each.page.get_by_role("tab", name="Model security").click()
        each.page.locator(".tiltyard-list").wait_for()
    lab.tiltyard("check", "evasion.fgsm", "--sample", "census", "--rows", "50")
    lab.tiltyard("check", "evasion.fgsm", "--sample", "census", "--rows", "60")
    for each in (second, window):
        each.page.locator(".tiltyard-run").nth(1).wait_for()
        each.page.locator(".tiltyard-model").first.wait_for()
    page.locator(".tiltyard-list").focus()
    page.keyboard.press("Enter")
    window.see("Fast gradient sign method (FGSM)")
    assert serious(page, ".tiltyard-side") + serious(page, ".tiltyard-view") == []
    window.press("Report")
    frame = page.locator("iframe.tiltyard-paper")
    page.frame_locator("iframe.tiltyard-paper").get_by_role("heading", name=re.compile("Security report")).wait_for()
    assert frame.get_attribute("sandbox") == ""
    page.locator(".tiltyard-list").focus()
    for key in ("Home", " ", "ArrowDown", " "):
        page.keyboard.press(key)
    window.press("Compare the two marked")
    window.see("Two runs side by side")
    assert window.errors == []
    assert second.errors == []


def test_a_report_file_opens_as_the_report(window: Window, lab: "Lab") -> None:
    lab.tiltyard("check", "evasion.fgsm", "--sample", "census", "--rows", "50")
    lab.tiltyard("report", "last", "--format", "json", "--out", "ours.tiltyard.json")
    written = json.loads((lab.root / "ours.tiltyard.json").read_text())
    (lab.root / "later.tiltyard.json").write_text(json.dumps({**written, "format": 99}))
    page = window.page
    page.locator(".jp-DirListing-item", has_text="ours.tiltyard.json").dblclick()
    page.frame_locator("iframe.tiltyard-paper").get_by_role("heading", name=re.compile("Security report")).wait_for()
    window.see("Not signed.")
    page.locator(".jp-DirListing-item", has_text="later.tiltyard.json").dblclick()
    window.see(re.compile("99"))
    assert page.locator(".tiltyard-trouble[role=alert]").count() == 1


def notebook(lab: "Lab", name: str, source: str) -> None:
    """A notebook of one cell."""
    cell = {"cell_type": "code", "id": "a", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (lab.root / name).write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def test_a_cell_that_loads_a_file_gets_a_hint_and_cells_are_inserted(window: Window, lab: "Lab") -> None:
    notebook(lab, "load.ipynb", 'import pickle\nmodel = pickle.load(open("harmful.pkl", "rb"))')
    page = window.page
    page.locator(".jp-DirListing-item", has_text="load.ipynb").dblclick()
    hint = page.locator(".jp-Notebook .tiltyard-hint")
    hint.get_by_text("harmful.pkl: unsafe.").wait_for()
    assert serious(page, ".tiltyard-hint") == []
    hint.get_by_role("button", name="Turn these hints off").click()
    hint.wait_for(state="detached")
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input, .jp-ModalCommandPalette input").locator("visible=true").first.fill("Insert the workbench")
    page.keyboard.press("Enter")
    page.locator(".jp-Notebook .jp-Cell", has_text="Workbench()").wait_for()


def test_where_the_server_extension_is_disabled_the_panel_says_how_to_enable_it(browser: "Browser", bare_lab: "Lab") -> None:
    window = Window(browser.new_page(), bare_lab.page())
    window.page.get_by_role("tab", name="Model security").click()
    window.see(re.compile("jupyter server extension enable tiltyard_widgets.server"))
    window.page.close()
