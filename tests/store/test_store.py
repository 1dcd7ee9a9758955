import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.result import Identity
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

ONE = Identity(name="model", fingerprint="ab" * 32, detail="a model")
TWO = Identity(name="rows", fingerprint="cd" * 32, detail="some rows")


def run_once(store: Store, check: Check, target: Target, data: Dataset) -> str:
    run = store.begin("test", target.identity, data.identity, {"profile": "quick"})
    store.finish(store.start(run.id, check), check(target, data))
    return run.id


def test_a_record_comes_back_as_it_was(store: Store, place: Path, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    check = share(rows=7)
    run = store.begin("test", target.identity, data.identity, {"profile": "quick"})
    record = check(target, data)
    store.finish(store.start(run.id, check), record)
    store.end(run.id, "pass")
    again = Store(place)
    assert again.records(run.id) == [record]
    kept = again.run(run.short)
    assert (kept.state, kept.verdict, kept.counts, kept.config) == ("finished", "pass", {"finding": 1}, {"profile": "quick"})
    assert kept.target == Identity(name=target.name, fingerprint=target.fingerprint, detail=target.identity.detail)
    assert "numpy" in kept.versions


def test_a_step_is_there_from_its_start(store: Store, place: Path, share: Callable[..., Check]) -> None:
    run = store.begin("test", ONE, TWO)
    store.start(run.id, share(rows=9))
    (line,) = Store(place).steps(run.id)
    assert (line.state, line.check, line.given) == ("running", "evasion.share", {"rows": 9})
    assert Store(place).run(run.id).counts == {"running": 1}
    assert Store(place).cut_off() == []


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[2])
from tests.tiny import Share, Slow, tiny_data, tiny_target
from tiltyard.store.store import Store
data = tiny_data()
target = tiny_target(data)
store = Store(sys.argv[1])
run = store.begin("killed", target.identity, data.identity)
for i in range(10**6):
    check = Share(seed=i)
    token = store.start(run.id, check)
    record = check(target, data)
    store.finish(token, record)
    print(record.id, flush=True)
    if i == 3:
        store.start(run.id, Slow())
        print("slow", flush=True)
        time.sleep(60)
