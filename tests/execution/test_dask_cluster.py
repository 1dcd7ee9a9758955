"""Steps on a Dask cluster of two real worker processes: the same records as here, progress, cancel, and workers that die."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tiltyard.assessment.assessment import assess
from tiltyard.cli import main
from tiltyard.errors import Problem
from tiltyard.execution.dask_cluster import Cluster, _Attended, _here, _result, _run
from tiltyard.execution.executors import Local
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress, Report
from tiltyard.result import Record, Status
from tiltyard.samples.catalog import Sample, load
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft.extraction import Extraction
from tiltyard.validation.input_guard import Guard

from .dask_steps import Endless, Meets, Neither, Whose

distributed = pytest.importorskip("distributed")
TREE = Path(__file__).parents[2]
SMALL = Extraction(query_budget=100, points=2, epochs=1, rows=50, seed=7)


class Ground:
    """A scheduler and its workers on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(folder / "scheduler.json")]
        self._begun("distributed.cli.dask_scheduler", *arguments)
        until((folder / "scheduler.json").exists)
        self.address = str(json.loads(until((folder / "scheduler.json").read_text))["address"])

    def work(self, n: int) -> None:
        """Start workers and wait until the scheduler knows them."""
        for _ in range(n):
            options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(self.folder)]
            self._begun("distributed.cli.dask_worker", self.address, *options)
        with distributed.Client(self.address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(n, timeout=120)

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _begun(self, module: str, *arguments: str) -> None:
        path = os.pathsep.join([str(TREE), *sys.path])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
        with (self.folder / f"{len(self.processes)}.txt").open("w") as log:
            command = [sys.executable, "-m", module, *arguments]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, text=True, env=environment))


