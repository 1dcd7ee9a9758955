"""What a run's state says: a run is a session's record, and running only while a step is."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.execution.runner import Runner
from tiltyard.store.store import Store
from tiltyard.store.writers import mine
from tiltyard.targets.target import Target

Checks = Callable[..., Check]


def soon(done: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def begun(store: Store, target: Target, data: Dataset) -> str:
    return store.begin("window", target.identity, data.identity).id


def states(store: Store, id: str) -> set[str]:
    """As a list and as the run itself tell it."""
    return {store.run(id).state, *(line.state for line in store.runs() if line.id == id)}


def test_a_window_in_which_nothing_goes_on_is_open(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    id = begun(store, target, data)
    assert states(store, id) == {"open"}
    token = store.start(id, share())
    assert states(store, id) == {"running"} and store.run(id).counts == {"running": 1}
    store.finish(token, share()(target, data))
    assert states(store, id) == {"open"}
    store.end(id)
    assert states(store, id) == {"finished"}


def test_a_job_between_two_steps_is_running(store: Store, target: Target, data: Dataset) -> None:
    id = begun(store, target, data)
    job = store.jobs.open(id)
    assert states(store, id) == {"running"} and store.run(id).counts == {}
    store.jobs.close(job)
    assert states(store, id) == {"open"}


def test_a_job_of_a_window_runs_and_leaves_it_open(place: Path, slow: Check, target: Target, data: Dataset) -> None:
    store = Store(place)
    run = store.begin("window", target.identity, data.identity)
    job = Runner(store).start([slow], target, data, run=run)
    try:
        soon(lambda: store.run(run.id).counts)
        assert states(store, run.id) == {"running"}
    finally:
        job.cancel()
        job.wait(120)
    soon(lambda: states(store, run.id) == {"open"})
    assert store.run(run.id).counts == {"cancelled": 1}


@pytest.mark.parametrize("ended", [False, True])
def test_a_stored_run_that_a_new_window_goes_on_with(
    store: Store, share: Checks, target: Target, data: Dataset, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first window is gone or was closed; what runs in it now runs all the same."""
    with monkeypatch.context() as patched:
        patched.setattr("tiltyard.store.store.mine", lambda: mine() | {"pid": 4194303, "process_started": "never"})
        id = begun(store, target, data)
        store.start(id, share())
    if ended:
        store.end(id)
    before = "finished" if ended else "cut off"
    assert states(store, id) == {before} and store.run(id).counts == {"cut off": 1}
    job, token = store.jobs.open(id), store.start(id, share(rows=5))
    assert states(store, id) == {"running"} and store.run(id).counts == {"running": 1, "cut off": 1}
    store.finish(token, share(rows=5)(target, data))
    store.jobs.close(job)
    assert states(store, id) == {before} and store.run(id).counts == {"finding": 1, "cut off": 1}


def test_a_step_that_a_run_which_ended_never_wrote_does_not_run(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    id = begun(store, target, data)
    store.start(id, share())
    store.end(id)
    assert states(store, id) == {"finished"} and store.run(id).counts == {"cut off": 1}
