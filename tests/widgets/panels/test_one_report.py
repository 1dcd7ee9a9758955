"""One run gives one report: from the window, from the shell, and from Python."""

from pathlib import Path

from tests.tiny import tiny_data, tiny_target
from tests.widgets.panels.waiting import until

import tiltyard as ty
from tiltyard.assessment.standing import Standing, standing_of
from tiltyard.catalogue import unmet
from tiltyard.cli.commands.report import bundled
from tiltyard.evasion.square import Square
from tiltyard.reports.bundle import Bundle, read
from tiltyard.store.store import Store
from tiltyard.validation.performance import Performance
from tiltyard_widgets.panels.report import ReportPanel
from tiltyard_widgets.panels.session import Session

DATA = tiny_data()
TARGET = tiny_target(DATA)


def of(bundle: Bundle) -> Standing:
    return standing_of(bundle.records, bundle.target, bundle.data, bundle.unmet or unmet(TARGET, DATA))


def test_whichever_door(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    session = Session(TARGET, DATA, store)
    ended: list[bool] = []
    steps = [Performance(rows=20), Performance(rows=30), Square(**Square.tiny), Performance(rows=20)]
    session.start(steps, lambda _: None, lambda _: None, lambda: ended.append(True))
    until(lambda: ended)
    assert session.run is not None
    window, shell = ReportPanel(session=session).bundle(), bundled(store, session.run.id)
    ty.report(store.records(session.run.id), tmp_path / "report.json")
    python = read((tmp_path / "report.json").read_text())
    found = [of(bundle) for bundle in (window, shell, python)]
    assert len({(s.sentence, s.findings, s.asked, s.of, s.passed, s.state) for s in found}) == 1
    assert found[0].sentence == session.standing.sentence
    assert found[0].asked == 2
    assert (window.run_id, window.target, window.data, window.unmet) == (shell.run_id, shell.target, shell.data, shell.unmet)
    assert [r.id for r in window.records] == [r.id for r in shell.records]
    assert {n.id for n in window.not_run} == {n.id for n in shell.not_run} == {n.id for n in python.not_run}