def until(true: Callable[[], Any]) -> Any:
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + 300
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A scheduler with two workers, ended with the module."""
    made = Ground(tmp_path_factory.mktemp("cluster"))
    try:
        made.work(2)
        yield made
    finally:
        made.close()


@pytest.fixture
def cluster(ground: Ground) -> Iterator[Cluster]:
    with Cluster(ground.address) as made:
        yield made


@pytest.fixture(scope="module")
def sample() -> Sample:
    return load("census")


def same(record: Record) -> dict[str, Any]:
    """What two runs of one seed share."""
    return record.model_dump(mode="json", exclude={"id", "started", "seconds", "versions"})


def test_the_record_is_that_of_a_local_run_and_another_process_made_it(cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    before = sample.target.queries
    there = cluster.call(SMALL, sample.target, sample.data, Progress()).record
    asked = sample.target.queries - before
    here = Local().call(SMALL, sample.target, sample.data, Progress()).record
    assert there.result.status is not Status.FAILED and same(there) == same(here)
    assert asked == there.queries == here.queries > 0
    ends = Endless(place=str(tmp_path), deaths=0, seed=3)
    progress = Progress()
    progress.cancel()
    assert cluster.call(ends, sample.target, sample.data, progress).record.result.status is Status.CANCELLED
    assert not list(tmp_path.iterdir())


def test_what_is_neither_check_nor_defense_is_recorded_and_raises_nothing(cluster: Cluster, sample: Sample) -> None:
    progress = Progress()
    assert cluster.call(Neither(), sample.target, sample.data, progress).record.result.status is Status.FAILED
    progress.cancel()
    assert cluster.call(Neither(), sample.target, sample.data, progress).record.result.status is Status.CANCELLED


def test_a_defense_brings_its_target_back(cluster: Cluster, sample: Sample) -> None:
    step = Guard(rows=200)
    there, here = (executor.call(step, sample.target, sample.data, Progress()) for executor in (cluster, Local()))
    assert there.target is not None and here.target is not None and there.target.fingerprint == here.target.fingerprint
    assert there.target.parent is here.target.parent is sample.target
    rows = sample.data.x[:20]
    assert (there.target.scores(rows) == here.target.scores(rows)).all()


def test_progress_comes_here_and_a_cancel_goes_there(cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    reports: list[Report] = []
    progress = Progress(listener=reports.append)

    def stop() -> None:
        until(lambda: any(r.message == "going on" and r.done == 0.25 for r in reports))
        progress.cancel()

    stopper = threading.Thread(target=stop)
    stopper.start()
    found = cluster.call(Endless(place=str(tmp_path)), sample.target, sample.data, progress).record
    stopper.join()
    assert found.result.status is Status.CANCELLED
    assert next(tmp_path.iterdir()).name != f"1-{os.getpid()}"
    again = cluster.call(SMALL, sample.target, sample.data, Progress()).record  # the worker is free again
    assert again.result.status is not Status.FAILED


def test_what_waits_behind_others_is_taken_back(cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    """Five endless steps and two workers: a cancel ends those that run and those that wait."""
    held = [Progress() for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(cluster.call, Endless(place=str(tmp_path), seed=i), sample.target, sample.data, p) for i, p in enumerate(held)]
        try:
            until(lambda: len(cluster._client.futures) == 5 and list(tmp_path.iterdir()))
        finally:
            for progress in held:
                progress.cancel()
        assert [c.result(120).record.result.status for c in calls] == [Status.CANCELLED] * 5


def test_a_worker_killed_in_mid_run_costs_its_task_alone(ground: Ground, cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    """The first beginning kills its worker; the step is run again on another, and the others go on."""
    steps = (Endless(place=str(tmp_path), deaths=1, seed=5), SMALL)
    found = assess(sample.target, sample.data, steps, Runner(None, cluster))
    assert found.records[0].result.status is Status.PASSED, found.records[0].error
    assert found.records[1].result.status is not Status.FAILED, found.records[1].error
    begun = sorted(place.name for place in tmp_path.iterdir())
    assert [name[:2] for name in begun] == ["1-", "2-"] and begun[0][2:] != begun[1][2:]
    ground.work(1)


def test_several_steps_run_at_once_each_in_a_worker_of_its_own(cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    """Neither ends before the other has begun; with the records in the steps' order, equal to those made here one by one."""
    until(lambda: cluster.at_once == 2)
    reports: list[float] = []
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    store = Store(tmp_path / "runs.sqlite")
    steps = [Meets(place=str(tmp_path / "there"), seed=1), Meets(place=str(tmp_path / "there"), seed=2), SMALL]
    found = assess(sample.target, sample.data, steps, Runner(store, cluster), on_progress=lambda report: reports.append(report.done))
    begun = [place.name for place in (tmp_path / "there").iterdir()]
    assert len({name.partition("-")[2] for name in begun}) == 2 and str(os.getpid()) not in str(begun)
    (tmp_path / "here" / "other").touch()
    here = [Local().call(Meets(place=str(tmp_path / "here"), seed=seed), sample.target, sample.data, Progress()).record for seed in (1, 2)]
    assert [r.result for r in found.records[:2]] == [r.result for r in here]
    assert same(found.records[2]) == same(Local().call(SMALL, sample.target, sample.data, Progress()).record)
    assert found.run is not None and [r.check for r in store.records(found.run.id)] == [r.check for r in found.records]
    assert reports == sorted(reports) and reports[-1] == 1.0


