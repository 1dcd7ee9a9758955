"""What a role does not allow is disabled with the reason, and refused to whoever sends the click all the same."""

import base64
import hashlib
import time
from pathlib import Path

import ipywidgets as w
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.errors import Problem
from tiltyard.result import CheckResult, Identity, Status
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard.validation.performance import Performance
from tiltyard_widgets.controls.upload import Upload
from tiltyard_widgets.panels.endpoint import EndpointPanel
from tiltyard_widgets.panels.history import HistoryPanel
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.report import ReportPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.topics import ValidationPanel
from tiltyard_widgets.theme.look import Button

from .waiting import until

RUNNING = {"Run", "Read the data", "Run what is missing"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("TILTYARD_USER", "vera")
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    sample = load("census")
    return Session(sample.target, sample.data, Store(tmp_path / "runs.sqlite"))


def buttons(widget: w.Widget) -> list[Button]:
    inner = [b for child in getattr(widget, "children", ()) for b in buttons(child)]
    return [widget, *inner] if isinstance(widget, Button) else inner


def test_a_viewers_buttons_say_why_they_are_disabled(session: Session) -> None:
    panel = LoadPanel(session=session)
    panel.source.value = "files"
    found = {b.description: b for p in (panel, ValidationPanel(session=session), ReportPanel(session=session)) for b in buttons(p)}
    assert set(found) >= RUNNING
    for name in RUNNING:
        found[name].disabled = False
        assert found[name].disabled, name
        assert "analyst" in found[name].tooltip and "viewer" in found[name].tooltip
    assert found["Load and probe"].disabled is False  # the samples that ship may be looked at


def test_a_viewer_reaches_no_endpoint(session: Session) -> None:
    panel = EndpointPanel(session=session)
    panel.fields.url.value = "http://127.0.0.1:9/"
    assert panel.button.disabled and panel.adopter.disabled
    asked: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiltyard.targets.opening.open_target", lambda *given, data, key: asked.append(given))
        panel.adopt()
        until(lambda: not panel.progress.active)
    assert asked == [] and "the role viewer" in panel.message.text


def test_an_analysts_are_not(tmp_path: Path) -> None:
    session = Session(store=Store(tmp_path / "runs.sqlite", person=Person("ann", Role.ANALYST, shared=True)))
    assert [b.description for p in (LoadPanel(session=session), ReportPanel(session=session)) for b in buttons(p) if b.denied] == []


def test_a_click_that_is_sent_all_the_same_is_refused(session: Session, tmp_path: Path) -> None:
    panel = ValidationPanel(session=session)
    runner = panel.runner(panel.choice.value)
    runner.button.click()
    assert "the role analyst" in panel.message.text
    assert not session.busy and not Store(tmp_path / "runs.sqlite").runs()
    report = ReportPanel(session=session)
    report.folder.value = str(tmp_path)
    report.all.click()
    assert "the role analyst" in report.message.text
    with pytest.raises(Problem, match="the role analyst"):
        session.ready()


def test_a_viewer_opens_no_file_and_writes_none(session: Session, tmp_path: Path) -> None:
    panel = LoadPanel(session=session)
    panel.source.value = "files"
    panel.model_file.value, panel.data_file.value = str(tmp_path / "m.onnx"), str(tmp_path / "d.csv")
    for act in (panel.load, panel.read):
        act()
        until(lambda: panel.message.text)
        assert "the role analyst" in panel.message.text
        panel.message.clear()
    upload = Upload("Upload")
    upload._heard(None, {"event": "begin", "name": "x.onnx", "size": 3}, [])
    upload._heard(None, {"event": "piece", "offset": 0}, [memoryview(b"abc")])
    assert upload.received == -1
    assert not upload._path.is_file()


def test_a_run_is_shared_from_the_history(tmp_path: Path) -> None:
    ann = Store(tmp_path / "runs.sqlite", person=Person("ann", Role.ANALYST, shared=True))
    what = Identity(name="model", fingerprint="0" * 64)
    ann.end(ann.begin("of ann", what, what).id)
    panel = HistoryPanel(session=Session(store=ann))
    vera = Store(tmp_path / "runs.sqlite", person=Person("vera", Role.VIEWER, shared=True))
    for words, seen in (("Everybody", 1), ("Only its owner", 0)):
        panel.lend.click()
        assert words in panel.message.text
        assert len(vera.runs()) == seen
        assert panel.lend.description == ("Share it no longer" if seen else "Share this run")
    assert HistoryPanel(session=Session(store=vera)).lend.disabled


def test_files_of_a_run_are_handed_out_to_its_analyst_and_deleted_by_an_admin(tmp_path: Path) -> None:
    ann, vera = (Person(name, role, shared=True) for name, role in (("ann", Role.ANALYST), ("vera", Role.VIEWER)))
    place, content = tmp_path / "runs.sqlite", b"rows"
    step = Performance(rows=10)
    sample = load("census")
    store = Store(place, person=ann)
    run = store.begin("of ann", sample.target.identity, sample.data.identity)
    made = CheckResult(status=Status.PASSED, summary="Made.", artifacts={"rows.npz": hashlib.sha256(content).hexdigest()})
    record = step(sample.target, sample.data).model_copy(update={"result": made})
    store.finish(store.start(run.id, step), record, {"rows.npz": content})
    store.share(run.id)
    panel = HistoryPanel(session=Session(store=store))
    panel.files.take.click()
    assert (panel.files.link.name, panel.files.link.content) == ("rows.npz", base64.b64encode(content).decode())
    assert "download(open_store()" in panel.code.code and "rows.npz" in str(panel.files.table.tree)
    assert panel.files.drop.disabled
    panel.files.delete()
    assert "the role admin" in panel.message.text
    other = HistoryPanel(session=Session(store=Store(place, person=vera)))
    assert other.files.take.disabled and other.files.choice.value == "—"
    other.files.choice.offer([made.artifacts["rows.npz"]])
    other.files.download()
    assert "the role analyst" in other.message.text and other.files.link.content == ""
    admin = HistoryPanel(session=Session(store=Store(place, person=Person("root", Role.ADMIN, shared=True))))
    admin.files.drop.click()
    assert admin.message.text == "" and admin.files.take.disabled and store.artifacts.of_run(run.id)[0].kept is False


def test_an_analyst_names_no_code_to_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "root" / "ann" / "m.pt"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"weights")
    monkeypatch.setenv("TILTYARD_DATA_ROOT", str(tmp_path / "root"))
    ann = Session(store=Store(tmp_path / "runs.sqlite", person=Person("ann", Role.ANALYST, shared=True)))
    panel = LoadPanel(session=ann)
    assert panel.factory.disabled
    panel.source.value = "files"
    panel.model_file.value, panel.factory.value = str(mine), "http.server:test"
    panel.load()
    deadline = time.monotonic() + 300
    while not panel.message.text:
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    assert "the role admin to name a function" in panel.message.text
