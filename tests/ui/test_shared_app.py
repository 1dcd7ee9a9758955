"""The app behind names and passwords in a real browser: an analyst does the main job, a viewer looks at what was shared."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiltyard.access.users import Users
from tiltyard.audit.log import records
from tiltyard.store.store import Store

from .conftest import started
from .test_main_job import Window, main_job

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
PASSWORDS = {"ada": ("analyst", "correct horse battery"), "bob": ("viewer", "staple of a stable"), "eve": ("admin", "an evening in eden")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[str]:
    users = Users(folder / "users.json")
    for name, (role, password) in PASSWORDS.items():
        users.add(name, role, password)
    with started(folder, "--password") as url:
        yield url


@contextmanager
def window(browser: "Browser", url: str, name: str) -> Iterator[Window]:
    """The app's page, once ``name`` has logged in."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name][1])
    page.keyboard.press("Enter")
    page.wait_for_url(url, wait_until="commit")  # the page is sent while its kernel starts
    yield Window(page, url)
    context.close()


def test_an_analyst_does_the_main_job(browser: "Browser", app: str, folder: Path, tmp_path: Path) -> None:
    with window(browser, app, "ada") as ada:
        main_job(ada, tmp_path)
    (run,) = Store(folder / "runs.sqlite").runs()
    assert (run.owner, run.total) == ("ada", 2)
    said = {(one.who, one.what) for one in records(folder / "runs.audit.jsonl")}
    assert {("ada", "run started"), ("ada", "run ended"), ("ada", "report exported")} <= said


def test_a_viewer_looks_and_does_not_run(browser: "Browser", app: str) -> None:
    with window(browser, app, "bob") as bob:
        bob.go("Adversarial attacks")
        assert bob.page.get_by_role("button", name="Run", exact=True).locator("visible=true").is_disabled()
        bob.go("History")
        bob.see(re.compile("No run"))
        assert bob.errors == []


def test_an_admin_adds_somebody_and_reads_the_log(browser: "Browser", app: str) -> None:
    with window(browser, app, "eve") as eve:
        eve.go("Access")
        eve.page.get_by_text("People", exact=True).locator("visible=true").first.click()
        eve.see(re.compile("3 people may log in"))
        eve.page.get_by_role("textbox", name="Name").locator("visible=true").first.fill("gus")
        eve.page.get_by_label("Password").locator("visible=true").first.fill("gusts of the gulf")
        eve.page.keyboard.press("Tab")
        eve.page.get_by_role("button", name="Add", exact=True).click()
        eve.see(re.compile("gus may log in as analyst"))
        eve.page.get_by_text("Audit log", exact=True).locator("visible=true").first.click()
        eve.see("user added")
        eve.see(re.compile(r"Intact: \d+ records"))
        eve.page.get_by_text("Me", exact=True).locator("visible=true").first.click()
        eve.see(re.compile("You are eve"))
        assert not eve.page.get_by_text(re.compile("Intact: ")).is_visible()
        assert eve.errors == []
