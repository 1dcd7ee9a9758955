"""In each of JupyterLab's themes: axe-core finds nothing serious in what Tiltyard shows there, and a report is as dark as what is around it."""

from typing import TYPE_CHECKING

import pytest

from tiltyard.evasion.fgsm import FGSM
from tiltyard.execution.runner import Runner
from tiltyard.reports.bundle import make
from tiltyard.reports.writing import render
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow
THEMES = {
    "JupyterLab Light": "rgb(255, 255, 255)",
    "JupyterLab Dark": "rgb(22, 25, 29)",
    "JupyterLab Dark High Contrast": "rgb(22, 25, 29)",
}
REPORT = "looks.tiltyard.json"


@pytest.fixture
def shown(window: "Window", lab: "Lab") -> "Window":
    """A run with a finding in the side panel and as a report file; the workbench."""
    sample, store = load("census"), Store(str(lab.store))
    job = Runner(store).start([FGSM(rows=20)], sample.target, sample.data)
    job.wait(300)
    assert job.run is not None
    (lab.root / REPORT).write_text(render(make(store.records(job.run.id)), "json"))
    window.load()
    window.page.get_by_role("button", name="Refresh").first.click()
    window.file(REPORT).dblclick()
    window.page.locator(".tiltyard-sheet:visible .tiltyard-signature").wait_for()
    return window


def test_every_theme(shown: "Window") -> None:
    from playwright.sync_api import expect

    page, found = shown.page, []
    page.emulate_media(color_scheme="no-preference")  # Playwright's own wish would go before that of the frame
    paper = page.frame_locator("iframe.tiltyard-paper").locator("body")
    for theme, color in THEMES.items():
        shown.theme(theme)
        page.locator(".lm-TabBar-tab", has_text=REPORT).click()
        shown.left("Model security")
        page.locator(".tiltyard-run", has_text="1 check with a finding").first.wait_for()
        paper.filter(has_text="Security report").wait_for()
        expect(paper).to_have_css("background-color", color, timeout=120_000)
        found += [(theme, said) for said in shown.serious(".tiltyard-side") + shown.serious(".tiltyard-sheet")]
        page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Model security").click()
        page.get_by_role("button", name="Load and probe").wait_for()
        found += [(theme, said) for said in shown.serious(".tiltyard-workbench")]
        shown.left("File Browser")
        shown.scan("harmful.pkl")
        shown.press("Details")
        shown.see("loading the file would run this")
        found += [(theme, said) for said in shown.serious(".jp-Dialog")]
        shown.press("Close")
        page.locator(".jp-Dialog").wait_for(state="detached")
    assert found == []
    assert shown.errors == []
