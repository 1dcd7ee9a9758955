"""Work spread over processes: the same as one by one, whatever the processes do; started only where they are worth it; ended with the work."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import psutil
import pytest
from tests.lazily import Lazily

from tiltyard.child_processes import spread as module
from tiltyard.child_processes.companion import companion
from tiltyard.child_processes.spread import MOST, Taken, spread, worthwhile
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled, Problem
from tiltyard.privacy.shadow_attack import Shadows, halving
from tiltyard.progress import Progress

ensemble = Lazily("sklearn.ensemble")
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a process cannot import a test
LONG = 120.0


@dataclass(frozen=True)
class Shared:
    """``work`` of items, of which the parent does the first and then waits until a process has done one."""

    work: Callable[[int], Any]
    parent: int
    mark: Path

    def __call__(self, item: int) -> Any:
        if os.getpid() != self.parent:
            with self.mark.open("a") as stream:
                stream.write(f"{os.getpid()} ")
            return self.work(item)
        until = time.monotonic() + LONG
        while item and not self.mark.exists() and time.monotonic() < until:
            time.sleep(0.01)
        return self.work(item)

    def others(self) -> set[int]:
        return {int(pid) for pid in self.mark.read_text().split()}


def shared(work: Callable[[int], Any], folder: Path) -> Shared:
    return Shared(work, os.getpid(), folder / "mark")


def gone(pids: set[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def squared(item: int) -> int:
    return item * item


@dataclass(frozen=True)
class Ending:
    """Ends any process but the parent."""

    parent: int

    def __call__(self, item: int) -> int:
        if os.getpid() != self.parent:
            os._exit(3)
        return item * item


@dataclass(frozen=True)
class Endless:
    """Ends in the parent alone."""

    parent: int

    def __call__(self, item: int) -> int:
        while os.getpid() != self.parent:
            time.sleep(0.01)
        return item


def refusing(item: int) -> int:
    if item > 1:
        raise Problem("an even number", f"{item}", "Give another")
    return item


@pytest.mark.parametrize("work", [squared, Ending(os.getpid())])
def test_all_is_worked_out_in_order_though_processes_die(work: Callable[[int], int], tmp_path: Path) -> None:
    function = shared(work, tmp_path)
    assert spread(function, range(9), Progress(), beside=1) == [i * i for i in range(9)]
    assert len(function.others()) == 1
    assert gone(function.others())


def test_what_an_item_raises_is_raised_here(tmp_path: Path) -> None:
    function = shared(refusing, tmp_path)
    with pytest.raises(Problem, match="an even number"):
        spread(function, range(6), Progress(), beside=1)
    assert gone(function.others())


def test_a_cancel_ends_the_processes(tmp_path: Path) -> None:
    progress, function = Progress(), shared(Endless(os.getpid()), tmp_path)

    def canceled_soon() -> None:
        while not function.mark.exists():
            time.sleep(0.01)
        progress.cancel()

    threading.Thread(target=canceled_soon, daemon=True).start()
    with pytest.raises(Cancelled):
        spread(function, range(4), progress, beside=1)
    assert gone(function.others())


def test_what_cannot_be_pickled_is_worked_out_here() -> None:
    lock = threading.Lock()

    def locked(item: int) -> int:
        with lock:
            return item + 1

    assert spread(locked, range(4), Progress(), beside=2) == [1, 2, 3, 4]
    assert spread(squared, [], Progress()) == []
    assert spread(squared, [3], Progress(), beside=2) == [9]


def test_processes_are_started_where_they_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_room", lambda: 100)
    monkeypatch.setattr(module, "cores", lambda: 4)
    assert worthwhile(Taken(1.0, 1.0), 15) == 3
    assert worthwhile(Taken(1.0, 0.5), 3) == 0  # three seconds are no longer than a start
    assert worthwhile(Taken(10.0, 1.0), 1) == 0  # nothing to be shared
    assert worthwhile(Taken(10.0, 1.0), 3) == 2
    assert worthwhile(Taken(1.0, 3.8), 15) == 0  # one alone keeps the machine busy
    assert worthwhile(Taken(1.0, 2.1), 15) == 1
    monkeypatch.setattr(module, "cores", lambda: 64)
    assert worthwhile(Taken(1.0, 1.0), 100) == MOST
    monkeypatch.setattr(module, "_room", lambda: 1)
    assert worthwhile(Taken(1.0, 1.0), 100) == 1
    monkeypatch.setattr(module, "cores", lambda: 1)
    assert worthwhile(Taken(9.0, 1.0), 100) == 0


def test_an_item_is_timed_by_the_processors_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine does; who waits for threads of its own is taken to fill it."""
    monkeypatch.setattr(module, "cores", lambda: 4)
    clock = {"own": 0.0, "all": 0.0, "wall": 0.0}
    monkeypatch.setattr(time, "thread_time", lambda: clock["own"])
    monkeypatch.setattr(time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(module, "_spent", lambda: clock["all"])
    for own, total, wall, expected in (
        (1.0, 1.0, 5.0, Taken(1.0, 1.0)),
        (1.0, 2.0, 1.1, Taken(1.0, 2.0)),
        (0.001, 8.0, 2.0, Taken(2.0, 4.0)),
        (0.1, 0.1, 3.0, Taken(0.1, 1.0)),
    ):
        with module.timed() as found:
            for name, more in (("own", own), ("all", total), ("wall", wall)):
                clock[name] += more
        assert (found[0].seconds, found[0].cores) == pytest.approx((expected.seconds, expected.cores))


def test_a_process_ends_when_nobody_writes_to_it_any_more() -> None:
    process = companion("tiltyard.child_processes.spread", stdout=subprocess.PIPE)
    process.communicate(timeout=LONG)
    assert process.returncode == 0


def test_shadow_models_of_an_estimator_are_the_same_wherever_they_are_fitted(tmp_path: Path) -> None:
    from tiltyard.targets.estimators import SklearnTarget

    rng = np.random.default_rng(0)
    schema = Schema(
        features=tuple(Feature(name=name, kind="continuous", low=-9, high=9) for name in "abc"), label="y", classes=("no", "yes")
    )
    data = Dataset(rng.normal(size=(60, 3)), rng.integers(0, 2, 60), schema, member=np.arange(60) < 30)
    target = SklearnTarget(ensemble.RandomForestClassifier(5, random_state=0).fit(data.x, data.y.astype(str)), schema, order=(0, 1))
    tasks = Shadows(target, data, np.arange(60), halving(5, 60, rng), tuple(range(5)), None, "", None)
    function = shared(tasks, tmp_path)
    found = spread(function, range(5), Progress(), beside=1)
    assert function.others()
    np.testing.assert_array_equal(found, [tasks(i) for i in range(5)])
