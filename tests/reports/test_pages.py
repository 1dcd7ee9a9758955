"""How long the report of the demo is before its annex, and that its PDF is one a reader of the screen can follow. A stored run of `tiltyard demo`."""

import gzip
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiltyard.assessment.about import About
from tiltyard.reports.bundle import Bundle, read
from tiltyard.reports.html import render
from tiltyard.reports.writing import encode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOST_PAGES = 20


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return read(gzip.decompress((Path(__file__).parent / "demo.json.gz").read_bytes()).decode())


@pytest.mark.slow
def test_the_pdf_of_the_demo_is_short_and_tagged(demo: Bundle) -> None:
    """MarkInfo, StructTreeRoot, Lang and Title are what PDF/UA asks first; every figure has words; every font is embedded."""
    pypdf = pytest.importorskip("pypdf")
    try:
        content = encode(demo.model_copy(update={"about": About(annex=False, language="de")}), "pdf")
    except OSError as error:
        pytest.skip(f"no Pango here: {error}")
    pdf = pypdf.PdfReader(io.BytesIO(content))
    root = pdf.trailer["/Root"]
    assert len(pdf.pages) <= MOST_PAGES
    assert root["/MarkInfo"]["/Marked"] and root["/StructTreeRoot"] and root["/Lang"] == "de" and pdf.metadata.title == demo.title
    assert b"pdfuaid" in root["/Metadata"].get_data() and root["/ViewerPreferences"]["/DisplayDocTitle"]
    fonts = [font.get_object() for page in pdf.pages for font in page["/Resources"].get("/Font", {}).values()]
    kinds = [one.get_object() for font in fonts for one in font.get("/DescendantFonts", [font])]
    assert fonts and all({"/FontFile2", "/FontFile3"} & set(one["/FontDescriptor"]) for one in kinds)
    figures = _figures(root["/StructTreeRoot"].get_object())
    assert figures and all(figure.get("/Alt") for figure in figures)
    assert pdf.outline and re.search(r"3 / \d+", pdf.pages[2].extract_text())


def _figures(node: "object") -> "list[dict[str, object]]":
    found = []
    node = node.get_object()
    if isinstance(node, dict):
        found += [node] if node.get("/S") == "/Figure" else []
        kids = node.get("/K", [])
        for kid in kids if isinstance(kids, list) else [kids]:
            found += _figures(kid) if not isinstance(kid.get_object(), int) else []
    return found


@pytest.mark.ui
def test_the_page_of_the_demo_is_six_screens_before_the_annex(browser: "Browser", demo: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(demo), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    assert page.evaluate("document.querySelector('.annex').getBoundingClientRect().top + scrollY") <= 6 * 800
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.close()
