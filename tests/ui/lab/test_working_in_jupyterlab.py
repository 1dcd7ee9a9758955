"""From a file or the launcher to a report, in one browser session and without a cell."""

import gzip
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow


def test_a_good_file_is_assessed(window: "Window", lab: "Lab") -> None:
    """The model and the data of its name are there, ready for the first attack."""
    shipped = Path(str(files("tiltyard.samples")))
    shutil.copy(shipped / "models" / "census.safetensors", lab.root)
    (lab.root / "census.csv").write_bytes(gzip.decompress((shipped / "data" / "census.csv.gz").read_bytes()))
    window.page.get_by_role("button", name="Refresh").first.click()
    window.menu("census.safetensors", "Assess in Tiltyard")
    window.see("rows answered in")
    assert window.page.get_by_role("textbox", name="Model file").input_value() == "census.safetensors"
    assert window.page.get_by_role("textbox", name="Data file").input_value() == "census.csv"
    window.see("Census income MLP")
    assert window.errors == []


def test_an_unsafe_file_says_why_and_nothing_of_it_runs(window: "Window", lab: "Lab") -> None:
    window.menu("harmful.pkl", "Assess in Tiltyard")
    window.see(re.compile("found a pickle, which runs code when it is opened .harmful.pkl, malicious: .*system"))
    window.see("none yet")
    assert not (lab.root / "harm-done").exists()


def test_from_the_launcher_to_the_report(window: "Window") -> None:
    page = window.page
    window.load()
    window.endless()
    page.locator("progress, [role=progressbar]").locator("visible=true").first.wait_for()
    page.locator(".tiltyard-status-button", has_text=re.compile(r"^\d+ %")).wait_for()
    page.locator(".lm-TabBar-tab", has_text="Model security").locator(".lm-TabBar-tabCloseIcon").locator("visible=true").click()
    window.see(re.compile("is running. Close the workbench and cancel it"))
    window.press("Keep it open")
    page.get_by_role("button", name="Cancel", exact=True).locator("visible=true").first.click()
    window.see("Cancelled; nothing was concluded.")
    window.unfold()
    for name, value in (("Rows", "40"), ("Effort", "0.1")):
        page.get_by_role("textbox", name=name).locator("visible=true").first.fill(value)
        page.keyboard.press("Tab")
    window.press("Run")
    window.see(re.compile(r"Ended in"))
    page.get_by_role("tab", name="Model security").first.click()
    page.locator(".tiltyard-run", has_text="open · 1 check, 1 check with a finding").first.click()  # not another test's
    window.see(re.compile(r"Evidence Robust accuracy .*: .* at 95 %, n = 40"))
    window.press("Report")
    report = page.frame_locator("iframe.tiltyard-paper")
    report.get_by_role("heading", name=re.compile("Security report: Census income MLP")).wait_for()
    report.get_by_text("Strong evaluation").first.wait_for()
    assert window.errors == []
