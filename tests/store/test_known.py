"""One question for all that a store has of a model and its data, and a run that holds its own alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.store.tampering import attacker

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.store.known import Known
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.targets.target import Target

Checks = Callable[..., Check]


@pytest.fixture
def other(data: Dataset) -> Target:
    """A model that always says no."""
    return FunctionTarget(lambda x: np.zeros(len(np.asarray(x)), np.float32), data.schema.classes, data.schema, "never")


def kept(store: Store, check: Check, target: Target, data: Dataset) -> str:
    """A run with one record."""
    run = store.begin("a run", target.identity, data.identity)
    store.finish(store.start(run.id, check), check(target, data))
    return run.id


def of(store: Store, target: Target, data: Dataset, have: tuple[str, ...] = ()) -> Known:
    return store.known(target.fingerprint, data.fingerprint, have)


def test_the_records_of_all_runs_come_with_their_run(store: Store, share: Checks, target: Target, other: Target, data: Dataset) -> None:
    runs = [kept(store, share(seed=seed), target, data) for seed in range(3)]
    kept(store, share(), other, data)
    found = of(store, target, data)
    assert [one.run for one in found.kept] == runs
    assert {record.seed for record in found.records.values()} == {0, 1, 2}
    assert found.broken == ()


def test_what_one_has_is_not_given_again(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    kept(store, share(seed=0), target, data)
    have = tuple(of(store, target, data).records)
    kept(store, share(seed=1), target, data)
    found = of(store, target, data, have)
    assert len(found.kept) == 2
    assert [record.seed for record in found.records.values()] == [1]


def test_a_run_that_is_not_as_it_was_written_is_left_out_and_named(
    store: Store, place: Path, share: Checks, target: Target, data: Dataset
) -> None:
    bad, good = (kept(store, share(seed=seed), target, data) for seed in range(2))
    with attacker(place) as raw:
        raw.execute("UPDATE records SET record = replace(record, '\"finding\"', '\"passed\"') WHERE run_id = ?", (bad,))
    found = of(store, target, data)
    assert [one.run for one in found.kept] == [good]
    assert len(found.broken) == 1
    assert bad[:8] in found.broken[0]


def test_each_person_has_their_own(place: Path, share: Checks, target: Target, data: Dataset) -> None:
    ada, bob = (Store(place, person=Person(name, Role.ANALYST, shared=True)) for name in ("ada", "bob"))
    run = kept(ada, share(), target, data)
    assert of(bob, target, data).kept == ()
    ada.share(run)
    assert [one.run for one in of(bob, target, data).kept] == [run]


def test_what_a_threat_model_shows_is_of_the_whole(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    run = store.begin("a campaign", target.identity, data.identity)
    record = share()(RestrictedTarget(target, frozenset({"labels"})), data)
    store.finish(store.start(run.id, share()), record)
    assert list(of(store, target, data).records.values()) == [record]


def test_a_run_takes_no_record_of_another_model_or_data(store: Store, share: Checks, target: Target, other: Target, data: Dataset) -> None:
    run = store.begin("a run", target.identity, data.identity)
    few = data.sample(20, np.random.default_rng(0))
    for record in (share()(other, data), share()(target, few), share()(RestrictedTarget(other, frozenset({"labels"})), data)):
        token = store.start(run.id, share())
        with pytest.raises(Problem, match="a record of threshold's own model and data"):
            store.finish(token, record)
        with pytest.raises(Problem, match="Begin a run of these"):
            store.add(run.id, record)
    assert store.records(run.id) == []


def test_a_job_on_another_model_in_a_run_ends_with_why(store: Store, share: Checks, target: Target, other: Target, data: Dataset) -> None:
    run = store.begin("a run", target.identity, data.identity)
    job = Runner(store).start([share()], other, data, run=run)
    job.wait(60)
    assert "own model and data" in str(job.problem)


def test_the_mark_changes_with_records_of_this_model_alone(
    store: Store, share: Checks, target: Target, other: Target, data: Dataset
) -> None:
    def mark() -> str:
        return store.mark_of(target.fingerprint, data.fingerprint)

    assert mark() == ""
    run = kept(store, share(), target, data)
    first = mark()
    kept(store, share(), other, data)
    store.jobs.open(run)
    store.start(run, share())
    assert mark() == first
    kept(store, share(), target, data)
    second = mark()
    store.delete(run)
    assert len({first, second, mark()}) == 3


def test_looking_makes_no_store(store: Store, place: Path, target: Target, data: Dataset) -> None:
    assert of(store, target, data) == Known()
    assert not place.exists()
