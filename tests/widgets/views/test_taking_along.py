"""What stands on the page can be sorted, searched and taken along: tables as CSV, charts as PNG, SVG and CSV."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.widgets.controls.test_blocks_in_browser import STAGE, chart

from tiltyard.result import Column, Table
from tiltyard_widgets.views.chart import ChartView
from tiltyard_widgets.views.table import TableView

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COLUMNS = (Column(name="Class"), Column(name="Rows", kind="integer"), Column(name="Loss", unit="nats", kind="number"))
NAMES = ("b", "=cmd()", "a, b", 'say "x"', "c", "d", "e", "f", "g", "h")
ROWS = tuple((name, (i * 7) % 10, None if i == 4 else i / 3) for i, name in enumerate(NAMES))
TABLE = Table(name="t", title="Loss by class", columns=COLUMNS, rows=ROWS)


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    page = browser.new_page(viewport={"width": 900, "height": 800}, accept_downloads=True)
    page.set_content(STAGE)
    page.wait_for_function("() => !!window.mount")
    yield page
    assert page.evaluate("window.faults") == []
    page.close()


def mount(page: "Page", block: ChartView | TableView) -> None:
    state = {k: v for k, v in block.get_state().items() if k not in ("layout", "tabbable", "tooltip")}
    page.evaluate("(state) => mount(state)", json.loads(json.dumps(state)))
    page.wait_for_timeout(60)


def saved(page: "Page", name: str, folder: Path) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    download.value.save_as(folder / download.value.suggested_filename)
    return (folder / download.value.suggested_filename).read_bytes()


def first_cells(page: "Page", column: int) -> list[str]:
    return page.locator(f"tbody tr td:nth-child({column + 1})").all_inner_texts()


@pytest.mark.ui
def test_a_table_is_sorted_by_its_numbers_and_empty_cells_stay_last(page: "Page") -> None:
    mount(page, TableView(TABLE))
    page.get_by_role("button", name="Loss (nats)", exact=True).click()
    assert first_cells(page, 2) == ["3.000", "2.667", "2.333", "2.000", "1.667", "1.000", "0.667", "0.333", "0.000", "–"]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Loss")
    page.get_by_role("button", name="Loss (nats)", exact=True).click()
    assert first_cells(page, 2)[0] == "0.000" and first_cells(page, 2)[-1] == "–"
    page.get_by_role("button", name="Loss (nats)", exact=True).click()
    assert first_cells(page, 0) == list(NAMES)


@pytest.mark.ui
def test_a_table_is_searched_and_its_csv_holds_what_is_shown_and_no_formula(page: "Page", tmp_path: Path) -> None:
    mount(page, TableView(TABLE))
    whole = list(csv.reader(io.StringIO(saved(page, "Save as CSV", tmp_path).decode("utf-8-sig"))))
    assert whole[0] == ["Class", "Rows", "Loss (nats)"]
    assert [row[0] for row in whole[1:]] == ["b", "'=cmd()", *NAMES[2:]]
    assert [float(row[2]) if row[2] else None for row in whole[1:]] == [row[2] for row in ROWS]  # in full, not as displayed
    page.get_by_role("searchbox").fill("SAY")
    assert first_cells(page, 0) == ['say "x"'] and "1 of 10 rows" in page.locator("[role=status]").inner_text()
    assert saved(page, "Save as CSV", tmp_path).decode("utf-8-sig").count("\r\n") == 2


@pytest.mark.ui
def test_a_table_that_is_cut_asks_the_kernel_for_all_of_it(page: "Page") -> None:
    mount(page, TableView(TABLE, limit=3))
    page.get_by_role("button", name="Save as CSV").click()
    page.get_by_role("button", name="Show all rows").click()
    assert page.evaluate("models[0].model.sent.map((m) => m.event)") == ["csv", "whole"]


def test_the_kernel_gives_all_rows_of_a_cut_table(monkeypatch: pytest.MonkeyPatch) -> None:
    view, sent = TableView(TABLE, limit=3), list[dict[str, object]]()
    monkeypatch.setattr(view, "send", lambda content: sent.append(content))
    view._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "csv", "value": ""}}}, "buffers": []})
    assert sent[0]["csv"] == [["Class", "Rows", "Loss (nats)"], *map(list, ROWS)]
    assert "Showing 3 of 10 rows." in view.plain_text()
    view._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "whole", "value": ""}}}, "buffers": []})
    assert "Showing" not in view.plain_text()
    view.show(TABLE.model_copy(update={"title": "Another"}))
    assert "Showing 3 of 10 rows." in view.plain_text()


@pytest.mark.ui
@pytest.mark.parametrize("kind", ["line", "bar"])
def test_a_chart_is_saved_as_a_picture_that_needs_no_style_sheet_and_as_its_numbers(page: "Page", tmp_path: Path, kind: str) -> None:
    mount(page, ChartView(chart(kind, title="Rates")))
    drawn = saved(page, "Save the picture as SVG", tmp_path)
    root = ET.fromstring(drawn)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Rates" in texts and "undefended" in texts
    assert b"var(--" not in drawn and b"class=" not in drawn
    assert saved(page, "Save the picture as PNG", tmp_path)[:8] == b"\x89PNG\r\n\x1a\n"
    rows = list(csv.reader(io.StringIO(saved(page, "Save the data as CSV", tmp_path).decode("utf-8-sig"))))
    assert rows[0][0] == "Series" and rows[0][-2:] == ["low", "high"]
    assert [row[2:] for row in rows[1:4]] == [["0.9", "0.85", "0.95"], ["0.5", "0.45", "0.55"], ["0.2", "0.15", "0.25"]]


@pytest.mark.ui
def test_chart_and_table_are_one_thing(page: "Page") -> None:
    mount(page, ChartView(chart()))
    page.get_by_text("Show as table").click()
    assert page.locator("tbody tr").count() == 3 and not page.locator("svg.ty-svg").is_visible()
    page.get_by_text("Show as chart").click()
    page.wait_for_timeout(60)
    assert page.locator("svg.ty-svg").is_visible() and not page.locator("table").is_visible()
