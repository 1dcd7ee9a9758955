"""What a person does in JupyterLab, in a real browser: open the workbench, attack, cancel, come back; scan files; follow runs."""

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow


def test_a_file_is_scanned_without_a_kernel(window: "Window") -> None:
    page = window.page
    kernels = f"{window.url.partition('lab/')[0]}api/kernels"
    before = {kernel["id"] for kernel in page.request.get(kernels).json()}  # those that other tests left
    window.scan("harmful.pkl")
    window.see(re.compile(r"harmful.pkl: malicious. .*system"))
    badge = page.locator(".jp-DirListing-item", has_text="harmful.pkl").locator(".tiltyard-badge")
    assert badge.inner_text() == "malicious"
    window.press("Details")
    window.see("loading the file would run this")
    window.press("Close")
    window.scan("good.pkl")
    window.see("good.pkl: safe")
    assert window.file("good.pkl").locator(".tiltyard-badge").inner_text() == "safe"  # other files may be known from other tests
    page.reload()
    window.ready()
    badge.wait_for()
    assert {kernel["id"] for kernel in page.request.get(kernels).json()} <= before
    assert window.errors == []


def test_the_workbench_attacks_cancels_and_comes_back(window: "Window") -> None:
    page = window.page
    window.load()
    window.endless()
    page.locator(".tiltyard-status-button", has_text="%").click()
    going = page.locator(".tiltyard-going")
    assert going.locator("progress").get_attribute("aria-label")
    going.get_by_role("button", name=re.compile("^Cancel ")).click()
    window.see("Cancelled; nothing was concluded.")
    window.reload()
    page.locator(".tiltyard-run", has_text="cancelled").first.wait_for()
    window.endless()
    page.locator('.jp-Toolbar [data-jp-item-name="restart"]').locator("visible=true").click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    window.see(re.compile("The kernel was restarted: “.*” was cut off"))
    page.locator(".tiltyard-run", has_text="cut off").wait_for()
    page.locator("nav").get_by_text("Model and data", exact=True).click()
    window.see("rows answered in")  # a new kernel loaded the same again


def test_a_run_from_the_shell_is_followed_in_two_windows(window: "Window", lab: "Lab") -> None:
    page = window.page
    second = window.another(lab.page("auto-second"))
    for each in (window, second):
        each.page.get_by_role("tab", name="Model security").click()
        each.page.locator(".tiltyard-list").wait_for()
    lab.tiltyard("check", "evasion.fgsm", "--sample", "census", "--rows", "50")
    lab.tiltyard("check", "evasion.fgsm", "--sample", "census", "--rows", "60")
    for each in (second, window):
        each.page.locator(".tiltyard-run").nth(1).wait_for()
        each.page.locator(".tiltyard-model").first.wait_for()
    page.get_by_role("button", name="Workbench", exact=True).focus()
    window.until("Tab", page.locator(".tiltyard-list:focus"))
    page.keyboard.press("Enter")
    window.see("Fast gradient sign method (FGSM)")
    window.see(re.compile(r"^Evidence Robust accuracy .*: .* at 95 %, n = 60$"))
    assert window.serious(".tiltyard-side") + window.serious(".tiltyard-view") == []
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


def test_a_cell_that_loads_a_file_gets_a_hint_and_cells_are_inserted(window: "Window", lab: "Lab") -> None:
    lab.notebook("load.ipynb", 'import pickle\nmodel = pickle.load(open("harmful.pkl", "rb"))')
    page = window.page
    page.locator(".jp-DirListing-item", has_text="load.ipynb").dblclick()
    hint = page.locator(".jp-Notebook .tiltyard-hint")
    hint.get_by_text("harmful.pkl: malicious.").wait_for()
    assert window.serious(".tiltyard-hint") == []
    hint.get_by_role("button", name="Turn these hints off").click()
    hint.wait_for(state="detached")
    window.command("Hints before a model file is loaded")
    hint.get_by_text("harmful.pkl: malicious.").wait_for()
    window.command("Insert the workbench as cells")
    page.locator(".jp-Notebook .jp-Cell", has_text="Workbench()").wait_for()


def test_where_the_server_extension_is_disabled_the_panel_says_how_to_enable_it(bare_window: "Window") -> None:
    bare_window.scan("harmful.pkl")
    bare_window.see(re.compile("harmful.pkl: Tiltyard's server extension is not enabled"))
    bare_window.press("Read it all")
    bare_window.see(re.compile("harmful.pkl: .*jupyter server extension enable tiltyard_widgets.server"))
    bare_window.press("Close")
    bare_window.page.get_by_role("tab", name="Model security").click()
    bare_window.page.locator(
        ".tiltyard-side .tiltyard-trouble", has_text="jupyter server extension enable tiltyard_widgets.server"
    ).wait_for()
    assert bare_window.serious(".tiltyard-side") == []


def test_a_file_is_scanned_by_keyboard_alone(window: "Window") -> None:
    page = window.page
    page.locator(".jp-Launcher:focus").wait_for()  # JupyterLab has done with giving the focus away
    page.locator('.jp-DirListing-item [tabindex="0"]').first.focus()
    window.until("ArrowDown", page.locator(".jp-DirListing-item.jp-mod-selected", has_text="harmful.pkl"))
    page.keyboard.press("ContextMenu")
    page.locator(".lm-Menu:focus").wait_for()
    window.until("ArrowDown", page.locator(".lm-Menu-item.lm-mod-active", has_text=re.compile("^Scan")))
    page.keyboard.press("Enter")
    window.see(re.compile("harmful.pkl: malicious"))
