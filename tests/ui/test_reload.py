"""Work that outlives its page: a long run, a reload in the middle, a second window that sees it and cancels it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import started
from .test_main_job import Window

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
NOW = ".ty-drawer-now"
ATTACK = "Strong evaluation"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("reload")) as url:
        yield url


def test_a_run_outlives_its_page_and_is_cancelled_from_another(browser: "Browser", app: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    window = Window(context.new_page(), app)
    page = window.page
    window.go("Adversarial attacks")
    window.more()
    for name, value in (("Rows", "10000"), ("Effort", "20")):  # it never ends before it is cancelled
        page.get_by_role("textbox", name=name).locator("visible=true").first.fill(value)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()
    page.locator(NOW, has_text=ATTACK).wait_for()
    page.wait_for_url("**/?run=*&topic=evasion&step=evasion.strong")
    assert "token" not in page.url
    address = page.url

    page.reload()
    page.locator(NOW, has_text=ATTACK).wait_for()  # it goes on in its former kernel
    page.locator("nav [aria-current=true]", has_text="Adversarial attacks").wait_for()
    assert page.url == address

    second = context.new_page()
    second.set_default_timeout(300_000)
    second.goto(address)
    second.locator(NOW, has_text=ATTACK).wait_for()
    second.locator(".ty-drawer-bar").click()
    second.locator('[data-do="cancel"]').first.click()
    page.locator(NOW, has_text=ATTACK).wait_for(state="detached")
    context.close()
