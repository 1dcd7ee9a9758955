"""The store on a real PostgreSQL, started for the test on a socket of its own; skipped where there is none or no driver."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress
from tiltyard.result import Identity
from tiltyard.store.checking import checked
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

ONE = Identity(name="model", fingerprint="ab" * 32)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="no PostgreSQL driver: pip install psycopg[binary]")
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("no PostgreSQL on this machine")
    user: dict[str, Any] = {"user": "nobody"} if os.getuid() == 0 else {}
    # pytest's own folders are closed to the user that PostgreSQL wants to be.
    folder = Path(tempfile.mkdtemp(prefix="ty"))
    try:
        folder.chmod(0o777)
        place = folder / "data"
        subprocess.run(["initdb", "-D", place, "-U", "tiltyard", "-A", "trust", "-E", "UTF8"], check=True, capture_output=True, **user)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        subprocess.run(["pg_ctl", "-D", place, "-w", "-l", folder / "log", "-o", options, "start"], check=True, capture_output=True, **user)
        try:
            yield f"postgresql+psycopg://tiltyard@/postgres?host={folder}"
        finally:
            subprocess.run(["pg_ctl", "-D", place, "-m", "immediate", "stop"], check=True, capture_output=True, **user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_run_is_kept_as_in_sqlite(url: str, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    store = Store(url)
    job = Runner(store).start([share(seed=i) for i in range(3)], target, data, name="50%_pg", config={"profile": "quick"})
    records = job.wait(300)
    assert job.run is not None
    again = Store(url)
    assert again.records(job.run.id) == records
    kept = again.run(job.run.short)
    assert (kept.state, kept.counts, kept.config["profile"]) == ("finished", {"finding": 3}, "quick")
    assert [r.name for r in again.runs(search="0%_P")] == ["50%_pg"]
    again.delete(job.run.id)
    assert again.runs() == []


def test_two_windows_lay_it_out_at_once(url: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS records, owners, jobs, shares, artifacts, runs, tiltyard_store, chain, store_head"))
    engine.dispose()
    begun: list[object] = []

    def work() -> None:
        try:
            begun.append(Store(url).begin("x", ONE, ONE).id)
        except Problem as problem:
            begun.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, str) for one in begun), begun
    assert Store(url).count() == 4


def test_sharing_a_run_is_a_change_to_all_who_look(url: str) -> None:
    store = Store(url)
    run = store.begin("x", ONE, ONE)
    marks = [store.mark()]
    for on in (True, False):
        store.share(run.id, on)
        marks.append(store.mark())
    assert marks[0] != marks[1] != marks[2]
    assert store.mark() == marks[2]


def test_what_belongs_to_a_run_is_deleted_with_it(url: str) -> None:
    from sqlalchemy import create_engine, text

    store = Store(url)
    run = store.begin("x", ONE, ONE)
    store.jobs.open(run.id)
    store.share(run.id)
    store.delete(run.id)
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("owners", "jobs", "shares"):
            query = text(f"SELECT count(*) FROM {table} WHERE run_id = :id")
            assert connection.execute(query, {"id": run.id}).scalar() == 0
    engine.dispose()


def test_windows_that_write_at_once_leave_a_chain_that_holds(url: str, share: Callable[..., Check], target: Target, data: Dataset) -> None:
    """And whoever looks meanwhile sees no row without its link."""
    for line in Store(url).runs():
        Store(url).delete(line.id)
    problems: list[Problem] = []
    doubts: set[str] = set()

    def work() -> None:
        store = Store(url)
        try:
            run = store.begin("x", target.identity, data.identity)
            for seed in range(5):
                store.finish(store.start(run.id, share(seed=seed)), share(seed=seed)(target, data))
                doubts.update([line.doubt for line in store.runs()], store.doubts())
            store.end(run.id)
        except Problem as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = checked(Store(url), Progress())
    assert problems == [] and doubts <= {""} and found.broken == [] and found.records == 20
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE records SET severity = 'low' WHERE number = (SELECT max(number) FROM records)"))
    engine.dispose()
    assert "was edited" in checked(Store(url), Progress()).broken[0]


def test_a_newer_layout_is_refused(url: str) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(url)
    Store(url).runs()
    with engine.begin() as connection:
        connection.execute(text("UPDATE tiltyard_store SET version = 7"))
    with pytest.raises(Problem, match="format 7"):
        Store(url).runs()
    with engine.begin() as connection:
        connection.execute(text("UPDATE tiltyard_store SET version = 2"))
    engine.dispose()


def test_its_troubles_are_known_by_their_codes(url: str) -> None:
    from sqlalchemy import create_engine, text

    def said(user: str) -> str:
        with pytest.raises(Problem) as found:
            Store(url.replace("tiltyard@", f"{user}@")).begin("x", ONE, ONE)
        return str(found.value)

    Store(url).runs()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE looks LOGIN"))
        connection.execute(text("CREATE ROLE reads LOGIN"))
        connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO reads"))
        connection.execute(text("ALTER ROLE reads SET default_transaction_read_only = on"))
    engine.dispose()
    assert "no permission" in said("looks") and "it read-only" in said("reads") and "no connection" in said("nobody_here")
