"""The whole main job in a real browser, through the app a newcomer starts: load, attack, cancel, privacy, fairness, report, history."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiltyard_widgets.panels.listing import ROWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PATIENCE = 300_000


class Window:
    """One page of the app, with what its console and network said."""

    def __init__(self, page: "Page", url: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        own = url.partition("?")[0]
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on(
            "request",
            lambda r: self.outside.append(r.url) if not r.url.startswith((own, own.replace("http", "ws"), "data:", "blob:")) else None,
        )
        page.goto(url)
        loaded, offered = page.get_by_text("rows answered in"), page.get_by_role("button", name="Go on", exact=True)
        loaded.or_(offered).first.wait_for()
        if offered.is_visible():  # of whoever has runs nothing is loaded unasked
            page.get_by_role("button", name="Load and probe").click()
            loaded.wait_for()

    def go(self, topic: str) -> None:
        """Open a topic in the rail."""
        self.page.locator("nav").get_by_text(topic, exact=True).click()
        self.page.get_by_role("heading", name=topic).first.wait_for()

    def see(self, text: "str | re.Pattern[str]") -> None:
        """Wait until ``text`` is to be seen."""
        self.page.get_by_text(text).locator("visible=true").first.wait_for()

    def more(self) -> None:
        """Unfold all settings; those of a step that has run are folded."""
        change = self.page.get_by_role("button", name="Change settings", exact=True).locator("visible=true")
        more = self.page.get_by_text("More settings").locator("visible=true")
        change.or_(more).first.wait_for()
        if not more.count():
            change.click()
        more.first.click()

    def run(self) -> None:
        """Press Run and wait for the end."""
        self.page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()
        self.see(re.compile(r"Ended in"))


@pytest.fixture
def window(browser: "Browser", app: str, request: pytest.FixtureRequest) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    made = Window(context.new_page(), app)
    yield made
    if folder := os.environ.get("TILTYARD_SHOTS"):
        made.page.screenshot(path=f"{folder}/{request.node.name}.png", full_page=True)
    context.close()


def _serious(page: "Page") -> list[str]:
    import axe_core_python

    if not page.evaluate("'axe' in window"):
        page.evaluate((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("async () => (await axe.run('.tiltyard-page', { resultTypes: ['violations'] })).violations")
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]


def test_the_main_job(window: Window, tmp_path: Path) -> None:
    main_job(window, tmp_path)


def main_job(window: Window, tmp_path: Path) -> None:
    """Attack, fairness, the report as a file, the history."""
    page = window.page
    window.go("Adversarial attacks")
    window.run()
    window.see("Robust accuracy")
    window.see("Accuracy as eps grows")
    assert page.locator("nav").get_by_text("finding").count() >= 1

    window.go("Bias and fairness")
    window.run()
    window.see("Demographic parity difference by sex")

    window.go("Report")
    page.get_by_role("button", name="Prepare a download").click()
    link = page.get_by_role("link", name=re.compile("Download tiltyard-report"))
    with page.expect_download() as download:
        link.click()
    path = tmp_path / "report.html"
    download.value.save_as(path)
    report = path.read_text()
    assert "Strong evaluation" in report
    assert "not run" in report
    assert path.stat().st_size < 5_000_000

    window.go("History")
    window.see("Runs, newest first")
    assert window.errors == []
    assert window.outside == []


def test_cancel_ends_an_attack_within_a_second(window: Window) -> None:
    page = window.page
    window.go("Adversarial attacks")
    window.more()
    for name, value in (("Rows", "10000"), ("Effort", "20")):  # an hour of work, so that it never ends before it is cancelled
        page.get_by_role("textbox", name=name).locator("visible=true").first.fill(value)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()
    window.see(re.compile("is running"))
    page.get_by_role("button", name="Cancel", exact=True).locator("visible=true").first.click()
    window.see(re.compile("Last: .*, cancelled"))  # the drawer's line stays; a former result takes the place of what was cancelled
    page.locator("button:enabled:visible", has_text=re.compile("^Run$")).wait_for()


def test_the_privacy_sliders_follow_one_another(window: Window) -> None:
    page = window.page
    window.go("Data privacy")
    window.see(re.compile(r"Epsilon (4(\.0\d*)?|3\.99\d*) at delta"))
    noise = page.get_by_role("textbox", name="Noise multiplier", exact=True).first
    before = float(noise.input_value())
    epsilon = page.get_by_role("textbox", name="Epsilon", exact=True).first
    epsilon.fill("1")
    page.keyboard.press("Tab")
    window.see(re.compile(r"Epsilon (1(\.0\d*)?|0\.99\d*) at delta"))
    assert float(noise.input_value()) > before
    window.see(re.compile(r"By RDP alone it would be \d+\.\d+"))


def refused(window: Window) -> None:
    """The red state: files that are not there."""
    page = window.page
    window.go("Model and data")
    page.get_by_text("Files of mine").click()
    page.get_by_role("textbox", name="Model file").fill("/nowhere/model.safetensors")
    page.get_by_role("textbox", name="Data file").fill("/nowhere/data.csv")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Load and probe").click()
    page.get_by_text(re.compile(r"Expected .*; found .*nowhere|/nowhere")).locator("visible=true").first.wait_for()
    window.see(re.compile("^Not loaded. .* stays."))


def test_a_missing_file_is_said_in_one_line_and_loses_nothing(window: Window) -> None:
    refused(window)
    assert window.page.get_by_text("Census income MLP").count() >= 1


def test_by_keyboard_alone(window: Window) -> None:
    page = window.page
    page.locator("nav button, nav [tabindex='0'], nav a").first.focus()
    for _ in range([row.id for row in ROWS].index("fairness")):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Bias and fairness").first.wait_for()


LOOKS = (("light", 480), ("light", 1300), ("dark", 1300))


def test_axe_finds_nothing_serious(browser: "Browser", app: str) -> None:
    """One window, opened narrow; every page of it is looked at in both schemes and both widths."""
    scheme, width = LOOKS[0]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    window = Window(context.new_page(), app)
    page, found, wide = window.page, {}, {}

    def look(name: str) -> None:
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
            seen = f"{name}, {scheme}, {width}"
            found.update({seen: serious} if (serious := _serious(page)) else {})
            wide[seen] = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    for row in ROWS:
        window.go(row.label)
        look(row.label)
    refused(window)
    look("refused")
    strong = page.evaluate("""() => {
      document.body.dataset.jpThemeName = "JupyterLab Dark High Contrast";
      const style = getComputedStyle(document.querySelector(".ty-header"));
      return [style.borderBottomColor, style.color];
    }""")
    context.close()
    assert found == {}, json.dumps(found, indent=1)
    assert {seen: beyond for seen, beyond in wide.items() if beyond > 1} == {}
    assert strong[0] == strong[1]
