"""Files that steps made: kept with their record or not at all, found true to it, encrypted with it, and gone with it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role
from tiltyard.check import Check, parameter
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.interruptible import Processes
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store import artifacts
from tiltyard.store.checking import checked, is_store
from tiltyard.store.downloads import delete_file, download
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

SECRET = b"the rows nobody else may have " * 40


class Maker(Check):
    """Hands over a file; ``lie`` names another hash than the file's, ``fail`` breaks after it."""

    id = "evasion.maker"
    title = "Maker"
    question = "Is what it made kept?"
    lie: bool = parameter(default=False, help="Name another hash")
    fail: bool = parameter(default=False, help="Break at the end")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        digest = progress.part(0.5).keep("rows.npz", SECRET + str(self.seed).encode())
        if self.fail:
            raise Problem("nothing", "this", "See")
        named = {"rows.npz": "0" * 64 if self.lie else digest, "elsewhere": "1" * 64}
        return CheckResult(status=Status.PASSED, summary="Made.", artifacts=named)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


def ran(store: Store, target: Target, data: Dataset, *steps: Check) -> str:
    job = Runner(store).start(steps, target, data)
    job.wait(300)
    assert job.problem is None and job.error is None and job.run is not None
    return job.run.id


def on_disk(folder: Path) -> bytes:
    """All of the store's files; those that SQLite takes away meanwhile, for a window that closes, hold nothing more."""
    said = b""
    for path in folder.glob("runs.sqlite*"):
        with suppress(FileNotFoundError):
            said += path.read_bytes()
    return said


def changed(store: Store, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(store.url)) as connection, connection:
        assert connection.execute(statement, values).rowcount


def test_a_file_is_kept_with_its_record_and_found_by_name_or_hash(store: Store, target: Target, data: Dataset) -> None:
    run = ran(store, target, data, Maker(seed=1), Maker(seed=2))
    found = store.artifacts.of_run(run)
    assert [(a.name, a.kept, a.size) for a in found] == [("rows.npz", True, len(SECRET) + 1), ("elsewhere", False, None)] * 2
    digest = sha256(SECRET + b"2").hexdigest()
    assert store.artifacts.content(store.artifacts.find(run, digest[:10])) == SECRET + b"2"
    with pytest.raises(Problem, match="which 2 files of it are called"):
        store.artifacts.find(run, "rows.npz")
    with pytest.raises(Problem, match="its hash alone"):
        store.artifacts.content(store.artifacts.find(run, "elsewhere"))
    for wrong in ("", "nothing", digest[:7], "%"):
        with pytest.raises(Problem, match="See `tiltyard artifacts list`"):
            store.artifacts.find(run, wrong)


def test_what_a_record_does_not_name_is_not_kept(store: Store, target: Target, data: Dataset) -> None:
    run = ran(store, target, data, Maker(lie=True), Maker(fail=True))
    assert not any(a.kept for a in store.artifacts.of_run(run))
    with closing(sqlite3.connect(store.url)) as connection:
        assert connection.execute("select count(*) from artifacts").fetchone() == (0,)


def test_from_another_process_too(store: Store, target: Target, data: Dataset) -> None:
    elsewhere = Processes()
    job = Runner(store, elsewhere).start([Maker()], target, data)
    try:
        job.wait(120)
    finally:
        elsewhere.close()
    assert job.run is not None
    assert [a.kept for a in store.artifacts.of_run(job.run.id)] == [True, False]


def test_too_large_to_be_kept_leaves_its_hash(store: Store, target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "LARGEST", 100)
    assert [a.kept for a in store.artifacts.of_run(ran(store, target, data, Maker()))] == [False, False]


