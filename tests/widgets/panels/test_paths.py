"""Behind a shared login no panel has a field for a path, and what is sent all the same is refused; the owner keeps theirs."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import ipywidgets as w
import pytest

from tiltyard.access import places
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.check import path_fields
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard.supply_chain.trained_with import Versions
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.line import Key, Line, Reply
from tiltyard.targets.http.target import words
from tiltyard_widgets.controls.file_field import FileField
from tiltyard_widgets.controls.form import Form
from tiltyard_widgets.panels.endpoint import EndpointPanel
from tiltyard_widgets.panels.load import LoadPanel
from tiltyard_widgets.panels.monitor import MonitorPanel
from tiltyard_widgets.panels.report import ReportPanel
from tiltyard_widgets.panels.session import Session
from tiltyard_widgets.panels.supply_chain import SupplyChainPanel
from tiltyard_widgets.panels.topic_panel import TopicPanel
from tiltyard_widgets.panels.topics import ValidationPanel
from tiltyard_widgets.panels.workbench import PANELS

from .waiting import until

ROLES = {"analyst": Role.ANALYST, "admin": Role.ADMIN}
SPEAKS = re.compile(r"\b(files?|folders?|paths?|director(y|ies)|zip)\b", re.IGNORECASE)
# Fields of the account's owner that take a path, by where they stand: what a new one must be added to, with how it is looked at.
OWNERS = {
    ("load", "Architecture"): "load.layers",
    ("load", "Factory"): "Person.must",
    ("report", "Folder"): "places.target",
}
SECRET = "DATABASE_PASSWORD=hunter2"


def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role | None) -> Session:
    """Of ann behind a shared login, or of the owner; the process is theirs, as a kernel is."""
    if role is not None:
        monkeypatch.setenv("TILTYARD_USER", "ann")
        monkeypatch.setenv("TILTYARD_ROLE", str(role))
    sample = load("census")
    return Session(sample.target, sample.data, Store(tmp_path / "runs.sqlite"))


def inside(widget: w.Widget) -> Iterator[w.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def shown(name: str, session: Session) -> Iterator[w.Widget]:
    """All that a panel shows, whatever is chosen in it."""
    panel = PANELS[name][1](session)
    yield from inside(panel)
    if isinstance(panel, TopicPanel):
        for id in panel.steps:
            yield from inside(panel.runner(id))
    for part in ("own", "remote", "choices", "hand", "campaign"):
        if isinstance(found := getattr(panel, part, None), w.Widget):
            yield from inside(found)


def texts(widgets: Iterator[w.Widget]) -> Iterator[tuple[str, str]]:
    """Label, and all that is said of it, of everything one can write into."""
    for widget in widgets:
        if isinstance(widget, w.Text | w.Textarea):
            yield widget.description, f"{widget.description} {widget.placeholder} {widget.tooltip}"
        if isinstance(widget, Form):
            for spec in widget.specs:
                if spec["kind"] in ("text", "list"):
                    yield spec["label"], f"{spec['label']} {spec['help']} {spec['unit']} {spec['hint']}"


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
@pytest.mark.parametrize("name", list(PANELS))
def test_no_panel_has_a_field_for_a_path(name: str, role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = session(tmp_path, monkeypatch, role)
    assert [label for label, said in texts(shown(name, mine)) if SPEAKS.search(said)] == []


@pytest.mark.parametrize("name", list(PANELS))
def test_what_takes_a_path_of_the_owners_is_known(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new text field that speaks of a path is a `FileField`, a path parameter of a step, or stands in the list above."""
    mine = session(tmp_path, monkeypatch, None)
    widgets = list(shown(name, mine))
    known = {field.label for field in widgets if isinstance(field, FileField)} | {label for panel, label in OWNERS if panel == name}
    known |= {n.replace("_", " ").capitalize() for form in widgets if isinstance(form, Form) for n in path_fields(form._model)}
    assert [label for label, said in texts(iter(widgets)) if SPEAKS.search(said) and label not in known] == []


