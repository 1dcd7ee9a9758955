"""A panel without a kernel: nothing is asked of the network, charts and tables work, and no text becomes markup."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
import pytest
from tests.widgets.controls.test_blocks_in_browser import EVIL, chart, everything
from tests.widgets.views.test_outcome import record as record_of

from tiltyard.result import Column, Metric, Table
from tiltyard_widgets.theme import look
from tiltyard_widgets.views.cards import metric_cards
from tiltyard_widgets.views.chart import ChartView
from tiltyard_widgets.views.outcome import OutcomeView
from tiltyard_widgets.views.static import page as page_of
from tiltyard_widgets.views.static import still
from tiltyard_widgets.views.table import TableView

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROWS = tuple((f"row {i}", float(i)) for i in range(300))
TABLE = Table(name="t", title="Three hundred", columns=(Column(name="Name"), Column(name="Value", kind="number")), rows=ROWS)


def test_what_is_hidden_and_what_needs_a_kernel_is_left_out() -> None:
    hidden = look.stack([look.text("not to be seen")])
    look.show(hidden, False)
    made = page_of(w.VBox([look.text("to be seen"), hidden, look.button("Run")]), "A panel")
    assert "to be seen" in made and "not to be seen" not in made and ">Run<" not in made


def test_a_still_has_no_script_and_all_numbers() -> None:
    made = still(w.VBox([look.heading("Robustness"), ChartView(chart(title="Rates")), TableView(TABLE), *everything()]))
    assert "<script" not in made and "onerror='" not in made and EVIL not in made
    assert "Robustness" in made and "data:image/svg+xml;base64," in made and "row 7" in made
    assert not re.search(r"https?://", re.sub(r"base64,[^\"]+", "", made))


@pytest.mark.ui
def test_a_saved_page_lives_without_kernel_and_network(browser: "Browser", tmp_path: Path) -> None:
    place = tmp_path / "saved.html"
    place.write_text(page_of(w.VBox([look.heading("Robustness"), ChartView(chart()), TableView(TABLE), *everything()]), EVIL), "utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 900}, accept_downloads=True)
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(place.as_uri())
    page.locator("svg.ty-svg").first.wait_for()
    page.locator("th button", has_text="Value").click()
    assert page.locator("tbody tr").first.inner_text().startswith("row 299")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV: Three hundred").click()
    assert Path(download.value.path()).read_text("utf-8-sig").count("\n") == 301
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == [] and said == []
    assert page.evaluate("window.harmed") is None and page.title() == EVIL
    page.close()


def test_details_that_were_never_unfolded_stand_in_the_saved_page() -> None:
    record = record_of(notes=("Rows were drawn at random.",))
    view = OutcomeView("Not run yet.")
    view.show(record)
    made = page_of(view, "A result")
    assert "<details><summary>Details: " in made and record.result.notes[0] in made and record.result.summary in made
    assert f"record {record.id[:8]}" in made


def test_numbers_that_a_click_copies_stand_in_the_saved_page() -> None:
    made = page_of(
        metric_cards([Metric(name="a", label="Recall", value=0.4, low=0.37, high=0.43, level=0.95, n=1000, unit="share")]), "Cards"
    )
    assert "40.0" in made and "37.0" in made and "<button" not in made and ", copy" not in made
