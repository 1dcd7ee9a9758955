"""A step in a process of its own: the same result as in a thread, its progress relayed, and its end within a second of a cancel."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import cloudpickle
import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.check import Check, Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.defense import Outcome
from tiltyard.evasion.pgd import PGD
from tiltyard.execution.executors import Local
from tiltyard.execution.interruptible import MANY, Interruptible, Processes, blocks
from tiltyard.execution.runner import Runner
from tiltyard.fairness.exponentiated_gradient import ExponentiatedGradient
from tiltyard.fairness.threshold_optimizer import ThresholdOptimizer
from tiltyard.privacy.membership_gap import MembershipGap
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Metric, Status
from tiltyard.samples.catalog import load
from tiltyard.targets.estimators import FunctionTarget, SklearnTarget
from tiltyard.targets.target import Target

LONG = 300.0
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # a worker cannot import a test
SCHEMA = Schema(features=(Feature(name="a", kind="continuous"),), label="y", classes=("no", "yes"))


class Stubborn(Check):
    """Never looks at its progress again, as a library fit does."""

    id: ClassVar[str] = "evasion.stubborn"
    title: ClassVar[str] = "Stubborn"
    question: ClassVar[str] = "Does it ever end?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        progress.step(0.5, f"process {os.getpid()}")
        while True:
            time.sleep(0.01)


class Who(Check):
    """Tells its process, after it has asked for three rows."""

    id: ClassVar[str] = "evasion.who"
    title: ClassVar[str] = "Who"
    question: ClassVar[str] = "Where does it run?"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        target.labels(data.x[:3])
        print("a library that prints")  # noqa: T201
        return CheckResult(status=Status.PASSED, summary="ran", metrics=(Metric(name="pid", label="pid", value=float(os.getpid())),))


class Dies(Who):
    """Its process is killed, as by a lack of memory."""

    id: ClassVar[str] = "evasion.dies"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Crashes(Who):
    """Its process ends by itself, but not for memory."""

    id: ClassVar[str] = "evasion.crashes"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        os._exit(3)


class Spawns(Who):
    """Starts a process of its own, tells both, and never looks at its progress again."""

    id: ClassVar[str] = "evasion.spawns"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        child = subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(1)"], stdout=subprocess.DEVNULL)
        progress.step(0.5, f"process {os.getpid()} {child.pid}")
        while True:
            time.sleep(0.01)


class Raises(Who):
    id: ClassVar[str] = "evasion.raises"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        raise RuntimeError("of its own")


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.close()


@pytest.fixture
def ground() -> tuple[Target, Dataset]:
    data = Dataset(np.linspace(0, 1, 20, dtype=np.float32)[:, None], np.arange(20) % 2, SCHEMA)
    return FunctionTarget(half, ("no", "yes"), SCHEMA, "half"), data


def half(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([1 - x, x], 1)


STEPS: list[Callable[[], Step]] = [
    lambda: PGD(rows=30, steps=3, seed=4),
    lambda: MembershipGap(rows=300, seed=2),
    lambda: ThresholdOptimizer(seed=1, rows=500),
]


@pytest.mark.slow
@pytest.mark.parametrize("made", STEPS, ids=["attack", "inference", "defense"])
def test_equal_seeds_give_equal_results_in_thread_and_in_process(processes: Processes, made: Callable[[], Step]) -> None:
    census = load("census")
    outcomes: list[Outcome] = []
    asked = []
    for executor in (Local(), processes):
        before = census.target.queries
        outcomes.append(executor.call(made(), census.target, census.data, Progress()))
        asked.append(census.target.queries - before)
    here, there = outcomes
    assert there.record.result == here.record.result
    assert here.record.result.status in (Status.PASSED, Status.FINDING, Status.INCOMPLETE)
    assert there.record.queries == here.record.queries == asked[1]
    assert asked[0] == asked[1]
    assert (there.target and there.target.fingerprint) == (here.target and here.target.fingerprint)
    if there.target is not None and here.target is not None:
        assert there.target.parent is census.target
        np.testing.assert_array_equal(there.target.scores(census.data.x[:50]), here.target.scores(census.data.x[:50]))


def test_it_runs_elsewhere_again_in_the_same_process_and_counts_queries_here(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    target, data = ground
    one, two = (processes.call(Who(), target, data, Progress()).record for _ in range(2))
    assert one.result.status is Status.PASSED, one.error
    assert one.result.metric("pid").value != os.getpid()
    assert one.result.metric("pid").value == two.result.metric("pid").value
    assert (target.queries, one.queries) == (6, 3)


class Begun:
    """A step that never ends, begun in a process, and the numbers it told."""

    def __init__(self, processes: Processes, step: Step, ground: tuple[Target, Dataset]) -> None:
        self.found: list[Outcome] = []
        self.told: list[int] = []
        self._begun = threading.Event()
        self._progress = Progress(listener=self._listen)
        self._thread = threading.Thread(target=lambda: self.found.append(processes.call(step, *ground, self._progress)), daemon=True)
        self._thread.start()
        assert self._begun.wait(LONG)

    def _listen(self, report: Report) -> None:
        if report.message.startswith("process"):
            self.told = [int(pid) for pid in report.message.split()[1:]]
            self._begun.set()

    def cancelled(self) -> Status:
        self._progress.cancel()
        self._thread.join(LONG)
        return self.found[0].record.result.status


def gone(pid: int) -> bool:
    """Did it end? One that nobody waited for yet did too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def test_a_step_that_does_not_listen_is_ended_and_the_next_one_runs(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    begun = Begun(processes, Stubborn(), ground)
    assert begun.cancelled() is Status.CANCELLED
    with pytest.raises(ProcessLookupError):
        os.kill(begun.told[0], 0)
    assert processes.call(Who(), *ground, Progress()).record.result.status is Status.PASSED


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_what_a_step_started_ends_with_it(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    begun = Begun(processes, Spawns(), ground)
    assert begun.cancelled() is Status.CANCELLED
    until(lambda: all(map(gone, begun.told)))


def test_an_interrupt_is_not_for_the_process_of_a_step(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    begun = Begun(processes, Stubborn(), ground)
    (pid,) = begun.told
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    assert begun.cancelled() is Status.CANCELLED
    idle = int(processes.call(Who(), *ground, Progress()).record.result.metric("pid").value or 0)
    os.kill(idle, signal.SIGINT)
    assert processes.call(Who(), *ground, Progress()).record.result.metric("pid").value == idle


def test_a_process_that_ended_while_it_waited_is_not_used_again(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    idle = int(processes.call(Who(), *ground, Progress()).record.result.metric("pid").value or 0)
    waiting = processes._idle[-1].process
    assert waiting.pid == idle
    os.kill(idle, signal.SIGKILL)
    until(lambda: waiting.poll() is not None)
    record = processes.call(Who(), *ground, Progress()).record
    assert record.result.status is Status.PASSED, record.error


def test_a_file_in_the_folder_one_works_in_shadows_no_library(
    ground: tuple[Target, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pydantic.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    fresh = Processes()
    record = fresh.call(Who(), *ground, Progress()).record
    fresh.close()
    assert record.result.status is Status.PASSED, record.error


def test_a_process_that_dies_is_told_in_one_line(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    record = processes.call(Dies(), *ground, Progress()).record
    assert record.result.status is Status.FAILED
    assert "killed by signal 9" in record.result.summary and "memory" in record.result.summary
    assert "Traceback" not in record.error
    assert processes.call(Who(), *ground, Progress()).record.result.status is Status.PASSED


def test_memory_is_blamed_only_for_a_process_that_was_killed(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    record = processes.call(Crashes(), *ground, Progress()).record
    assert record.result.status is Status.FAILED
    assert "exit 3" in record.result.summary and "memory" not in record.result.summary


def test_what_a_step_raises_there_is_recorded_as_here(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    there = processes.call(Raises(), *ground, Progress()).record
    assert there.result == Local().call(Raises(), *ground, Progress()).record.result
    assert "RuntimeError: of its own" in there.error


def test_a_cancel_before_it_begins_starts_no_process(ground: tuple[Target, Dataset]) -> None:
    progress = Progress()
    progress.cancel()
    none = Processes()
    assert none.call(Who(), *ground, progress).record.result.status is Status.CANCELLED
    assert none._idle == []


def test_a_function_typed_in_a_notebook_is_sent_and_what_cannot_be_runs_here(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    _, data = ground
    shift = np.float32(0)
    typed = FunctionTarget(lambda x: half(x + shift), ("no", "yes"), SCHEMA, "typed")
    sent = processes.call(Who(), typed, data, Progress()).record
    assert sent.result.metric("pid").value != os.getpid()
    lock = threading.Lock()

    def guarded(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with lock:
            return half(x)

    kept = processes.call(Who(), FunctionTarget(guarded, ("no", "yes"), SCHEMA, "guarded"), data, Progress()).record
    assert kept.result.metric("pid").value == os.getpid()


def test_the_fit_of_a_library_is_cancelled_though_it_cannot_be_interrupted(tmp_path: Path) -> None:
    from .endless import Endless

    n = MANY + 2
    x = np.linspace(0, 1, n, dtype=np.float32)[:, None]
    data = Dataset(
        x, np.arange(n) // 2 % 2, SCHEMA, sensitive={"side": np.where(np.arange(n) % 3 == 0, "a", "b")}, member=np.arange(n) % 2 == 0
    )
    runner, begun = Runner(), tmp_path / "begun"
    job = runner.start([ExponentiatedGradient()], SklearnTarget(Endless(str(begun)), SCHEMA), data)
    ends = time.monotonic() + LONG
    while not begun.exists() and not job.done and time.monotonic() < ends:
        time.sleep(0.02)
    assert begun.exists(), job.wait(0)
    job.cancel()
    (record,) = job.wait(LONG)
    assert record.result.status is Status.CANCELLED
    assert isinstance(runner.executor, Interruptible)
    runner.executor.elsewhere.close()


def test_only_long_fits_of_a_library_leave_the_thread(ground: tuple[Target, Dataset]) -> None:
    from .endless import Endless

    census = load("census")
    estimator = SklearnTarget(Endless(), SCHEMA)
    assert not blocks(ExponentiatedGradient(), census.target, census.data)
    assert not blocks(ExponentiatedGradient(), estimator, ground[1])
    assert not blocks(PGD(), estimator, census.data)


def test_a_run_uses_it_as_any_executor(processes: Processes, ground: tuple[Target, Dataset]) -> None:
    job = Runner(executor=processes).start([Who(), Raises()], *ground)
    assert [r.result.status for r in job.wait(LONG)] == [Status.PASSED, Status.FAILED]
