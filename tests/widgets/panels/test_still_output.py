"""What a notebook keeps of a panel is there without a kernel: in the saved file and in the converted page."""

import base64
import re
from typing import Any

import pytest

CELLS = (
    """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from tiltyard_widgets.panels.topics import ValidationPanel
rng = np.random.default_rng(0)
frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
frame["y"] = (frame.a + 0.3 * rng.normal(size=300) > 0).astype(int)
model = LogisticRegression().fit(frame[["a", "b"]], frame.y)
panel = ValidationPanel(model, frame, label="y")
panel
""",
    """
import asyncio
panel.runner("validation.performance").run()
for _ in range(300):
    await asyncio.sleep(0.1)
    if panel.session.latest:
        break
await asyncio.sleep(1.5)
""",
    """
from tiltyard_widgets.panels.workbench import Workbench
bench = Workbench(session=panel.session)
bench
""",
    """
bench.go("validation")
await asyncio.sleep(1.5)
""",
)


@pytest.fixture(scope="module")
def notebook() -> Any:
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    return NotebookClient(made, timeout=300, kernel_name="python3").execute()


def kept(notebook: Any, cell: int = 0) -> str:
    pages = [output.data["text/html"] for output in notebook.cells[cell].outputs if "text/html" in output.get("data", {})]
    assert len(pages) == 1  # brought up to date in place
    return str(pages[0])


def test_the_saved_notebook_holds_the_result_that_came_after_the_panel_was_shown(notebook: Any) -> None:
    page = kept(notebook)
    assert "Balanced accuracy" in page and "<script" not in page
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert pictures and all(base64.b64decode(picture).startswith(b"<svg") for picture in pictures)


def test_the_converted_page_shows_it(notebook: Any) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert "Balanced accuracy" in re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_of_the_whole_window_stays_how_every_risk_stands_and_the_panel_in_view(notebook: Any) -> None:
    page = kept(notebook, 2)
    assert "<script" not in page and "<button" not in page
    assert "LogisticRegression on " in page
    assert "Accuracy and calibration" in page and page.count("Balanced accuracy") > 1  # in the card and in the panel
    assert "Every step" in page and "Adversarial attacks" in page and "not run" in page
    assert not re.search(r'class="(?:[^"]* )?tiltyard[ "]', page)  # the live window's style would hide a page that has its class


def test_the_card_says_what_header_and_rail_say() -> None:
    from tiltyard.samples.catalog import load
    from tiltyard.validation.performance import Performance
    from tiltyard_widgets.panels.session import Session
    from tiltyard_widgets.panels.standing_card import card

    sample = load("census")
    session = Session(sample.target, sample.data)
    assert card(session) == ""
    session.known.add(Performance(rows=200)(sample.target, sample.data))
    session.version += 1
    text = re.sub(r"<[^>]+>", " ", card(session))
    stands = session.standing
    assert f"{stands.sentence[:1].upper()}{stands.sentence[1:]}." in text
    assert all(topic.sentence in text for topic in stands.topics.values() if topic.of)