def test_a_cancel_ends_all_that_run_at_once(cluster: Cluster, sample: Sample, tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite")
    (tmp_path / "begun").mkdir()
    until(lambda: cluster.at_once == 2)
    steps = [Endless(place=str(tmp_path / "begun"), seed=seed) for seed in range(5)]
    job = Runner(store, cluster).start(steps, sample.target, sample.data)
    try:
        until(lambda: len(list((tmp_path / "begun").iterdir())) == 2)
    finally:
        job.cancel()
    records = job.wait(120)
    assert job.done and [r.result.status for r in records] == [Status.CANCELLED] * 2
    assert len(list((tmp_path / "begun").iterdir())) == 2
    assert job.run is not None and store.run(job.run.id).counts == {"cancelled": 2}


@pytest.mark.slow
def test_a_step_that_kills_every_worker_is_recorded_as_failed_with_the_reason(ground: Ground, sample: Sample, tmp_path: Path) -> None:
    with Cluster(ground.address, patience=2) as cluster:
        found = cluster.call(Endless(place=str(tmp_path), deaths=99), sample.target, sample.data, Progress()).record
    assert found.result.status is Status.FAILED and "a worker" in found.error and "Traceback" not in found.error
    ground.work(2)
    with Cluster(ground.address) as cluster:
        assert cluster.call(SMALL, sample.target, sample.data, Progress()).record.result.status is not Status.FAILED


def test_what_cannot_travel_is_said(cluster: Cluster, sample: Sample) -> None:
    lock = threading.Lock()

    def answer(x: Any) -> Any:
        with lock:
            return sample.target.scores(x)

    target = FunctionTarget(answer, sample.target.classes, sample.target.schema, "stays")
    found = cluster.call(SMALL, target, sample.data, Progress()).record
    assert found.result.status is Status.FAILED and "travel" in found.error


@pytest.mark.slow
def test_the_command_takes_an_address(ground: Ground, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.toml").write_text(
        '[target]\nsample = "census"\n[[check]]\nid = "theft.extraction"\nquery_budget = 100\npoints = 2\nepochs = 1\nrows = 50\n'
    )
    assert main(["assess", str(tmp_path / "run.toml"), "--executor", ground.address, "--json"]) == 0
    said = capsys.readouterr()
    assert "--executor" in json.loads(said.out)["command"]
    assert "Every account of this machine may run code as you" in " ".join(said.err.split())


def test_workers_are_counted_once_a_second_and_missed_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, there = [0.0], [1]
    asked: list[float] = []

    def workers() -> int:
        asked.append(now[0])
        return there[0]

    monkeypatch.setattr("tiltyard.execution.dask_cluster.time", SimpleNamespace(monotonic=lambda: now[0]))
    attended = _Attended(workers, patience=5.0)
    for tick in range(1, 31):
        now[0] = tick / 10
        assert attended()
    assert asked == [1.0, 2.0, 3.0]
    there[0] = 0
    now[0] = 8.0
    assert attended()
    now[0] = 9.0
    assert not attended()


def test_a_fit_that_cannot_be_interrupted_has_a_process_there_too(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiltyard.execution.interruptible.blocks", lambda *asked: True)
    monkeypatch.setattr("tiltyard.execution.dask_cluster._Relay", lambda token: None)
    told = _run("token", Whose(), sample.target, sample.data)
    assert int(Record.model_validate_json(told.record).result.metric("pid").value or 0) not in (0, os.getpid())
    _here.elsewhere.close()


def test_deaths_and_a_lost_scheduler_are_reasons() -> None:
    class Lost:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def result(self) -> None:
            raise self.error

    worker = SimpleNamespace(address="tcp://127.0.0.1:9")
    with pytest.raises(Problem, match=re.escape("tcp://127.0.0.1:9 died at it")):
        _result(Lost(distributed.KilledWorker("step", worker, 3)))
    with pytest.raises(Problem, match="scheduler"):
        _result(Lost(distributed.client.FutureCancelledError("step", "scheduler-connection-lost")))


def test_after_the_connection_is_lost_each_step_says_so(ground: Ground, sample: Sample) -> None:
    with Cluster(ground.address) as cluster:
        pass
    found = cluster.call(SMALL, sample.target, sample.data, Progress()).record
    assert found.result.status is Status.FAILED and "connection was lost" in found.error and "Traceback" not in found.error


@pytest.mark.parametrize(("address", "said"), [("tcp://127.0.0.1:1", "scheduler"), ("http://127.0.0.1:1", "tcp://"), ("nowhere", "tcp://")])
def test_a_bad_address_is_one_line(address: str, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        Cluster(address, patience=1)
    assert "\n" not in str(caught.value)


def test_without_dask_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Problem, match=r"tiltyard\[distributed\]"):
        Cluster("tcp://127.0.0.1:1")
