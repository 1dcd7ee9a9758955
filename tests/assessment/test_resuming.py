"""An assessment that was cut off goes on with what it lacks, and ends with what one that was not would have found."""

from collections.abc import Callable

import numpy as np
import pytest

from tiltyard.assessment.assessment import assess, ordered, remaining
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.result import Record, Status
from tiltyard.store.store import Store
from tiltyard.targets.target import Target


def told(records: tuple[Record, ...]) -> list[tuple[str, dict[str, object], object]]:
    return [(r.check, r.effective, r.result) for r in records]


def test_a_run_that_was_cut_off_is_gone_on_with(target: Target, data: Dataset, store: Store, share: Callable[..., Check]) -> None:
    steps = [share(rows=n, seed=n) for n in (5, 10, 15)]
    run = store.begin("cut", target.identity, data.identity)
    store.finish(store.start(run.id, steps[1]), steps[1](target, data))
    store.start(run.id, steps[0])  # killed while this ran: a start without an end
    asked = target.queries
    found = assess(target, data, steps, Runner(store), run=run)
    whole = assess(target, data, steps, Runner())
    assert told(found.records) == told(whole.records)
    assert target.queries - asked == 5 + 15 + whole.records[0].queries + whole.records[1].queries + whole.records[2].queries
    assert found.run is not None
    assert found.run.id == run.id
    assert store.run(run.id).ended is not None


def test_a_step_that_was_cancelled_is_run_again_and_one_with_other_parameters_too(
    target: Target, data: Dataset, store: Store, share: Callable[..., Check], slow: Check
) -> None:
    run = store.begin("cut", target.identity, data.identity)
    cancelled = share(rows=5)(target, data).model_copy(
        update={"result": share(rows=5)(target, data).result.model_copy(update={"status": Status.CANCELLED})}
    )
    store.finish(store.start(run.id, share(rows=5)), cancelled)
    store.finish(store.start(run.id, share(rows=7)), share(rows=7)(target, data))
    found = assess(target, data, [share(rows=5), share(rows=6)], Runner(store), run=run)
    assert [(r.effective["rows"], r.result.status) for r in found.records] == [(5, Status.FINDING), (6, Status.FINDING)]


def test_where_nothing_is_left_nothing_is_run(target: Target, data: Dataset, store: Store, share: Callable[..., Check]) -> None:
    first = assess(target, data, [share(rows=5)], Runner(store))
    assert first.run is not None
    asked = target.queries
    again = assess(target, data, [share(rows=5)], Runner(store), run=first.run)
    assert told(again.records) == told(first.records)
    assert target.queries == asked


def test_a_step_that_stands_twice_needs_two_records(target: Target, data: Dataset, store: Store, share: Callable[..., Check]) -> None:
    twice = [share(rows=5), share(rows=6), share(rows=5)]
    run = store.begin("cut", target.identity, data.identity)
    store.finish(store.start(run.id, twice[0]), twice[0](target, data))
    asked = target.queries
    found = assess(target, data, twice, Runner(store), run=run)
    assert target.queries - asked == 5 + 6
    assert [r.effective["rows"] for r in found.records] == [5, 6, 5]
    assert len({r.id for r in found.records}) == 3
    assert told(found.records) == told(assess(target, data, twice, Runner()).records)


def test_of_more_records_than_steps_the_last_counts(target: Target, data: Dataset, share: Callable[..., Check]) -> None:
    old, new, other = share(rows=5)(target, data), share(rows=5)(target, data), share(rows=6)(target, data)
    assert [r.id for r in ordered([share(rows=6), share(rows=5)], [old, new, other])] == [other.id, new.id]
    assert remaining([share(rows=5), share(rows=5), share(rows=7)], [old, new]) == [share(rows=7)]


def test_a_run_of_other_data_is_refused_in_one_line(target: Target, data: Dataset, store: Store, share: Callable[..., Check]) -> None:
    run = store.begin("other", target.identity, data.identity)
    with pytest.raises(Problem, match="to go on with") as caught:
        assess(target, data.take(np.arange(10)), [share()], Runner(store), run=run)
    assert "\n" not in str(caught.value)
