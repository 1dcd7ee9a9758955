import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltyard.check import Check, Estimate, Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defended, Defense, Outcome
from tiltyard.errors import Problem
from tiltyard.execution.executors import Local
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Record, Status
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

Checks = Callable[..., Check]


class Never(Defense):
    """Makes a target that never says yes."""

    id = "evasion.never"
    title = "Never"
    question = "Say no"

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = FunctionTarget(lambda x: 0.0 * x[:, 0], target.classes, target.schema, "never")
        return Defended(made, CheckResult(status=Status.PASSED, summary="Made."))


def test_a_failing_step_does_not_stop_the_others(store: Store, share: Checks, broken: Checks, target: Target, data: Dataset) -> None:
    steps = [broken(), broken(how="exit"), broken(how="problem"), share()]
    job = Runner(store).start(steps, target, data, name="mixed")
    records = job.wait(300)
    assert [r.result.status for r in records] == [Status.FAILED] * 3 + [Status.FINDING]
    assert "ZeroDivisionError" in records[0].error
    assert records[2].result.summary == "Expected two rows; found one. Give two."
    assert job.run is not None
    kept = store.run(job.run.id)
    assert (kept.state, kept.counts) == ("finished", {"failed": 3, "finding": 1})
    assert store.records(kept.id) == records


def test_it_returns_at_once_and_cancels_within_a_step(store: Store, slow: Check, share: Checks, target: Target, data: Dataset) -> None:
    told: list[Report] = []
    job = Runner(store).start([slow, share()], target, data, on_progress=told.append)
    assert not job.done
    while job.progress.message != "Slow · waiting":
        time.sleep(0.01)
    job.cancel()
    before = len(told)
    records = job.wait(300)
    assert job.done
    assert len(told) <= before + 2
    assert [r.result.status for r in records] == [Status.CANCELLED]
    assert job.run is not None
    assert store.run(job.run.id).counts == {"cancelled": 1}


def test_a_cancel_before_the_first_step_began_is_a_record_too(
    store: Store, slow: Check, share: Checks, target: Target, data: Dataset
) -> None:
    class Hesitant(type(slow)):  # type: ignore[misc]
        id = "evasion.hesitant"

        def estimate(self, target: Target, data: Dataset) -> Estimate:
            asked.wait(60)
            return Estimate(1, 1.0)

    asked = threading.Event()
    shown: list[Record] = []
    job = Runner(store).start([Hesitant(), share()], target, data, on_record=lambda record, made: shown.append(record))
    job.cancel()
    asked.set()
    records = job.wait(300)
    assert [r.result.status for r in records] == [Status.CANCELLED]
    assert shown == records


def test_callbacks_tell_progress_records_and_the_end(share: Checks, target: Target, data: Dataset) -> None:
    told: list[float] = []
    found: list[Record] = []
    ended = threading.Event()

    def on_progress(report: Report) -> None:
        told.append(report.done)

    job = Runner().start(
        [share(seed=i) for i in range(4)],
        target,
        data,
        on_progress=on_progress,
        on_record=lambda record, made: found.append(record),
        on_done=lambda job: ended.set(),
    )
    job.wait(300)
    assert ended.wait(300)
    assert found == job.records
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert job.run is None


