"""The Monitor and Supply chain panels through their traits, without a browser."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tiltyard.monitoring import journal
from tiltyard.monitoring.window import Window
from tiltyard.samples.catalog import load
from tiltyard_widgets.panels.monitor import MonitorPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.supply_chain import SupplyChainPanel
from tiltyard_widgets.panels.workbench import PANELS

from .waiting import until


def looked(panel: MonitorPanel) -> None:
    panel.look()
    until(lambda: panel._progress is None and not panel.button.disabled)


def tables(folder: Path) -> tuple[str, str]:
    import pandas as pd

    rng = np.random.default_rng(0)
    before, after = folder / "before.csv", folder / "after.csv"
    pd.DataFrame({"a": rng.normal(size=1000), "b": rng.normal(size=1000)}).to_csv(before, index=False)
    pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(1, 1, 400)}).to_csv(after, index=False)
    return str(before), str(after)


def test_two_tables_are_held_against_one_another(tmp_path: Path) -> None:
    panel = MonitorPanel()
    panel.way.value = "tables"
    panel.before.value, panel.after.value = tables(tmp_path)
    panel.rows.value = "200"
    looked(panel)
    assert panel.message.text == ""
    assert "2 of 2 windows alarm" in str(panel.sentence.tree)
    assert "Tests of window 1" in str(panel.tests.tree)
    assert panel.chart.chart["series"][0]["name"] == "b"
    space: dict[str, object] = {}
    exec(compile(panel.code.code, "shown", "exec"), space)  # noqa: S102 (the code that the panel shows)
    assert len(space["windows"]) == 2  # type: ignore[arg-type]


def test_labels_in_two_tables_are_shown(tmp_path: Path) -> None:
    import pandas as pd

    panel = MonitorPanel()
    panel.way.value = "tables"
    panel.before.value, panel.after.value = tables(tmp_path)
    for path in (panel.before.value, panel.after.value):
        frame = pd.read_csv(path)
        frame.assign(truth=frame.a > 0, said=frame.b > 0).to_csv(path, index=False)
    panel.label.value = "truth"
    looked(panel)
    assert "label alone" in panel.message.text
    panel.answer.value = "said"
    looked(panel)
    assert panel.message.text == ""
    assert panel.performance.chart["series"][0]["name"] == "Accuracy where labels came"
    space: dict[str, object] = {}
    exec(compile(panel.code.code, "shown", "exec"), space)  # noqa: S102 (the code that the panel shows)
    assert space["windows"][0].performance.n == 400  # type: ignore[index]


def test_wrong_input_is_one_line_and_what_was_shown_stays(tmp_path: Path) -> None:
    panel = MonitorPanel()
    looked(panel)
    assert "a path under File of windows" in panel.message.text
    path = tmp_path / "w.jsonl"
    now = datetime.now(UTC)
    for number in range(3):
        journal.append(Window(number=number, started=now, ended=now, n=3, level=0.01, state="incomplete", summary="Few."), path)
    panel.file.value = str(path)
    looked(panel)
    assert panel.message.text == ""
    assert "0 of 3 windows alarm" in str(panel.sentence.tree)
    path.write_text("broken\n")
    looked(panel)
    assert "which is none" in panel.message.text
    assert "0 of 3 windows alarm" in str(panel.sentence.tree)
    assert panel.file.value == str(path)


def test_where_showing_breaks_it_is_said_and_the_button_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = MonitorPanel()
    panel.way.value = "tables"
    panel.before.value, panel.after.value = tables(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(panel.table, "show", lambda _: 1 / 0)
        looked(panel)
    assert "ZeroDivisionError" in panel.message.text and not panel.progress.active
    looked(panel)
    assert panel.message.text == ""


@pytest.fixture(scope="module")
def session() -> Session:
    sample = load("census")
    return Session(sample.target, sample.data)


def test_the_supply_chain_is_run_at_once_and_its_bill_handed_out(session: Session) -> None:
    panel = SupplyChainPanel(session=session)
    assert "not run" in str(panel.overview.tree)
    panel.run_all()
    until(lambda: not session.busy and "supply_chain.versions" in session.latest)
    until(lambda: not panel.all.disabled)
    assert session.latest["supply_chain.advisories"].result.status.value == "incomplete"
    assert "None of" in str(panel.overview.tree)
    panel.offer()
    until(lambda: panel.link.content)
    bill = json.loads(base64.b64decode(panel.link.content))
    assert bill["specVersion"] == "1.6"
    assert {"supply_chain", "monitor"} <= set(PANELS)
