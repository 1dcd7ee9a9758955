"""The same in Notebook 7, in a real browser: its page of files, and a notebook."""

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow


def test_beside_the_files(classic: "Window") -> None:
    """A scan's badge and the workbench outlive a reload; without a notebook "Insert as cells" says what to do."""
    page = classic.page
    classic.scan("harmful.pkl")
    classic.see(re.compile("harmful.pkl: malicious"))
    badge = classic.file("harmful.pkl").locator(".tiltyard-badge", has_text="malicious")
    badge.wait_for()
    page.get_by_role("menuitem", name="File").click()
    page.locator(".lm-Menu-item", has_text=re.compile("^New")).first.hover()
    page.locator(".lm-Menu-item", has_text="Model security workbench").click()
    page.get_by_role("button", name="Load and probe").click()
    classic.see("rows answered in")
    page.get_by_role("button", name="Insert as cells").click()
    classic.see(re.compile("No notebook is open on this page: open one and insert there, or copy the code"))
    page.get_by_role("button", name="Copy the code").click()
    classic.see("The code was copied: paste it into a cell.")
    page.wait_for_function("Object.keys(sessionStorage).some(key => key.includes('tiltyard-workbench'))")
    page.reload()
    classic.see("rows answered in")
    page.get_by_role("tab", name="Files").click()
    badge.wait_for()


def test_below_a_notebook(classic: "Window", lab: "Lab") -> None:
    lab.notebook("seven.ipynb", 'import joblib\nmodel = joblib.load("harmful.pkl")')
    window = classic.another(lab.classic("notebooks/seven.ipynb"))
    window.page.locator(".jp-Notebook .tiltyard-hint", has_text="harmful.pkl: malicious.").wait_for()
    window.command("Insert the workbench as cells")
    window.page.locator(".jp-Notebook .jp-Cell", has_text="Workbench()").wait_for()
    window.see("1 cell was inserted into seven.ipynb")