def test_a_listener_that_breaks_loses_nothing(share: Checks, target: Target, data: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("the window is gone")

    job = Runner().start([share()], target, data, on_progress=breaks, on_record=breaks, on_done=breaks)
    assert len(job.wait(300)) == 1
    assert job.error is None
    assert "the window is gone" in caplog.text


def test_a_defense_gives_its_target(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    runner = Runner(store)
    job = runner.start([share(), Never()], target, data)
    job.wait(300)
    made = job.targets[1]
    assert made.parent is target
    assert job.run is not None
    after = runner.start([share()], made, data, name="after").wait(300)
    assert after[0].result.metric("share").value == 0
    assert [line.kind for line in store.steps(job.run.id)] == ["check", "defense"]


def test_a_session_adds_to_an_open_run(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    runner = Runner(store)
    run = store.begin("session", target.identity, data.identity)
    for seed in range(2):
        runner.start([share(seed=seed)], target, data, run=run).wait(300)
        assert store.run(run.id).state == "open"
    assert store.run(run.id).total == 2
    store.end(run.id)
    assert store.run(run.id).state == "finished"


def test_a_verdict_is_kept(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    job = Runner(store).start([share()], target, data, verdict=lambda records: "fail" if records else "pass")
    job.wait(300)
    assert store.runs()[0].verdict == "fail"


def test_a_store_that_breaks_in_mid_run_loses_no_record(place: Path, share: Checks, slow: Check, target: Target, data: Dataset) -> None:
    import sqlite3

    store = Store(place, wait=50)
    lock = sqlite3.connect(place, isolation_level=None, check_same_thread=False)

    def on_record(record: Record, made: Target | None) -> None:
        if record.seed == 0:
            lock.execute("BEGIN IMMEDIATE")
        if record.seed == 2:
            lock.rollback()

    job = Runner(store).start([share(seed=i) for i in range(4)], target, data, on_record=on_record)
    job.wait(300)
    lock.close()
    assert job.run is not None
    assert store.records(job.run.id) == job.records
    assert len(job.records) == 4
    assert job.problem is None
    assert store.run(job.run.id).state == "finished"


def test_a_store_gone_for_good_is_told_and_the_records_are_there(place: Path, share: Checks, target: Target, data: Dataset) -> None:
    import sqlite3

    store = Store(place, wait=20)
    lock = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
    begin = lambda record, made: lock.in_transaction or lock.execute("BEGIN IMMEDIATE")  # noqa: E731
    job = Runner(store).start([share(seed=i) for i in range(2)], target, data, on_record=begin)
    records = job.wait(300)
    assert isinstance(job.problem, Problem)
    assert len(records) == 2
    lock.close()


def test_nothing_starts_where_the_run_cannot_be_kept(tmp_path: Path, share: Checks, target: Target, data: Dataset) -> None:
    with pytest.raises(Problem, match="the store"):
        Runner(Store(tmp_path / "no" / "folder.sqlite")).start([share()], target, data)


def test_equal_seeds_give_equal_results(share: Checks, target: Target, data: Dataset) -> None:
    steps = [share(seed=i) for i in range(3)]
    first = [r.result for r in Runner().start(steps, target, data).wait(300)]
    assert first == [r.result for r in Runner().start(steps, target, data).wait(300)]
    assert first == [step(target, data).result for step in steps]


class Many:
    """Runs three steps at once; one whose seed is 0 waits for ``others``, which the test sets when the others are kept."""

    at_once = 3

    def __init__(self, breaks: bool = False) -> None:
        self.breaks, self.others = breaks, threading.Event()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        if self.breaks:
            raise RuntimeError("an executor that raises")
        if step.seed == 0:
            assert self.others.wait(60)
        return Local().call(step, target, data, progress)


def test_several_at_once_are_kept_in_their_order(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    """The first ends last, and is first all the same, here and in the store; each begins in its turn."""
    seen: list[int] = []
    done: list[float] = []
    many = Many()

    def kept(record: Record, _: Target | None) -> None:
        seen.append(record.seed)
        if len(seen) == 2:
            many.others.set()

    job = Runner(store, many).start(
        [share(seed=seed) for seed in range(3)],
        target,
        data,
        on_record=kept,
        on_progress=lambda report: done.append(report.done),
    )
    assert [r.seed for r in job.wait(300)] == [0, 1, 2] and job.run is not None
    assert seen[-1] == 0
    assert [r.seed for r in store.records(job.run.id)] == [0, 1, 2]
    assert done == sorted(done) and done[-1] == 1.0


def test_an_executor_that_raises_ends_the_job_and_is_told(store: Store, share: Checks, target: Target, data: Dataset) -> None:
    job = Runner(store, Many(breaks=True)).start([share(seed=seed) for seed in range(3)], target, data)
    job.wait(300)
    assert job.done and isinstance(job.error, RuntimeError) and job.run is not None
    assert store.run(job.run.id).ended is not None