def test_the_owner_keeps_their_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = session(tmp_path, monkeypatch, None)
    assert {"Model file", "Data file", "Key file"} <= {label for label, _ in texts(shown("load", mine))}
    assert "Save as" in {label for label, _ in texts(shown("validation", mine))}
    assert {"Lock", "Trained", "Advisories"} <= {label for label, _ in texts(shown("supply_chain", mine))}


@pytest.fixture
def ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    (tmp_path / "secret.csv").write_text(SECRET)
    (tmp_path / "root" / "ann").mkdir(parents=True)
    (tmp_path / "root" / "shared" / "in").mkdir(parents=True)
    (tmp_path / "root" / "ann" / "rows.csv").write_text(SECRET)
    (tmp_path / "root" / "ann" / "pins.txt").write_text("torch==2.6.0\n")
    (tmp_path / "root" / "shared" / "in" / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    monkeypatch.setenv(places.DATA_ROOT, str(tmp_path / "root"))
    return session(tmp_path, monkeypatch, Role.ANALYST)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/shadow", "{tmp}/secret.csv", "/proc/self/environ", "/dev/zero", "{tmp}/root/ann/../../secret.csv"]
)
def test_a_path_that_is_sent_all_the_same_is_not_opened(ann: Session, tmp_path: Path, path: str) -> None:
    """As a comm message sets a field that is not in the page; each panel that reads a file."""
    place = path.format(tmp=tmp_path)
    panel = LoadPanel(session=ann)
    for source, act in (("files", panel.load), ("files", panel.read), ("endpoint", panel.read), ("files", panel.weigh)):
        panel.source.value = source
        for field in (panel.model_file, panel.data_file, panel.key_file):
            field.entry.value = field.value = place
        panel.endpoint.url.value = "http://127.0.0.1:9/"
        panel.message.clear()
        act()
        until(lambda: panel.message.text)
        assert "another place on the server" in panel.message.text or "system's own" in panel.message.text
        assert "root:" not in panel.message.text and "hunter2" not in panel.message.text
    panel.architecture.value = place
    panel.model_file.value = panel.data_file.value = panel.key_file.value = ""
    panel.source.value = "files"
    panel.message.clear()
    panel.load()
    until(lambda: panel.message.text)
    assert "another place on the server" in panel.message.text or "system's own" in panel.message.text
    other = MonitorPanel(session=ann)
    other.file.value = place
    other.look()
    assert "another place on the server" in other.message.text or "system's own" in other.message.text


