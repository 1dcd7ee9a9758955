"""Jobs under way as others see them through the store, and how they stop them; models and severities, each person's own."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role
from tiltyard.audit.log import records
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.job import Job
from tiltyard.execution.runner import Runner
from tiltyard.result import Status
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

Checks = Callable[..., Check]
ADA, BOB = Person("ada", Role.ANALYST, shared=True), Person("bob", Role.ANALYST, shared=True)
VERA, ROOT = Person("vera", Role.VIEWER, shared=True), Person("root", Role.ADMIN, shared=True)


def soon(done: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def going(place: Path, person: Person, step: Check, target: Target, data: Dataset) -> Iterator[tuple[Job, str]]:
    """A job under way, known to the store."""
    store = Store(place, person=person)
    job = Runner(store).start([step], target, data)
    assert job.run is not None
    id = job.run.id
    try:
        soon(lambda: store.jobs.underway([id]))
        yield job, id
    finally:
        job.cancel()
        job.wait(120)


def test_progress_is_seen_through_the_store(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    with going(place, ADA, slow, target, data) as (_, id):
        other = Store(place, person=ADA)
        soon(lambda: other.jobs.underway()[id].done > 0)
        now = other.jobs.underway([id])[id]
        assert 0 < now.done <= 1 and "waiting" in now.message and not now.cancelling
    soon(lambda: not Store(place).jobs.underway())


def test_cancel_reaches_the_job_through_the_store_and_is_logged(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    with going(place, ADA, slow, target, data) as (job, id):
        assert Store(place, person=ROOT).cancel(id) == 1
        (record,) = job.wait(120)
    assert record.result.status == "cancelled"
    soon(lambda: Store(place).cancel(id) == 0)
    said = [line for line in records(place.with_name("runs.audit.jsonl")) if line.what == "run cancelled"]
    assert [(line.who, line.parameters["run"]) for line in said] == [("root", id)]


def test_anothers_job_is_neither_seen_nor_stopped(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    with going(place, ADA, slow, target, data) as (job, id):
        bob = Store(place, person=BOB)
        assert bob.jobs.underway() == bob.jobs.underway([id]) == {} and bob.jobs.cancel(id) == 0
        with pytest.raises(ValueError, match="which none has"):
            bob.cancel(id)
        with pytest.raises(Denied):
            Store(place, person=VERA).cancel(id)
        assert list(Store(place, person=ROOT).jobs.underway()) == [id] and not job.done


def test_a_killed_process_has_nothing_under_way(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    with going(place, ADA, slow, target, data) as (_, id):
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute("UPDATE jobs SET pid = 4194303, process_started = 'never'")
        store = Store(place, person=ADA)
        assert store.jobs.underway([id]) == {} and store.cancel(id) == 0
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DELETE FROM jobs")


def test_a_run_that_is_deleted_takes_its_jobs_with_it(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    with going(place, ADA, slow, target, data) as (_, id):
        Store(place, person=ROOT).delete(id)
        with closing(sqlite3.connect(place)) as connection, connection:
            assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_models_and_severities_are_each_persons_own(place: Path, share: Checks, target: Target, data: Dataset) -> None:
    ids = []
    for person in (ADA, ADA, BOB):
        job = Runner(Store(place, person=person)).start([share()], target, data)
        job.wait(300)
        assert job.run is not None
        ids.append(job.run.id)
    for person, runs in ((ADA, ids[:2]), (BOB, ids[2:]), (VERA, []), (ROOT, ids)):
        store = Store(place, person=person)
        assert store.severities(ids) == {id: {"medium": 1} for id in runs}
        assert [(m.target.fingerprint, m.runs, m.last_run) for m in store.models()] == [
            (target.fingerprint, len(runs), runs[-1]) for _ in runs[:1]
        ]


def test_a_model_keeps_its_findings_when_a_new_run_has_measured_nothing_yet(
    store: Store, share: Checks, slow: Check, target: Target, data: Dataset
) -> None:
    """Of each step the newest record that says something counts, in whichever run; one that was cancelled says nothing."""

    def ran(step: Check, state: Status | None = None) -> str:
        id = store.begin("window", target.identity, data.identity).id
        record = step(target, data)
        if state:
            result = record.result.model_copy(update={"status": state, "findings": ()})
            record = record.model_copy(update={"result": result})
        store.finish(store.start(id, step), record)
        return id

    def told() -> tuple[dict[str, int], dict[str, str]]:
        (line,) = store.models()
        return line.severities, line.found_in

    first = ran(share())
    later = store.begin("window", target.identity, data.identity).id
    assert store.models()[0].last_run == later and told() == ({"medium": 1}, {"medium": first})
    store.start(later, share())
    assert told()[0] == {"medium": 1}
    for nothing in (Status.CANCELLED, Status.FAILED, Status.INCOMPLETE, Status.NOT_APPLICABLE):
        ran(share(), nothing)
    assert told() == ({"medium": 1}, {"medium": first})
    again = ran(share(rows=9))
    assert told() == ({"medium": 1}, {"medium": again})
    ran(share(), Status.PASSED)
    assert told() == ({}, {})


def test_the_mark_changes_with_every_write(store: Store, target: Target, data: Dataset) -> None:
    marks = {store.mark()}
    run = store.begin("x", target.identity, data.identity)
    marks.add(store.mark())
    store.end(run.id)
    marks.add(store.mark())
    assert len(marks) == 3 and store.mark() in marks


def test_a_record_that_cannot_be_read_hides_no_other(
    place: Path, share: Checks, target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("tiltyard.store.store.shut", lambda text, _: "{}" if '"seed":1' in text else text)
        job = Runner(Store(place, person=ADA)).start([share(), share(seed=1), share(seed=2)], target, data)
        job.wait(300)
    assert job.run is not None
    first, newer, edited = Store(place).steps(job.run.id)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE records SET record = '{}' WHERE token = ?", (edited.token,))
    told = Store(place, person=ADA).outcomes(job.run.id)
    assert "a record this Tiltyard reads" in str(told[newer.token]) and not isinstance(told[first.token], Problem)
    assert f"record {edited.token[:8]} was edited" in str(told[edited.token])
    assert Store(place, person=BOB).outcomes(job.run.id) == {}
