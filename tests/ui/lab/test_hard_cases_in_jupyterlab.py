"""What goes wrong around JupyterLab is said in one line: a huge file, one that leads out, a kernel without Tiltyard, a store that is gone."""

import os
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tiltyard.result import Identity
from tiltyard.running.store import Store

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow


def test_a_file_of_five_gigabytes_does_not_freeze_the_page(window: "Window", lab: "Lab") -> None:
    """It gets its verdict, or a line that says that there was not time for one; meanwhile the page answers."""
    page = window.page
    with (lab.root / "huge.pt").open("wb") as file:
        os.truncate(file.fileno(), 5 << 30)  # sparse: it takes no room
    page.get_by_role("button", name="Refresh").first.click()
    window.menu("huge.pt", "Scan")
    window.see("Scanning huge.pt …")
    assert page.evaluate("new Promise(done => requestAnimationFrame(() => done(1 + 1)))") == 2
    window.menu("good.pkl", "Scan")  # another scan is not held up by it
    window.see("good.pkl: safe")
    window.see(re.compile(r"^huge.pt: (unproven\. |unsafe\. |Expected .*in the time there is for it)"))
    (lab.root / "huge.pt").unlink()


def test_a_link_that_leads_out_is_refused_in_one_line(window: "Window", lab: "Lab") -> None:
    (lab.here / "outside.pkl").write_bytes(b"N.")
    (lab.root / "leads-out.pkl").symlink_to(lab.here / "outside.pkl")
    window.page.get_by_role("button", name="Refresh").first.click()
    window.menu("leads-out.pkl", "Scan")
    window.see(re.compile("leads-out.pkl: Expected a path inside this server's files"))


def test_a_kernel_without_tiltyard_says_what_to_install(window: "Window") -> None:
    page = window.page
    page.locator(".jp-LauncherCard", has_text="Model security workbench").click()
    page.get_by_role("button", name="Load and probe").wait_for()  # of two kernels the default one: nobody was asked
    page.locator(".jp-Toolbar-kernelName").locator("visible=true").click()
    page.locator(".jp-Dialog select").select_option(label="Python without Tiltyard")
    page.get_by_role("button", name="Select Kernel").click()
    window.see("The kernel “Python without Tiltyard” has no Tiltyard. Install it there with “pip install tiltyard”.")
    assert page.get_by_text("ModuleNotFoundError").locator("visible=true").count() == 0


def test_a_store_that_is_locked_or_missing_is_said_and_its_return_too(window: "Window", lab: "Lab") -> None:
    page = window.page
    who = Identity(name="Somebody", fingerprint=64 * "a")
    Store(str(lab.store)).begin("A run that is there", who, who)
    page.get_by_role("tab", name="Model security").click()
    page.locator(".tiltyard-run").first.wait_for()
    holder = sqlite3.connect(lab.store, isolation_level=None, timeout=60)
    try:
        for line in ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE", "UPDATE runs SET verdict = verdict"):
            holder.execute(line)
        page.get_by_role("searchbox", name="Search runs").fill("is there")
        page.locator(".tiltyard-side .tiltyard-trouble", has_text="another program").wait_for()
    finally:
        holder.close()
    page.locator(".tiltyard-side .tiltyard-trouble:empty").wait_for(state="attached")
    page.locator(".tiltyard-run", has_text="A run that is there").first.wait_for()
    aside = lab.store.with_suffix(".aside")
    lab.store.rename(aside)
    try:
        page.locator(".tiltyard-trouble[data-state=missing]").wait_for()
        assert str(lab.here) not in page.locator(".tiltyard-side").inner_text()
    finally:
        aside.rename(lab.store)
    page.locator(".tiltyard-side .tiltyard-trouble:empty").wait_for(state="attached")
    page.locator(".tiltyard-run").first.wait_for()
