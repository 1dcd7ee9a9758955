"""What the server says of the store: runs, models, comparisons, reports, each person's own; and of a store in trouble."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem, Trouble
from tiltyard.execution.runner import Runner
from tiltyard.store.store import Store
from tiltyard.store.troubles import Locked
from tiltyard.targets.target import Target
from tiltyard_widgets.server import history
from tiltyard_widgets.server.code import cells
from tiltyard_widgets.server.forms import RunsAsked
from tiltyard_widgets.server.refusals import status_of
from tiltyard_widgets.server.settings import Limits
from tiltyard_widgets.server.work import WorkerOutput, Workers
from tiltyard_widgets.server.worker import prints

ALONE = Person("me", Role.ADMIN)


@pytest.fixture
def ran(server: Any, marked: Check, target: Target, data: Dataset) -> Callable[[str], str]:
    """``ran(name)``: the id of a finished run of this person."""

    def make(name: str) -> str:
        store = Store(server.store, person=Person(name, Role.ADMIN if name == "root" else Role.ANALYST, shared=True))
        job = Runner(store).start([marked], target, data, name=f"of {name}")
        job.wait(120)
        assert job.run is not None
        return job.run.id

    return make


def test_a_run_that_somebody_edited_is_marked_and_reported_to_nobody(server: Any, ran: Callable[[str], str]) -> None:
    other, id = ran("root"), ran("root")
    with closing(sqlite3.connect(server.store)) as raw, raw:
        assert raw.execute("update records set severity = '' where run_id = ?", (id,)).rowcount
    with server.as_("root") as client:
        told = {run["id"]: run for run in client.get("runs", params={"limit": 500}).json()["runs"]}
        assert (told[other]["proof"], told[id]["proof"]) == ("intact", "broken") and "was edited" in told[id]["doubt"]
        detail = client.get(f"runs/{id}").json()
        assert detail["run"]["proof"] == "broken" and all("was edited" in step["doubt"] for step in detail["steps"])
        assert any(f"run {id[:8]}" in model["doubt"] for model in client.get("models").json()["models"])
        for said in (
            client.get("compare", params={"before": other, "after": id}),
            client.get(f"runs/{id}/report", params={"format": "json"}),
        ):
            assert said.status_code >= 400 and "as it was written" in said.text
    Store(server.store, person=Person("root", Role.ADMIN, shared=True)).delete(id)


def test_each_sees_their_own_runs_models_and_reports(server: Any, ran: Callable[[str], str]) -> None:
    a, b = ran("ada"), ran("bob")
    seen = {}
    for name in ("ada", "bob", "vera", "root"):
        with server.as_(name) as client:
            page = client.get("runs", params={"limit": 500}).json()
            seen[name] = {run["id"] for run in page["runs"]} & {a, b}
            assert page["total"] == len(page["runs"])
            models = client.get("models").json()["models"]
            assert sum(model["runs"] for model in models) == page["total"]
            for id in (a, b):
                status = 200 if id in seen[name] else 404
                asked = [f"runs/{id}", f"runs/{id[:12]}", f"compare?before={id}&after={id}"]
                assert {client.get(path).status_code for path in asked} == {status}
                assert name in ("root", "vera") or client.post(f"runs/{id}/cancel").status_code == (409 if status == 200 else 404)
    with server.as_("bob") as bob:
        assert bob.get(f"runs/{a}/report").status_code == 404
    assert seen == {"ada": {a}, "bob": {b}, "vera": set(), "root": {a, b}}


def test_a_run_with_its_steps(ran: Callable[[str], str], ada: httpx.Client) -> None:
    said = ada.get(f"runs/{ran('ada')}").json()
    assert said["run"]["state"] == "finished" and said["run"]["owner"] == "ada" and said["run"]["progress"] is None
    assert said["run"]["severities"] == {"medium": 1}
    (step,) = said["steps"]
    assert step["check"] == "evasion.marked" and step["summary"] == "Marked." and step["findings"][0]["title"] == "It is marked"


def test_a_window_in_which_nothing_goes_on_is_open_and_not_deleted(server: Any, root: httpx.Client, target: Target, data: Dataset) -> None:
    store = Store(server.store, person=Person("root", Role.ADMIN, shared=True))
    id = store.begin("a window", target.identity, data.identity).id
    listed = next(run for run in root.get("runs", params={"search": id}).json()["runs"])
    assert root.get(f"runs/{id}").json()["run"] == listed
    assert (listed["state"], listed["counts"], listed["progress"]) == ("open", {}, None)
    assert [root.post(f"runs/{id}/cancel").status_code, root.delete(f"runs/{id}").status_code] == [409, 409]
    store.end(id)
    assert root.get(f"runs/{id}").json()["run"]["state"] == "finished" and root.delete(f"runs/{id}").status_code == 200


def test_a_new_run_does_not_forget_what_was_found_in_the_model(
    server: Any, ran: Callable[[str], str], root: httpx.Client, target: Target, data: Dataset
) -> None:
    id = ran("root")
    new = Store(server.store, person=Person("root", Role.ADMIN, shared=True)).begin("a window", target.identity, data.identity).id
    (model,) = (m for m in root.get("models").json()["models"] if m["target"]["fingerprint"] == target.fingerprint)
    assert (model["last_run"], model["severities"], model["found_in"]) == (new, {"medium": 1}, {"medium": id})


def test_pages_and_search(ran: Callable[[str], str], root: httpx.Client) -> None:
    made = [ran("root") for _ in range(3)]
    first = root.get("runs", params={"search": "of root", "limit": 2}).json()
    rest = root.get("runs", params={"search": "of root", "limit": 2, "offset": 2}).json()
    assert [run["id"] for run in first["runs"]] == made[:0:-1] and rest["runs"][0]["id"] == made[0]
    assert first["total"] == rest["total"] >= 3
    assert root.get("runs", params={"search": "%"}).json()["total"] == 0
    assert root.get("runs?limit=2&1764100000000").status_code == 200
    for wrong in ("limit=0", "limit=501", "offset=-1", "limit=x", f"search={'x' * 201}", "offset=99999999999999999999"):
        assert root.get(f"runs?{wrong}").status_code == 400


@pytest.mark.parametrize("format", ["html", "junit"])
def test_reports(ran: Callable[[str], str], ada: httpx.Client, format: str) -> None:
    said = ada.get(f"runs/{ran('ada')}/report", params={"format": format})
    assert said.status_code == 200 and "Marked" in said.text
    assert said.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert ada.get("runs/last/report?format=docx").status_code == 400


def test_a_pdf_or_what_it_takes(ran: Callable[[str], str], ada: httpx.Client) -> None:
    said = ada.get(f"runs/{ran('ada')}/report?format=pdf")
    if prints():
        assert said.content.startswith(b"%PDF")
    else:
        assert said.status_code == 501 and "tiltyard[pdf]" in said.json()["message"]


def test_a_report_file_is_shown_with_its_signature(server: Any, ran: Callable[[str], str], ada: httpx.Client) -> None:
    from tiltyard.sealing.keys import new_signing_key
    from tiltyard.sealing.signing import sign

    (server.root / "r.tiltyard.json").write_bytes(ada.get(f"runs/{ran('ada')}/report?format=json").content)
    view = ada.post("report", json={"path": "r.tiltyard.json"}).json()
    assert "Marked" in view["html"] and view["signature"]["state"] == "none"
    sign([server.root / "r.tiltyard.json"], new_signing_key(server.here / "key"))
    assert ada.post("report", json={"path": "r.tiltyard.json"}).json()["signature"]["state"] == "unproven"
    with (server.root / "r.tiltyard.json").open("a") as file:
        file.write(" ")
    assert ada.post("report", json={"path": "r.tiltyard.json"}).json()["signature"]["state"] == "broken"
    (server.root / "r.tiltyard.json.sig.json").write_text("{}")
    said = ada.post("report", json={"path": "r.tiltyard.json"}).json()["signature"]
    assert said["state"] == "unreadable" and "r.tiltyard.json.sig.json" in said["detail"] and str(server.root) not in said["detail"]


def test_a_report_file_as_pdf_or_what_it_takes(server: Any, ran: Callable[[str], str], ada: httpx.Client) -> None:
    (server.root / "p.tiltyard.json").write_bytes(ada.get(f"runs/{ran('ada')}/report?format=json").content)
    (server.root / "q.tiltyard.json").write_text("{}")
    said = [ada.post("report/pdf", json={"path": name}) for name in ("p.tiltyard.json", "q.tiltyard.json")]
    if prints():
        assert said[0].content.startswith(b"%PDF") and said[0].headers["Content-Type"] == "application/pdf"
        assert said[1].status_code == 400 and "report" in said[1].json()["expected"]
    else:
        assert [s.status_code for s in said] == [501, 501] and "tiltyard[pdf]" in said[0].json()["message"]


@pytest.mark.parametrize("content", [b"{}", b"\xff", b"[1]", b'{"format": 99, "kind": "tiltyard-report"}', b""])
def test_what_is_no_report_of_ours(server: Any, ada: httpx.Client, content: bytes) -> None:
    (server.root / "x.tiltyard.json").write_bytes(content)
    said = ada.post("report", json={"path": "x.tiltyard.json"})
    assert said.status_code == 400 and "report" in said.json()["expected"]


def test_an_admin_deletes(ran: Callable[[str], str], root: httpx.Client, ada: httpx.Client) -> None:
    id = ran("ada")
    assert ada.delete(f"runs/{id}").status_code == 403
    assert root.delete(f"runs/{id}").json() == {"run": id, "unlogged": ""}
    assert root.get(f"runs/{id}").status_code == 404


@pytest.mark.parametrize("id", ["zz", "0123456789abcdef", "%00", "..%2f..", "a%27--", "0" * 33])
def test_ids_that_none_has(root: httpx.Client, id: str) -> None:
    for said in (root.get(f"runs/{id}"), root.delete(f"runs/{id}"), root.post(f"runs/{id}/cancel"), root.get(f"runs/{id}/report")):
        assert said.status_code == 404


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "bench = Workbench()"),
        ({"panel": "evasion"}, 'bench.go("evasion")'),
        ({"panel": "AttackPanel", "model": "m.pt"}, "AttackPanel(target, data)"),
        ({"step": "evasion.pgd"}, "print(record.result.summary)"),
        ({"run": "abc"}, "store.run('abc')"),
        ({"model": "it's.pt"}, "bench = Workbench(target, data)"),
        ({"panel": "privacy", "sample": "digits"}, 'bench = Workbench(target, data)\nbench.go("privacy")\nbench'),
        ({"panel": "Workbench", "sample": "census"}, "bench = Workbench(target, data)\nbench"),
    ],
)
def test_cells_are_python(asked: dict[str, str], said: str) -> None:
    made = cells(asked)
    for cell in made:
        compile(cell.source, "cell", "exec")
    assert said in made[-1].source


def test_the_cells_open_what_was_named() -> None:
    opening = cells({"model": "it's.pt", "data": "d.csv"})[0].source
    assert """ty.open("it's.pt", data=data)""" in opening and "ty.read('d.csv')" in opening
    assert [len(cells(asked)) for asked in ({}, {"panel": "privacy"}, {"model": ""}, {"sample": "census"})] == [1, 1, 1, 2]


def test_the_cells_do_what_a_click_would() -> None:
    """They run, and the window stands open at that panel with that model and its data."""
    place: dict[str, Any] = {}
    for cell in cells({"panel": "privacy", "sample": "digits"}):
        exec(cell.source, place)  # noqa: S102 (that they can be run is the point)
    bench = place["bench"]
    assert bench.rail.selected == "privacy"
    assert bench.session.target is place["target"] and bench.session.data is place["data"]
    assert place["sample"].card.name == "digits"


@pytest.mark.parametrize(
    "asked", [{"panel": "Nothing"}, {"step": "evasion.nothing"}, {"panel": "AttackPanel", "run": "abc"}, {"sample": "none"}]
)
def test_cells_of_what_there_is_not(asked: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # a Problem, or pydantic's
        cells(asked)


def test_the_server_gives_cells_and_panels(ada: httpx.Client) -> None:
    assert 'bench.go("evasion")' in ada.get("code?panel=evasion").json()["cells"][0]["source"]
    opening, _ = ada.get("code?panel=privacy&sample=digits").json()["cells"]
    assert "ty.load('digits')" in opening["source"]
    said = ada.get("code?panel=No%00thing")
    assert said.status_code == 404 and "'No thing'" in said.json()["found"]
    assert ada.get("code?sample=none").status_code == 400
    assert {"AttackPanel", "ReportPanel"} <= {panel["name"] for panel in ada.get("panels").json()["panels"]}


def test_the_menus_offer_every_panel_and_a_scan_of_every_model_format(server: Any) -> None:
    from tiltyard_widgets.panels.workbench import PANELS

    with server.as_("vera") as vera:
        said = vera.get("menus").json()
    assert {panel["id"]: panel["label"] for panel in said["panels"]} == {name: label for name, (label, _) in PANELS.items()}
    assert {".bin", ".ckpt", ".safetensors", ".onnx"} < set(said["scanned_suffixes"])


def in_format(connection: sqlite3.Connection, version: int) -> None:
    with connection:
        connection.execute("UPDATE tiltyard_store SET version = ?", (version,))


def in_trouble(place: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place)
    if how == "newer":
        in_format(connection, 99)
    else:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
    return connection


@pytest.mark.parametrize("how", ["locked", "newer"])
def test_a_store_in_trouble_is_said_in_one_line_without_its_place(tmp_path: Path, how: str, target: Target, data: Dataset) -> None:
    place = tmp_path / "s.sqlite"
    Store(place).begin("x", target.identity, data.identity)
    with closing(in_trouble(place, how)):
        store = Store(place, 50, ALONE)
        state = history.state_of(store)
        with pytest.raises(Trouble) as raised:
            history.page(store, RunsAsked())
        said = str(history.public(raised.value, store))
    assert state.state == {"locked": "locked", "newer": "broken"}[how]
    assert str(tmp_path) not in state.detail + said and "\n" not in said
    assert {"locked": "another program", "newer": "format 99"}[how] in said


def test_a_store_that_no_run_could_make_is_in_trouble_and_not_only_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is gone, or may not be looked into."""
    store, place = Store(tmp_path / "gone" / "s.sqlite", 50, ALONE), Store(tmp_path / "s.sqlite", 50, ALONE)
    gone = history.state_of(store)
    assert gone.state == "broken" and "Make the folder" in gone.detail and str(tmp_path) not in gone.detail
    with pytest.raises(Trouble):
        history.models(store)
    place.tried()
    monkeypatch.setattr("os.access", lambda *_: False)
    shut = history.state_of(place)
    assert shut.state == "broken" and "no permission" in shut.detail and "\n" not in shut.detail


