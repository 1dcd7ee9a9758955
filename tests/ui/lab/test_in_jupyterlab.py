"""What a person does in JupyterLab, in a real browser: open the workbench, attack, cancel, come back; scan files; follow runs."""

import os
import re
from collections.abc import Iterator
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