@pytest.mark.parametrize(
    "path", ["{tmp}/authorized_keys", "{tmp}/x.safetensors", "{tmp}/runs.audit.jsonl", "{tmp}/users.json", "x.safetensors"]
)
def test_a_place_to_write_that_is_sent_all_the_same_is_refused(
    ann: Session, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place, before = path.format(tmp=tmp_path), files(tmp_path)
    panel = ValidationPanel(session=ann)
    runner = panel.runner("validation.guard")
    assert {"save_as", "overwrite"}.isdisjoint(spec["name"] for spec in runner.form.specs)
    runner.form.given = {**runner.form.given, "save_as": place, "overwrite": True}
    runner.run()
    assert "a path on the server" in panel.message.text and not ann.busy
    report = ReportPanel(session=ann)
    report.session.known.add(Versions()(ann.target, ann.data))  # type: ignore[arg-type]
    report.folder.value = str(tmp_path)
    assert report.export() is None and "a path on the server" in report.message.text
    assert files(tmp_path) == before
    assert not Store(tmp_path / "runs.sqlite").runs()


def files(folder: Path) -> dict[str, bytes]:
    """What stands in a folder beside the store, which the report's list of runs makes."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.startswith("runs.sqlite")}


def test_files_of_the_data_folder_are_chosen_by_name(ann: Session, tmp_path: Path) -> None:
    panel = LoadPanel(session=ann)
    assert [o["label"] for o in panel.data_file.pick.options] == ["Choose one here, or upload it", "rows.csv", "shared/in/rows.csv"]
    assert str(tmp_path) not in str(panel.data_file.pick.get_state())
    panel.source.value = "files"
    panel.data_file.pick.value = "shared/in/rows.csv"
    panel.read()
    until(lambda: panel.schema.proposal or panel.message.text)
    assert panel.message.text == "" and panel.schema.proposal is not None
    assert panel.data_file.path == str(tmp_path / "root" / "shared" / "in" / "rows.csv")


def test_an_error_about_ones_own_file_quotes_none_of_it(ann: Session, tmp_path: Path) -> None:
    panel = LoadPanel(session=ann)
    panel.source.value = "files"
    panel.data_file.pick.value = "rows.csv"
    panel.read()
    until(lambda: panel.message.text)
    assert "rows.csv" in panel.message.text and "DATABASE" not in panel.message.text and "hunter2" not in panel.message.text


def test_a_file_to_read_reaches_its_step(ann: Session) -> None:
    runner = SupplyChainPanel(session=ann).runner("supply_chain.versions")
    field = runner.files["trained"]
    assert [o["label"] for o in field.pick.options] == ["Choose one here, or upload it", "pins.txt"]
    field.pick.value = "pins.txt"
    made = runner.made()
    assert isinstance(made, Versions) and made.trained.endswith("/root/ann/pins.txt")


def test_source_is_looked_at_and_used_as_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer asks for a sample, which they may, and turns the fields to an endpoint of another's while it is being opened."""
    vera = Session(store=Store(tmp_path / "runs.sqlite", person=Person("vera", Role.VIEWER, shared=True)))
    panel = LoadPanel(session=vera)
    asked: list[object] = []
    monkeypatch.setattr("tiltyard.targets.http.line.Line.__init__", lambda self, *given, **more: asked.append(given))

    def turned(function: Callable[[], object], then: object, failed: object) -> None:
        panel.source.value, panel.endpoint.url.value = "endpoint", "http://127.0.0.1:9/"
        panel.data_file.value = "/etc/passwd"
        then(function())  # type: ignore[operator]

    monkeypatch.setattr(vera, "aside", turned)
    panel.load()
    assert asked == [] and vera.target is not None and vera.target.name == load("census").target.name


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "/etc/passwd",
    ],
)
def test_an_analysts_kernel_fetches_nothing_of_the_servers_own_network(ann: Session, tmp_path: Path, url: str) -> None:
    panel = LoadPanel(session=ann)
    panel.source.value = "endpoint"
    panel.data_file.pick.value = "shared/in/rows.csv"
    panel.endpoint.url.value = url
    panel.load()
    until(lambda: panel.message.text)
    assert re.search(
        r"server's own network|an address like https|another place on the server|the address of an endpoint", panel.message.text
    )
    assert "root:" not in panel.message.text


def test_a_probe_of_the_servers_own_network_begins_no_run(ann: Session, tmp_path: Path) -> None:
    panel = EndpointPanel(session=ann)
    panel.fields.url.value = "http://169.254.169.254/"
    panel.consent.given = {"consent": True}
    panel.run()
    until(lambda: panel.message.text)
    assert "server's own network" in panel.message.text and not Store(tmp_path / "runs.sqlite").runs()


def test_what_is_no_answer_of_an_endpoint_is_not_quoted(ann: Session) -> None:
    """Another service of this machine answers an analyst's kernel; the owner of the account is told its words."""
    line = Line(address_of("http://127.0.0.1:9/"), Key(""))
    said = Reply(500, {}, b"internal: " + SECRET.encode(), 0.1)
    ours = Reply(422, {}, b'{"error": {"expected": "14 columns", "found": "3"}}', 0.1)
    assert words(said, line) == "" and words(ours, line) == "expected 14 columns; found 3"
    with pytest.MonkeyPatch.context() as owner:
        owner.delenv("TILTYARD_USER")
        assert SECRET in words(said, line)
    line.close()
