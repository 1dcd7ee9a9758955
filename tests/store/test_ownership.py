"""Whose a run is, and who sees it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Denied, Role
from tiltyard.audit.log import records
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.result import Identity
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

Checks = Callable[..., Check]
ALONE = Person("me", Role.ADMIN)
ADA, BOB = Person("ada", Role.ANALYST, shared=True), Person("bob", Role.ANALYST, shared=True)
VERA, ROOT = Person("vera", Role.VIEWER, shared=True), Person("root", Role.ADMIN, shared=True)
ONE = Identity(name="model", fingerprint="ab" * 32)
TWO = Identity(name="rows", fingerprint="cd" * 32)


def of(place: Path, person: Person) -> Store:
    return Store(place, person=person)


@pytest.fixture
def two(place: Path, share: Checks, target: Target, data: Dataset) -> tuple[str, str]:
    """A run of Ada's and one of Bob's, each with a record."""
    jobs = [Runner(of(place, person)).start([share()], target, data, name=f"of {person.name}") for person in (ADA, BOB)]
    for job in jobs:
        job.wait(300)
    a, b = (job.run.id for job in jobs if job.run is not None)
    return a, b


def test_each_sees_their_own_and_an_admin_all(place: Path, two: tuple[str, str]) -> None:
    a, b = two
    for person, seen in ((ADA, {a}), (BOB, {b}), (VERA, set()), (ROOT, {a, b}), (ALONE, {a, b})):
        store = of(place, person)
        assert {line.id for line in store.runs()} == seen and store.count() == len(seen), person
        assert {line.owner for line in store.runs()} == {{a: "ada", b: "bob"}[id] for id in seen}
        for id in (a, b):
            assert bool(store.records(id)) is bool(store.steps(id)) is (id in seen)


def test_anothers_run_is_as_if_it_were_not_there(place: Path, two: tuple[str, str], share: Checks, target: Target, data: Dataset) -> None:
    _, b = two
    store = of(place, ADA)
    record = share()(target, data)
    tries: list[Callable[[], object]] = [
        lambda: store.run(b),
        lambda: store.run(b[:8]),
        lambda: store.start(b, share()),
        lambda: store.add(b, record),
        lambda: store.end(b),
    ]
    for attempt in tries:
        with pytest.raises(Problem, match="which none has"):
            attempt()
    assert store.run("last").owner == "ada"
    assert [line.name for line in store.runs(search="of bob")] == []
    assert len(of(place, BOB).records(b)) == 1


def test_only_an_admin_deletes_and_it_is_logged(place: Path, two: tuple[str, str]) -> None:
    a, _ = two
    for person in (ADA, VERA):
        with pytest.raises(Denied, match="role admin to delete"):
            of(place, person).delete(a)
    assert of(place, ROOT).delete(a) == ""
    assert [line.owner for line in of(place, ALONE).runs()] == ["bob"]
    last = list(records(place.with_name("runs.audit.jsonl")))[-1]
    assert (last.who, last.what, last.parameters["run"], last.parameters["owner"]) == ("root", "run deleted", a, "ada")


def test_a_viewer_runs_nothing(place: Path, share: Checks, target: Target, data: Dataset) -> None:
    with pytest.raises(Denied, match="found the role viewer"):
        Runner(of(place, VERA)).start([share()], target, data)
    assert of(place, ROOT).count() == 0


@pytest.fixture
def old(place: Path) -> Path:
    """A store as the Tiltyard before made it: without a table of owners."""
    Store(place, person=ALONE).begin("from before", ONE, TWO)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DROP TABLE owners")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return place


def test_an_old_store_opens_and_its_runs_are_nobodys(old: Path) -> None:
    assert [(line.name, line.owner) for line in of(old, ALONE).runs()] == [("from before", "")]
    assert of(old, ADA).runs() == []
    of(old, ADA).begin("new", ONE, TWO)
    assert [line.name for line in of(old, ADA).runs()] == ["new"] and of(old, ALONE).count() == 2


def test_an_old_store_that_may_only_be_read(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiltyard.store.database.added", lambda engine: frozenset())
    assert [line.name for line in of(old, ALONE).runs()] == ["from before"] and of(old, ALONE).run("last").owner == ""
    assert of(old, ADA).runs() == [] and of(old, ADA).count() == 0


def test_trying_to_write_leaves_nothing(store: Store) -> None:
    store.tried()
    assert store.count() == 0


def test_a_shared_run_is_for_everybody_to_look_at_and_nobody_to_change(
    place: Path, two: tuple[str, str], share: Checks, target: Target, data: Dataset
) -> None:
    a, b = two
    with pytest.raises(Problem, match="which none has"):
        of(place, ADA).share(b)
    with pytest.raises(Denied):
        of(place, VERA).share(a)
    assert of(place, ADA).share(a) == ""
    for person in (BOB, VERA):
        store = of(place, person)
        assert a in {line.id for line in store.runs()} and store.run(a).owner == "ada" and len(store.records(a)) == 1
        tries: list[Callable[[], object]] = [
            lambda store=store: store.start(a, share()),
            lambda store=store: store.add(a, share()(target, data)),
            lambda store=store: store.end(a),
            lambda store=store: store.share(a, on=False),
        ]
        for attempt in tries:
            with pytest.raises(Problem, match=r"of your own|the role analyst"):
                attempt()
    assert [line.owner for line in of(place, VERA).runs()] == ["ada"]
    assert of(place, ROOT).share(a, on=False) == "" and of(place, ROOT).shared() == set()
    assert not of(place, VERA).runs()
    assert [r.what for r in records(place.with_name("runs.audit.jsonl")) if "shared" in r.what] == ["run shared", "run no longer shared"]


def test_a_shared_run_can_be_deleted(place: Path, two: tuple[str, str]) -> None:
    a, _ = two
    of(place, ADA).share(a)
    assert of(place, ROOT).delete(a) == ""
    assert of(place, ROOT).shared() == set()
