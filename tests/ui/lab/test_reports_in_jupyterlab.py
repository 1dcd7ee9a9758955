"""Report files in JupyterLab, in a real browser: whose signature they bear, taken along as HTML and PDF, and what is no report."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiltyard.reports.bundle import FORMAT, make
from tiltyard.reports.writing import render
from tiltyard.result import CheckResult, Finding, Identity, Record, Severity, Status
from tiltyard.sealing.keys import new_signing_key
from tiltyard.sealing.signing import sign
from tiltyard.statistics.intervals import rate
from tiltyard_widgets.server.worker import prints

if TYPE_CHECKING:
    from conftest import Lab, Window

pytestmark = pytest.mark.slow
SCRIPT = "<script>document.title = 'ran'</script>"
SAID = {
    "none": "○ Not signed. No signature lies beside it.",
    "known": "✓ Signature intact. As signed by",
    "unknown": "◐ Signed by a key that is not known here. Unchanged since",
    "changed": "✕ Signature broken: the report is not what was signed.",
    "other": "◐ What lies beside it is no signature of it. It signs other files.",
    "nonsense": "◐ What lies beside it is no signature of it. Expected a signature file",
}


UNSAID = {
    "later": f"report format 99, which is newer than this Tiltyard reads ({FORMAT}). Upgrade Tiltyard.",
    "half": "Invalid JSON",
    "empty": "Export it again.",
}


def record() -> Record:
    """One finding, whose title would run were it not text."""
    finding = Finding(title=SCRIPT, severity=Severity.HIGH, evidence="metric robust", advice="Train.")
    metrics = (rate("robust", "Robust accuracy", 41, 100, "higher"),)
    result = CheckResult(status=Status.FINDING, summary="Falls.", metrics=metrics, findings=(finding,))
    target, data = (Identity(name=name, fingerprint=64 * "a") for name in ("A model", "Some rows"))
    facts = {"given": {}, "effective": {}, "seed": 0, "versions": {}, "started": datetime.now(UTC), "seconds": 1, "queries": 1}
    return Record.model_validate(
        {"id": 32 * "b", "check": "evasion.pgd", "title": "PGD", "result": result, "target": target, "data": data} | facts
    )


@pytest.fixture(scope="module")
def reports(lab: "Lab") -> Path:
    """A folder of reports, each signed in another way; the server trusts one key."""
    folder = lab.root / "reports"
    folder.mkdir()
    text = render(make([record()]), "json")
    path = {name: folder / f"{name}.tiltyard.json" for name in SAID}
    for each in path.values():
        each.write_text(text)
    known = new_signing_key(lab.here / "known.pem")
    sign([path["known"]], known)
    sign([path["changed"]], known)
    path["changed"].write_text(text.replace("Falls.", "Holds."))
    sign([path["unknown"]], new_signing_key(lab.here / "unknown.pem"))
    shutil.copy(folder / "known.tiltyard.json.sig.json", folder / "other.tiltyard.json.sig.json")
    (folder / "nonsense.tiltyard.json.sig.json").write_text("{}")
    (folder / "later.tiltyard.json").write_text(json.dumps({**json.loads(text), "format": 99, "new": 1}))
    (folder / "half.tiltyard.json").write_text(text[: len(text) // 2])
    (folder / "empty.tiltyard.json").write_text("")
    return folder


@pytest.fixture
def inside(window: "Window", reports: Path) -> "Window":
    """A window that shows the folder."""
    window.file(reports.name).dblclick()
    window.file("known.tiltyard.json").wait_for()
    return window


def test_each_report_says_who_signed_it_and_what_is_none_says_so(inside: "Window", reports: Path) -> None:
    page = inside.page
    for name, words in SAID.items():
        inside.file(f"{name}.tiltyard.json").dblclick()
        page.locator(".tiltyard-sheet:visible .tiltyard-signature", has_text=words).wait_for()
        assert str(reports) not in page.locator(".tiltyard-sheet:visible").inner_text()
    frame = page.locator(".tiltyard-sheet:visible iframe")
    assert frame.get_attribute("sandbox") == ""
    frame.content_frame.get_by_text("Robust accuracy: 41.0 % [31.3, 51.3] at 95 %, n = 100").first.wait_for(
        state="attached"
    )  # in its annex, folded
    assert page.title() != "ran"
    assert inside.serious(".tiltyard-sheet") == []
    assert inside.errors == []
    for name, words in UNSAID.items():
        inside.file(f"{name}.tiltyard.json").dblclick()
        said = page.locator(".tiltyard-trouble[role=alert]:visible", has_text=words)
        said.wait_for()
        assert said.inner_text().startswith("Expected a Tiltyard report in JSON; found ") and "\n" not in said.inner_text()


def test_it_is_taken_along_as_html_and_pdf(inside: "Window", tmp_path: Path) -> None:
    page = inside.page
    inside.file("known.tiltyard.json").dblclick()
    page.locator(".tiltyard-sheet:visible .tiltyard-signature").wait_for()
    with page.expect_download() as html:
        inside.press("Save HTML")
    assert html.value.suggested_filename == "known.html"
    html.value.save_as(tmp_path / "known.html")
    if prints():
        with page.expect_download() as pdf:
            inside.press("Save PDF")
        assert pdf.value.suggested_filename == "known.pdf"
        content = Path(pdf.value.path()).read_bytes()
        assert content.startswith(b"%PDF-") and b"%%EOF" in content[-64:]
    else:
        inside.press("Save PDF")
        inside.see(re.compile(r"Install tiltyard\[pdf\]"))
    page.goto((tmp_path / "known.html").as_uri())
    page.get_by_role("heading", name="Security report: A model on Some rows").wait_for()
    assert page.get_by_text(SCRIPT).first.is_visible() and page.title() != "ran"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert inside.serious("body") == [], scheme
