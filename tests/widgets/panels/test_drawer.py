"""The drawer over a session: what runs, waits and ended stands in it; its buttons move, stop and open; other windows are seen."""

import threading
from pathlib import Path

import pytest

from tiltyard.catalogue import find
from tiltyard.progress import Progress, Report
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard_widgets.panels.drawer import WorkDrawer
from tiltyard_widgets.panels.session import Session

from .waiting import until

PERFORMANCE = "validation.performance"


@pytest.fixture(scope="module")
def census():
    return load("census")


@pytest.fixture
def session(census, tmp_path: Path) -> Session:
    return Session(census.target, census.data, Store(tmp_path / "runs.sqlite"))


@pytest.fixture
def held(monkeypatch):
    """Every run of performance waits until this is set, or is cancelled."""
    gate, step = threading.Event(), find(PERFORMANCE)
    own = step.run

    def slowly(self, target, data, progress: Progress):
        while not gate.wait(0.02):
            progress.step(0.25, "waiting for the test")
        return own(self, target, data, progress)

    monkeypatch.setattr(step, "run", slowly)
    yield gate
    gate.set()


def start(session: Session, rows: int, **given):
    return session.start([find(PERFORMANCE)(rows=rows)], lambda _: None, lambda _: None, lambda: None, **given)


def states(drawer: WorkDrawer) -> list[tuple[str, str]]:
    drawer.draw()
    return [(line["title"], line["state"]) for line in drawer.lines]


def press(drawer: WorkDrawer, event: str, id: str) -> None:
    drawer._handle_custom_msg({"event": event, "id": id}, [])


def test_a_run_while_one_runs_is_added_and_each_ends_in_the_run_of_its_own_model(session, held):
    opened: list[str] = []
    drawer = WorkDrawer(session, opened.append)
    a, b, c = (start(session, rows, title=f"run of {rows}") for rows in (60, 70, 80))
    assert states(drawer) == [("run of 60", "running"), ("run of 70", "waiting"), ("run of 80", "waiting")]
    until(lambda: drawer.session.queue.running.done > 0)
    press(drawer, "first", c.id)
    press(drawer, "cancel", b.id)
    press(drawer, "show", a.id)
    assert states(drawer) == [("run of 60", "running"), ("run of 80", "waiting"), ("run of 70", "cancelled")]
    assert opened == [PERFORMANCE]
    held.set()
    until(lambda: not session.busy)
    assert states(drawer) == [("run of 80", "ended"), ("run of 60", "ended"), ("run of 70", "cancelled")]
    assert [r.effective["rows"] for r in session.store.records(session.run.id)] == [60, 80]


def test_another_model_is_loaded_meanwhile_and_the_record_goes_to_the_one_it_was_asked_of(session, held):
    census = (session.target, session.data)
    work = start(session, 50)
    digits = load("digits")
    session.adopt(digits.target, digits.data)
    held.set()
    until(lambda: work.over)
    assert session.latest == {} and session.run is None
    (record,) = session.store.records(work.run)
    assert record.target.fingerprint == census[0].fingerprint
    assert work.target == census[0].identity and work.ending in ("passed", "finding", "incomplete")


def test_cancel_in_the_drawer_stops_what_runs(session, held):
    drawer = WorkDrawer(session, lambda _: None)
    work = start(session, 50)
    press(drawer, "cancel", work.id)
    until(lambda: work.over)
    assert work.state == "cancelled" and not held.is_set()
    assert [record.result.status.value for record in session.records] == ["cancelled"]


def test_progress_alone_sends_no_lines(session, held):
    drawer = WorkDrawer(session, lambda _: None)
    work = start(session, 50)
    drawer.draw()
    before = drawer.lines
    session.queue.report(work, Report(0.6, "further", 12.0, 3.0))
    drawer.draw()
    assert drawer.lines is before and drawer.moves[work.id]["left"] == 12.0
    held.set()
    until(lambda: work.over)


def test_another_window_sees_the_job_its_results_and_cancels_it(session, census, held):
    store = session.store
    work = start(session, 50)
    until(lambda: store.jobs.underway())
    second = Session(census.target, census.data, Store(store.url))
    second.resume(store.run(work.run), store.records(work.run))
    drawer = WorkDrawer(second, lambda _: None)
    drawer.elsewhere.look()
    (line,) = drawer.lines
    assert (line["place"], line["state"], line["about"]) == ("elsewhere", "running", f"{census.target.name}, {census.data.name}")
    press(drawer, "cancel", line["id"])
    until(lambda: work.over)
    assert work.state == "cancelled"
    until(lambda: not store.jobs.underway())
    drawer.elsewhere.look()
    assert drawer.lines == []
    second.look()
    until(lambda: [r.result.status.value for r in second.records] == ["cancelled"])  # what was written there arrives here
    held.set()


def test_a_step_that_breaks_is_shown_with_its_error(session, monkeypatch):
    def broken(self, target, data, progress):
        raise ValueError("no luck")

    monkeypatch.setattr(find(PERFORMANCE), "run", broken)
    drawer = WorkDrawer(session, lambda _: None)
    work = start(session, 50)
    until(lambda: work.over)
    drawer.draw()
    assert drawer.lines[0]["state"] == "failed" and "ValueError: no luck" in drawer.lines[0]["error"]