def test_sealed_with_the_store_and_never_in_the_clear(
    store: Store, target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_sealing_key(tmp_path / "key.pem")
    monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    run = ran(store, target, data, Maker(seed=1), Maker(seed=2))
    digests = [sha256(SECRET + seed).hexdigest().encode() for seed in (b"1", b"2")]
    said = on_disk(tmp_path)
    assert b"nobody else may have" not in said and not any(digest in said for digest in digests)
    assert store.artifacts.content(store.artifacts.of_run(run)[0]) == SECRET + b"1"
    assert checked(store, Progress()).clear == 0
    one, two = (a.token for a in store.artifacts.of_run(run) if a.kept)
    other = Store(store.url).artifacts.of_run(run)[2]
    changed(store, "update artifacts set content = (select content from artifacts where token = ?) where token = ?", one, two)
    with pytest.raises(Broken, match="another key, or a changed file"):
        store.artifacts.content(other)
    monkeypatch.delenv("TILTYARD_STORE_KEY")
    with pytest.raises(Problem, match="TILTYARD_STORE_KEY"):
        store.artifacts.content(other)
    found = checked(store, Progress())
    assert sum("the key of this store's records" in line for line in found.unread) == 2 and "the chain: " in found.unread[0]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_changed_one_is_seen(
    store: Store, target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    if sealed:
        new_sealing_key(tmp_path / "key.pem")
        monkeypatch.setenv("TILTYARD_STORE_KEY", str(tmp_path / "key.pem"))
    run = ran(store, target, data, Maker())
    assert (checked(store, Progress()).files, checked(store, Progress()).broken) == (1, [])
    for forged in (b"\0" + SECRET + b"1", b"\1" + SECRET, b"\2" + SECRET, b"", b"\0"):
        changed(store, "update artifacts set content = ?", forged)
        with pytest.raises(Problem):
            store.artifacts.content(store.artifacts.of_run(run)[0])
        found = checked(store, Progress())
        assert len(found.broken) + len(found.unread) == 1 and f"run {run[:8]}, evasion.maker, rows.npz" in (*found.broken, *found.unread)[0]


def test_gone_with_its_run_and_out_of_the_file(store: Store, target: Target, data: Dataset, tmp_path: Path) -> None:
    run = ran(store, target, data, Maker())
    assert b"nobody else may have" in on_disk(tmp_path)
    store.delete(run)
    with closing(sqlite3.connect(store.url)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    assert b"nobody else may have" not in on_disk(tmp_path)


def test_taken_by_its_owner_alone_and_logged(store: Store, target: Target, data: Dataset, tmp_path: Path) -> None:
    ann = Store(store.url, person=Person("ann", Role.ANALYST, shared=True))
    run = ran(ann, target, data, Maker())
    ann.share(run)
    assert download(ann, run, "rows.npz").content == SECRET + b"0"
    for name, role in (("bob", Role.ANALYST), ("eve", Role.VIEWER)):
        other = Store(store.url, person=Person(name, role, shared=True))
        assert len(other.records(run)) == 1 and other.artifacts.of_run(run) == []
        with pytest.raises(Problem):
            download(other, run, "rows.npz")
        with pytest.raises(Problem):
            other.artifacts.content(ann.artifacts.of_run(run)[0])
    with pytest.raises(Denied):
        download(Store(store.url, person=Person("ann", Role.VIEWER, shared=True)), run, "rows.npz")
    with pytest.raises(Denied):
        delete_file(ann, run, "rows.npz")
    assert delete_file(store, run, "rows.npz") == ""
    assert [a.kept for a in ann.artifacts.of_run(run)] == [False, False]
    log = (tmp_path / "runs.audit.jsonl").read_text()
    assert log.count('"artifact taken"') == 1 and log.count('"artifact deleted"') == 1 and sha256(SECRET + b"0").hexdigest() in log


def test_a_full_disk_keeps_neither_record_nor_file(store: Store, target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import event

    run = store.begin("full", target.identity, data.identity)
    record = Maker()(target, data)
    token = store.start(run.id, Maker())
    event.listen(store._database._engine(), "connect", lambda raw, _: raw.execute("PRAGMA max_page_count=1"))
    with pytest.raises(Problem, match="the disk full"):
        store.finish(token, record, {"rows.npz": bytes(10 << 20)})
    again = Store(store.url)
    assert again.records(run.id) == [] and again.artifacts.of_run(run.id) == []
    again.finish(token, record, {"rows.npz": SECRET + b"0"})
    assert checked(again, Progress()).files == 1


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.store.test_artifacts import Maker, SECRET
from tests.tiny import tiny_data, tiny_target
from tiltyard.store.store import Store
data = tiny_data()
target = tiny_target(data)
store = Store(sys.argv[1])
run = store.begin("killed", target.identity, data.identity)
for i in range(10**6):
    record = Maker(seed=i)(target, data)
    store.finish(store.start(run.id, Maker(seed=i)), record, {"rows.npz": SECRET + str(i).encode()})
    print(i, flush=True)
"""


def test_two_windows_and_kills_leave_each_file_with_its_record(store: Store, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    words = [sys.executable, str(script), store.url, str(Path(__file__).parents[2])]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = []
    for child, rounds in zip(children, (5, 9), strict=True):
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(rounds)]
        os.kill(child.pid, signal.SIGKILL)
        told.append(len(lines) + len(child.stdout.readlines()))
        child.wait()
        child.stdout.close()
    found = checked(store, Progress())
    assert found.broken == [] and found.unread == []
    assert found.records == found.files >= sum(told)


def test_a_new_store_is_its_owners_alone(store: Store, target: Target, data: Dataset, tmp_path: Path) -> None:
    ran(store, target, data, Maker())
    if os.name == "posix":
        assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("runs*")} == {"0o600"}


def test_what_is_a_store_and_what_is_none(store: Store, target: Target, data: Dataset, tmp_path: Path) -> None:
    ran(store, target, data, Maker())
    assert is_store(Path(store.url))
    (tmp_path / "text").write_text("SQLite format 3")
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("create table x (y)")
    assert not any(is_store(tmp_path / name) for name in ("text", "other.sqlite", "nothing", ""))
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("x",)]


def test_a_store_from_before_is_read_and_gets_the_table(store: Store, target: Target, data: Dataset, tmp_path: Path) -> None:
    run = ran(store, target, data, Maker())
    with closing(sqlite3.connect(store.url)) as connection, connection:
        for table in ("artifacts", "chain", "store_head"):
            connection.execute(f"drop table {table}")
        connection.execute("update tiltyard_store set version = 1")
    tmp_path.joinpath("runs.audit.jsonl").unlink()
    tmp_path.joinpath("runs.audit.jsonl.head").unlink()
    later = Store(store.url)
    assert [a.kept for a in later.artifacts.of_run(run)] == [False, False]
    assert download(later, ran(later, target, data, Maker()), "rows.npz").content.startswith(SECRET)


def test_many_threads_write_at_once(store: Store, target: Target, data: Dataset) -> None:
    threads = [threading.Thread(target=ran, args=(store, target, data, Maker(seed=i))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    found = checked(store, Progress())
    assert (found.records, found.files, found.broken) == (4, 4, [])
    assert np.all([len(store.artifacts.of_run(run.id)) == 2 for run in store.runs()])