@pytest.mark.parametrize("kind", [Trouble, Locked])
def test_trouble_that_a_worker_meets_is_trouble_here(kind: type[Problem]) -> None:
    said = {"expected": "the store to be free", "found": "it locked", "do": "Try again"}
    with pytest.raises(kind) as raised:
        WorkerOutput([{"problem": said, "kind": kind.__name__}]).first("the report")
    assert type(raised.value) is kind and status_of(raised.value) == 503


def test_a_report_whose_worker_finds_the_store_in_trouble(server: Any, ran: Callable[[str], str], ada: httpx.Client) -> None:
    """The server has the store open; the worker opens it anew, and finds it of another format."""
    address = f"runs/{ran('ada')}/report?format=json"
    assert ada.get(address).status_code == 200
    with closing(sqlite3.connect(server.store, timeout=60)) as connection:
        (version,) = connection.execute("SELECT version FROM tiltyard_store").fetchone()
        try:
            in_format(connection, 99)
            said = ada.get(address)
        finally:
            in_format(connection, version)
    assert said.status_code == 503 and said.headers["Retry-After"] == "2"
    assert "found format 99" in said.json()["message"] and str(server.here) not in said.text
    assert ada.get(address).status_code == 200


def test_a_report_whose_worker_finds_the_store_damaged(tmp_path: Path) -> None:
    """Its line names the store's place; what is answered does not."""
    place = tmp_path / "s.sqlite"
    place.write_bytes(b"no database at all, only text" * 100)
    order = {"do": "report", "run": "last", "format": "json", "store": str(place), "person": vars(ALONE)}
    with pytest.raises(Trouble) as raised:
        asyncio.run(Workers(1).do(order, Limits(120, 4 << 30))).first("the report")
    said = history.public(raised.value, Store(place, 50, ALONE))
    assert str(place) in str(raised.value) and str(tmp_path) not in str(said)
    assert status_of(said) == 503


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "none.sqlite", 50, ALONE)
    assert history.version(store).store.state == "missing"
    assert history.page(store, RunsAsked()).total == 0 and history.models(store).models == ()
    assert not list(tmp_path.iterdir())


def test_the_document_is_that_of_the_forms() -> None:
    from tiltyard_widgets.server import openapi

    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "python widgets/labextension/generate.py"
    assert json.loads(openapi.text())["openapi"] == "3.1.0"
