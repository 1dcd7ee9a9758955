"""What is logged, where, and what happens where it cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role
from tiltyard.audit import notes as audit
from tiltyard.audit.log import AuditRecord, check, records
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defended, Defense
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress
from tiltyard.reports.bundle import make
from tiltyard.reports.exporting import export, hand_out
from tiltyard.result import CheckResult, Status
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

Checks = Callable[..., Check]
ADA = Person("ada", Role.ANALYST, shared=True)


class Never(Defense):
    """Makes a target that never says yes."""

    id = "evasion.never"
    title = "Never"
    question = "Say no"

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = FunctionTarget(lambda x: 0.0 * x[:, 0], target.classes, target.schema, "never")
        return Defended(made, CheckResult(status=Status.PASSED, summary="Made."))


@pytest.fixture
def log(place: Path) -> Path:
    return place.with_name("runs.audit.jsonl")


def logged(log: Path) -> list[AuditRecord]:
    """What people did; where the store's chain stood in between is left out."""
    check(log)
    return [record for record in records(log) if record.what != "store head"]


def test_a_run_is_logged_with_who_what_on_which_with_which(place: Path, log: Path, share: Checks, target: Target, data: Dataset) -> None:
    job = Runner(Store(place, person=ADA)).start([share(rows=7), Never()], target, data)
    job.wait(300)
    start, defense, end = logged(log)
    assert [r.what for r in (start, defense, end)] == ["run started", "defense applied", "run ended"]
    assert {r.who for r in (start, defense, end)} == {"ada"}
    assert start.fingerprint == end.fingerprint == target.fingerprint and defense.fingerprint == job.targets[1].fingerprint
    assert start.parameters["steps"] == [{"id": "evasion.share", "given": {"rows": 7}}, {"id": "evasion.never", "given": {}}]
    assert start.parameters["data_fingerprint"] == data.fingerprint
    assert defense.parameters["from"] == target.fingerprint
    assert end.parameters["records"][0] == {"id": "evasion.share", "status": "finding", "findings": 1}
    assert job.run is not None and {r.parameters["run"] for r in (start, defense, end)} == {job.run.id}
    assert job.unlogged == ""


def test_a_run_that_is_not_kept_is_not_logged(place: Path, log: Path, share: Checks, target: Target, data: Dataset) -> None:
    assert len(Runner(None).start([share()], target, data).wait(60)) == 1
    assert not log.exists()


def test_where_it_cannot_be_written_the_run_says_so_and_goes_on(
    store: Store, log: Path, share: Checks, target: Target, data: Dataset
) -> None:
    log.mkdir()
    job = Runner(store).start([share()], target, data)
    assert len(job.wait(300)) == 1 and job.problem is None
    assert job.unlogged.startswith("Not in the audit log: ") and "\n" not in job.unlogged


def test_a_broken_log_is_said_too_and_not_written_on(store: Store, log: Path, share: Checks, target: Target, data: Dataset) -> None:
    Runner(store).start([share()], target, data).wait(60)
    log.write_bytes(log.read_bytes()[:-5])
    before = log.read_bytes()
    job = Runner(store).start([share()], target, data)
    assert len(job.wait(300)) == 1 and "tail was cut" in job.unlogged
    assert log.read_bytes() == before


def test_where_all_must_be_logged_nothing_begins_without(
    store: Store, log: Path, share: Checks, target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(audit.REQUIRED, "1")
    log.mkdir()
    with pytest.raises(Problem, match=r"audit|log"):
        Runner(store).start([share()], target, data)
    assert store.count() == 0
    monkeypatch.setenv(audit.PLACE, "off")
    with pytest.raises(Problem, match="Unset one of them"):
        Runner(store).start([share()], target, data)


def test_it_can_be_off_or_elsewhere(store: Store, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(audit.PLACE, "off")
    assert audit.note("login", store=store.url) == "" and not log.exists()
    monkeypatch.setenv(audit.PLACE, str(tmp_path / "other.jsonl"))
    assert audit.note("login", store=store.url) == ""
    assert not log.exists() and check(tmp_path / "other.jsonl").count == 1


@pytest.mark.parametrize(
    ("store", "log"),
    [
        ("/data/runs.sqlite", "/data/runs.audit.jsonl"),
        ("sqlite:////data/mine.db", "/data/mine.audit.jsonl"),
        ("/data/runs", "/data/runs.audit.jsonl"),
    ],
)
def test_it_lies_beside_the_store(store: str, log: str) -> None:
    assert audit.place(store) == Path(log)


def test_a_database_elsewhere_has_it_in_the_data_folder() -> None:
    found = audit.place("postgresql+psycopg://me:hunter2@db/runs")
    assert found is not None and found.name == "audit.jsonl" and "hunter2" not in str(found)


def test_with_a_key_nobody_else_can_write_it(store: Store, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_sealing_key(tmp_path / "audit.pem")
    monkeypatch.setenv(audit.KEY, str(tmp_path / "audit.pem"))
    assert audit.note("login", store=store.url) == ""
    assert check(log, key.secret).count == 1
    with pytest.raises(Broken):
        check(log)
    monkeypatch.setenv(audit.KEY, str(tmp_path / "gone.pem"))
    assert "gone.pem" in audit.note("login", store=store.url)


def test_secrets_never_get_in(log: Path, store: Store) -> None:
    given = {
        "password": "hunter2",
        "api_key": "hunter2",
        "deep": [{"Authorization": "hunter2", "url": "https://ada:hunter2@host/x?key=hunter2"}],
        "passphrase": ["hunter2"],
        "rows": 3,
        "long": "x" * 5000,
        "odd": {1, 2},
        "inf": float("inf"),
        "nan": float("nan"),
        "path": Path("/x"),
    }
    assert audit.note("model opened", parameters=given, store=store.url) == ""
    text = log.read_text()
    assert "hunter2" not in text and len(text) < 2000
    kept = logged(log)[0].parameters
    assert kept["rows"] == 3 and kept["deep"][0]["url"] == "https://host/x" and kept["nan"] == "nan" and kept["password"] == "(hidden)"


def test_a_bottomless_value_is_cut_off(store: Store) -> None:
    endless: list[object] = []
    endless.append(endless)
    assert audit.note("x", parameters={"a": endless, "b": {"c": endless}}, store=store.url) == ""


def test_reports_that_leave_are_logged(
    store: Store, log: Path, share: Checks, target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make([share()(target, data)])
    assert json.loads(hand_out(bundle, "json", store.url).content)["format"] >= 1
    written = export(bundle, tmp_path / "report.html", store=store.url)
    assert written.path == tmp_path / "report.html" and written.unlogged == ""
    first, second = logged(log)
    assert (first.what, first.fingerprint, first.parameters["to"]) == ("report exported", target.fingerprint, "handed out")
    assert (second.parameters["format"], second.parameters["to"]) == ("html", str(tmp_path / "report.html"))
    monkeypatch.setenv("TILTYARD_USER", "vera")
    monkeypatch.setenv("TILTYARD_ROLE", "viewer")
    assert hand_out(bundle, "html", store.url).content
    with pytest.raises(Denied, match="write files"):
        export(bundle, tmp_path / "other.html", store=store.url)
    assert not (tmp_path / "other.html").exists()


def test_a_link_to_the_store_leads_to_the_same_log(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "there" / "runs.sqlite")
    assert audit.place(tmp_path / "link.sqlite") == audit.place(tmp_path / "there" / "runs.sqlite")
