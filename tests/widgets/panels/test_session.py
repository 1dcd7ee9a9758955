"""What a window knows: all of the store's records of its target and data, and nothing of others."""

from pathlib import Path

import numpy as np
import pytest
from tests.tiny import Share, tiny_data, tiny_target
from tests.widgets.panels.waiting import until

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target
from tiltyard_widgets.panels.session import Session

DATA = tiny_data()
TARGET = tiny_target(DATA)


def other() -> Target:
    return FunctionTarget(lambda x: np.zeros(len(np.asarray(x)), np.float32), DATA.schema.classes, DATA.schema, "never")


def measured(store: Store, seed: int = 0, target: Target = TARGET, data: Dataset = DATA) -> None:
    Runner(store).start([Share(seed=seed)], target, data).wait(60)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite")


def test_what_the_store_has_of_target_and_data_is_known_at_once(store: Store) -> None:
    measured(store)
    measured(store, target=other())
    session = Session(TARGET, DATA, store)
    assert session.standing.asked == 1
    assert session.latest["evasion.share"].target.name == "threshold"


def test_what_others_write_is_heard(store: Store) -> None:
    session, two = (Session(TARGET, DATA, store) for _ in range(2))
    measured(store, seed=1)
    assert session.standing.asked == 0
    session.look()
    until(lambda: session.standing.asked == 1)
    version = session.version
    session.look()
    measured(store, target=other())
    session.look()
    two.look()
    until(lambda: two.standing.asked == 1)
    assert session.version == version
    assert two.standing == session.standing


def test_a_deleted_run_is_forgotten(store: Store) -> None:
    measured(store)
    session = Session(TARGET, DATA, store)
    store.delete(store.runs()[0].id)
    session.look()
    until(lambda: session.standing.asked == 0)


def test_another_target_leaves_nothing_of_the_former(store: Store) -> None:
    measured(store)
    session = Session(TARGET, DATA, store)
    session.adopt(other(), DATA)
    assert (session.records, session.latest, session.standing.asked) == ([], {}, 0)
    session.adopt(TARGET, DATA)
    assert session.standing.asked == 1


def test_without_a_store_the_window_remembers() -> None:
    session = Session(TARGET, DATA)
    session.start([Share()], lambda _: None, lambda _: None, lambda: None)
    until(lambda: session.standing.asked == 1)
    until(lambda: not session.busy)
    session.adopt(other(), DATA)
    assert session.standing.asked == 0
    session.adopt(TARGET, DATA)
    assert session.standing.asked == 1


def test_going_on_with_a_defended_model_is_undone(store: Store) -> None:
    measured(store)
    session = Session(TARGET, DATA, store)
    record = session.records[0]
    with pytest.raises(Problem, match="a defended model"):
        session.go_on(record)
    session.made[record.id] = other()
    session.go_on(record)
    assert (session.target is not TARGET, session.standing.asked) == (True, 0)
    assert [former.defense for former in session.former] == [record.title]
    session.undo()
    assert (session.target, session.standing.asked, session.former) == (TARGET, 1, [])
    session.undo()
    assert session.target is TARGET


def test_a_loaded_target_cannot_be_undone(store: Store) -> None:
    measured(store)
    session = Session(TARGET, DATA, store)
    session.made[session.records[0].id] = other()
    session.go_on(session.records[0])
    session.adopt(TARGET, DATA)
    assert session.former == []


def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    place = tmp_path / "runs.sqlite"
    place.write_bytes(b"no database" * 100)
    session = Session(TARGET, DATA, Store(place))
    assert session.warning.startswith("What was measured before is not shown:")
    assert session.standing.asked == 0