"""


def test_killed_in_mid_run_it_says_what_was_cut_off_and_keeps_the_rest(place: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    with subprocess.Popen(
        [sys.executable, str(script), str(place), str(Path(__file__).parents[2])], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = []
        for line in child.stdout:
            if line.strip() == "slow":
                break
            told.append(line.strip())
        before = Store(place).runs()[0]
        assert before.state == "running"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    store = Store(place)
    (run,) = store.runs()
    assert (run.state, run.counts) == ("cut off", {"finding": 4, "cut off": 1})
    assert [r.id for r in store.records(run.id)] == told
    (cut,) = store.cut_off()
    assert (cut.check, cut.state, cut.run_id) == ("evasion.slow", "cut off", run.id)


def test_a_killed_process_that_is_not_reaped_is_dead(place: Path, tmp_path: Path) -> None:
    store = Store(place)
    store.begin("x", ONE, TWO)
    with closing(sqlite3.connect(place)) as raw, raw:
        raw.execute("UPDATE runs SET pid = 999999999")
    raw.close()
    assert store.runs()[0].state == "cut off"


def test_a_process_id_given_out_again_is_not_the_same_process(store: Store, place: Path) -> None:
    store.begin("x", ONE, TWO)
    with closing(sqlite3.connect(place)) as raw, raw:
        raw.execute("UPDATE runs SET process_started = 'another boot 12'")
    raw.close()
    assert Store(place).runs()[0].state == "cut off"


def test_ids_by_their_beginning(store: Store) -> None:
    runs = [store.begin(f"run {i}", ONE, TWO) for i in range(20)]
    assert store.run("last").id == runs[-1].id
    assert store.run(runs[3].id[:12]).name == "run 3"
    first = max({r.id[0] for r in runs}, key=lambda c: sum(r.id[0] == c for r in runs))
    with pytest.raises(Problem, match="several begin"):
        store.run(first)
    for wrong in ("zzz", "", "%"):
        with pytest.raises(Problem, match="which none has"):
            store.run(wrong)


def test_listing_is_newest_first_with_pages_and_search(store: Store) -> None:
    for i in range(5):
        store.begin(f"run {i}", ONE.model_copy(update={"name": "50%_model" if i == 2 else "m"}), TWO)
    assert [r.name for r in store.runs(limit=2, offset=1)] == ["run 3", "run 2"]
    assert [r.name for r in store.runs(search="50%_")] == ["run 2"]
    assert (store.count(), store.count("RUN 4")) == (5, 1)


def test_a_deleted_run_is_gone_and_its_late_record_is_refused(
    store: Store, share: Callable[..., Check], target: Target, data: Dataset
) -> None:
    run = store.begin("x", ONE, TWO)
    token = store.start(run.id, share())
    store.delete(run.id)
    with pytest.raises(Problem, match="deleted meanwhile"):
        store.finish(token, share()(target, data))
    assert store.runs() == []


def test_what_belongs_to_a_run_is_deleted_with_it(store: Store, place: Path, share: Callable[..., Check]) -> None:
    kept, run = (store.begin(name, ONE, TWO) for name in "xy")
    for one in (kept, run):
        store.start(one.id, share())
        store.jobs.open(one.id)
        store.share(one.id)
    store.delete(run.id)
    with closing(sqlite3.connect(place)) as raw, raw:
        for table in ("records", "owners", "jobs", "shares"):
            assert raw.execute(f"SELECT run_id FROM {table}").fetchall() == [(kept.id,)]
    raw.close()


def test_latest_keeps_one_record_a_check_and_parameters(store: Store, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    run = store.begin("x", target.identity, data.identity)
    for rows in (5, 6, 5):
        store.finish(store.start(run.id, share(rows=rows)), share(rows=rows)(target, data))
    assert len(store.records(run.id)) == 3
    latest = store.records(run.id, latest=True)
    assert [r.effective["rows"] for r in latest] == [5, 6]
    assert latest[0] == store.records(run.id)[2]


def test_ten_thousand_runs_are_listed_without_reading_a_record(store: Store, place: Path) -> None:
    run = store.begin("x", ONE, TWO)
    with closing(sqlite3.connect(place)) as raw, raw:
        names = [row[1] for row in raw.execute("PRAGMA table_info(runs)") if row[1] not in ("id", "started")]
        copy = ", ".join(names)
        numbers = "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9999)"
        raw.execute(f"INSERT INTO runs (id, started, {copy}) {numbers} SELECT printf('%032x', i), i, {copy} FROM runs, k")
        raw.execute(
            "INSERT INTO records (token, run_id, step, kind, title, state, severity, given, started, host, pid, process_started, record) "
            "SELECT id || n, id, 's', 'check', 't', 'passed', '', '{}', 1.0, 'h', 1, 's', 'no JSON' FROM runs, (SELECT 1 n UNION SELECT 2)"
        )
    raw.close()
    begun = time.process_time()
    found = store.runs(limit=10_000)
    assert time.process_time() - begun < 10
    assert len(found) == 10_000
    assert found[0].id == run.id
    assert {r.total for r in found} == {2}


def test_two_stores_write_at_once(place: Path, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    import threading

    def work(k: int) -> None:
        store = Store(place)
        run = store.begin(f"window {k}", target.identity, data.identity)
        for i in range(15):
            store.finish(store.start(run.id, share(seed=i)), share(seed=i)(target, data))
        store.end(run.id)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store(place)
    assert [r.counts.get("finding") for r in store.runs()] == [15] * 4


def one_line(problem: Problem) -> str:
    text = str(problem)
    assert "\n" not in text
    assert len(text) < 300
    return text


def test_a_locked_store_is_one_line_and_loses_nothing(place: Path, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    store = Store(place, wait=100)
    run_id = run_once(store, share(), target, data)
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Problem, match="locked by another program") as found:
            store.begin("x", ONE, TWO)
        one_line(found.value)
        assert len(store.records(run_id)) == 1
    finally:
        other.close()
    store.begin("x", ONE, TWO)
    assert store.count() == 2


def test_a_full_disk_is_one_line_and_loses_nothing(place: Path, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    from sqlalchemy import event

    store = Store(place)
    run_id = run_once(store, share(), target, data)
    engine = store._database._engine()
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count=1"))
    with pytest.raises(Problem, match="the disk full") as found:
        list(map(store.begin, ["x" * 10_000] * 1000, [ONE] * 1000, [TWO] * 1000))
    one_line(found.value)
    assert len(Store(place).records(run_id)) == 1


def test_a_store_that_may_only_be_read(place: Path, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    from sqlalchemy import event

    store = Store(place)
    run_once(store, share(), target, data)
    event.listen(store._database._engine(), "connect", lambda raw, _: raw.execute("PRAGMA query_only=ON"))
    assert len(store.runs()) == 1
    with pytest.raises(Problem, match="it read-only"):
        store.begin("x", ONE, TWO)


@pytest.mark.parametrize("make", ["garbage", "folder", "nowhere", "other tables"])
def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path, make: str) -> None:
    place = tmp_path / "place"
    if make == "garbage":
        place.write_bytes(os.urandom(9000))
    if make == "folder":
        place.mkdir()
    if make == "nowhere":
        place = place / "deeper" / "runs.sqlite"
    if make == "other tables":
        raw = sqlite3.connect(place)
        raw.execute("CREATE TABLE runs (something TEXT)")
        raw.close()
    store = Store(place)
    with pytest.raises(Problem) as found:
        store.begin("x", ONE, TWO)
    one_line(found.value)


def test_a_newer_store_is_refused_and_left_as_it_is(store: Store, place: Path) -> None:
    store.begin("x", ONE, TWO)
    with closing(sqlite3.connect(place)) as raw, raw:
        raw.execute("UPDATE tiltyard_store SET version = 3")
    raw.close()
    with pytest.raises(Problem, match=r"format 3\. Upgrade Tiltyard") as found:
        Store(place).runs()
    one_line(found.value)
    with closing(sqlite3.connect(place)) as raw, raw:
        assert raw.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    raw.close()


def test_a_newer_record_is_refused_in_one_line(
    store: Store, share: Callable[..., Check], target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiltyard.store.store.shut", lambda text, _: json.dumps({**json.loads(text), "format": 99}))
    run_id = run_once(store, share(), target, data)
    with pytest.raises(Problem, match="record format 99 is newer") as found:
        store.records(run_id)
    one_line(found.value)
    assert store.runs()[0].counts == {"finding": 1}


def test_a_store_deleted_while_open_is_told_and_then_made_anew(store: Store, place: Path) -> None:
    run = store.begin("x", ONE, TWO)
    for file in place.parent.glob("runs.sqlite*"):
        file.unlink()
    with pytest.raises(Problem, match="its file gone"):
        store.end(run.id)
    assert store.runs() == []


def test_the_place_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "here.sqlite"))
    store = Store()
    store.begin("x", ONE, TWO)
    assert (tmp_path / "here.sqlite").is_file()
    monkeypatch.delenv("TILTYARD_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Store().url.endswith("tiltyard/runs.sqlite")


def test_a_password_is_never_shown() -> None:
    assert "secret" not in Store("postgresql+psycopg://me:secret@127.0.0.1:1/none").url
    with pytest.raises(Problem) as found:
        Store("postgresql+psycopg://me:secret@127.0.0.1:1/none").runs()
    assert "secret" not in one_line(found.value)


def test_looking_makes_no_store(place: Path, target: Target, data: Dataset) -> None:
    """Nor where it was there a moment ago, between a look for the file and its reading."""
    looks = Store(place, makes=False)
    with pytest.raises(Problem, match="no way to open it"):
        looks.runs()
    Store(place).begin("a run", target.identity, data.identity)
    assert looks.count() == 1
    for file in place.parent.glob(f"{place.name}*"):
        file.unlink()
    for words in ("its file gone", "no way to open it"):
        with pytest.raises(Problem, match=words):
            looks.runs()
    assert not place.exists()


def test_a_store_may_have_any_name(tmp_path: Path, target: Target, data: Dataset) -> None:
    """Also one with signs that mean something in an address."""
    place = tmp_path / "a b?c=d#e%20é.sqlite"
    Store(place).begin("a run", target.identity, data.identity)
    assert place.exists() and Store(place).count() == 1


SHUT = """
import os, sys
from tiltyard.errors import Problem
from tiltyard.store.store import Store
store = Store(sys.argv[1])
store.runs()
os.chmod(os.path.dirname(sys.argv[1]), 0)
for _ in range(2):
    try:
        store.runs()
    except Problem as problem:
        print(problem.found)
"""


def test_a_folder_that_was_shut_meanwhile_is_no_file_that_is_gone(tmp_path: Path) -> None:
    """Said each time in the same words, not once by a traceback; root is held by permissions here too."""
    tool = shutil.which("setpriv") if os.geteuid() == 0 else None
    bound = [tool, "--bounding-set=-dac_override,-dac_read_search"] if tool else []
    if os.geteuid() == 0 and (not tool or subprocess.run([*bound, "true"], check=False).returncode):
        pytest.skip("nothing can be denied to root here")
    place = tmp_path / "shut" / "runs.sqlite"
    place.parent.mkdir()
    try:
        said = subprocess.run([*bound, sys.executable, "-c", SHUT, str(place)], capture_output=True, text=True, check=True)
    finally:
        place.parent.chmod(0o700)
    assert said.stdout.splitlines() == ["no way to open it"] * 2
