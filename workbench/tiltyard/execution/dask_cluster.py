"""Steps on a Dask cluster: the same record as here, on whichever worker is free.

Who is trusted
--------------
Dask moves Python objects as pickles, and opening a pickle runs what is in it. So whoever reaches the scheduler can run
anything on its workers and on its clients: a cluster is *inside* the trust of the person who assesses, and this holds
whatever we send. What we add is nothing from elsewhere: a model file was scanned and opened here first, by
`targets.opening`, and what travels is our own target, data and step, from our process to workers that run the same
version of Tiltyard (others are refused). A record comes back as JSON and is validated; a target that a defense made comes back
as a pickle from our own worker. Over ``tcp://`` model and rows travel in the clear and nobody is asked who he is: every account of the
machine may run code in the scheduler, its workers and whoever asks them. So it is accepted on loopback alone; elsewhere ``tls://``
(Dask's own certificates, both sides). `cluster_address` judges which it is.
"""

import contextlib
import importlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ..attempt import Clock
from ..check import Step
from ..datasets.dataset import Dataset
from ..defense import Outcome
from ..errors import Cancelled, Problem
from ..progress import Progress, Report
from ..result import Record
from ..targets.target import Target
from ..version import __version__
from . import dask_address as cluster_address
from .executors import failed, received
from .interruptible import Interruptible

POLL = 0.1
OFTEN = 0.2
SELDOM = 1.0
PATIENCE = 60.0
REMEMBERED = 1000
LARGE = "distributed.admin.large-graph-warning-threshold"


class Returned(NamedTuple):
    """What a worker sends back: the record as JSON, the target that a defense made, and the files that the step handed over."""

    record: str
    target: Target | None
    files: dict[str, bytes]


_working = threading.Lock()  # in a worker: held by the step that runs
_under_way: dict[str, Progress] = {}  # in a worker: the steps it runs
_submitting = threading.Lock()  # Dask's configuration is the whole process's
_here = Interruptible()  # in a worker: where its steps run
_stopped: OrderedDict[str, None] = OrderedDict()  # in a worker: steps that were cancelled, perhaps before they began


def _run(token: str, step: Step, target: Target, data: Dataset) -> Returned:
    """In a worker: run one step as `Interruptible` does, and send its progress back."""
    progress = _under_way[token] = Progress(listener=_Relay(token))
    try:
        if token in _stopped:
            progress.cancel()
        with _alone_here(progress):
            outcome = _here.call(step, target, data, progress)
        return Returned(outcome.record.model_dump_json(), outcome.target, outcome.files)
    finally:
        _under_way.pop(token, None)


@contextlib.contextmanager
def _alone_here(progress: Progress) -> Iterator[None]:
    """In a worker: one step at a time, however many threads it has, for chance and threads of the libraries are the whole process's."""
    mine = False
    while not mine and not progress.cancelled:  # a cancelled one goes on to be recorded as that
        mine = _working.acquire(timeout=POLL)
    try:
        yield
    finally:
        if mine:
            _working.release()


def _stop(token: str) -> bool:
    """In every worker: cancel the step, or remember that it is cancelled; does it run here?"""
    _stopped[token] = None
    if len(_stopped) > REMEMBERED:
        _stopped.popitem(last=False)
    if token in _under_way:
        _under_way[token].cancel()
    return token in _under_way


def _version() -> str:
    return __version__


class _Relay:
    """In a worker: sends progress to the client, a few times a second."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._last_report = 0.0

    def __call__(self, report: Report) -> None:
        if time.monotonic() - self._last_report >= OFTEN:
            self._last_report = time.monotonic()
            _distributed().get_worker().log_event(self.token, [float(report.done), report.message])


class _Attended:
    """Was a worker there within the last ``patience`` seconds? Asks how many there are once a second."""

    def __init__(self, workers: Callable[[], int], patience: float) -> None:
        self.workers = workers
        self.patience = patience
        self._asked = self._seen = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._asked < SELDOM:
            return True
        self._asked = now
        self._seen = now if self.workers() else self._seen
        return now - self._seen <= self.patience


class Cluster:
    """An `Executor` on a Dask scheduler that somebody started, with workers that have Tiltyard installed.

    One step is one task, and each worker has one of them at a time. A worker that dies costs its task alone: Dask runs it again on another, and where that too fails
    the record says *failed* and why; the next steps go on. Each worker runs a step from its seed, so results are those of
    `Local` on like machines. Close it, or use it in a ``with`` block.

    Parameters
    ----------
    address
        ``tcp://HOST:PORT`` on this machine's loopback, or ``tls://HOST:PORT``; for the latter Dask's own configuration names the certificates.
    patience
        Seconds to wait for the scheduler and a first worker, and for another worker when the last one is gone.

    Raises
    ------
    Problem
        Where Dask is not installed, nobody answers at the address, no worker is there, one has another version of Tiltyard, or
        others than this machine's accounts could reach the scheduler or a worker without a certificate.
    """

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        self.address = cluster_address.settled(address)
        self.patience = patience
        self._counting = threading.Lock()
        self._client = _connected(self.address, patience)
        try:
            self._refuse_exposed()
            self._wait_for_worker()
            self._refuse_exposed()
            self._check_versions()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close(timeout=5)

    @property
    def at_once(self) -> int:
        """As many steps as there are workers."""
        return self._workers()

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's record from a worker, and the target it made if it is a defense that did. Never raises."""
        clock = Clock(target)
        try:
            progress.check()
            if "url" in target.offers:
                raise Problem("a model that can travel", "an endpoint, whose budget is counted here", "Run it with --executor local")
            back = self._worked(step, target, data, progress)
            found = Record.model_validate_json(back.record)
            with self._counting:
                return received(Outcome(found, back.target, back.files), target)
        except BaseException as problem:
            lost = failed(step, clock, problem, target, data)  # the clock counts what other steps asked meanwhile
            return replace(lost, record=lost.record.model_copy(update={"queries": 0}))

    def _worked(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Returned:
        import dask

        if self._client.status != "running":
            raise Problem(f"the scheduler at {self.address}", "that the connection was lost", "Run it again once it is there")
        token = f"tiltyard-{uuid.uuid4().hex}"
        heard: list[tuple[float, str]] = []
        self._client.subscribe_topic(token, lambda event: heard.append((event[1][0], event[1][1])))
        try:
            with (
                _submitting,
                dask.config.set({LARGE: "10GB"}),
            ):  # model and rows travel in the task, so that a dead worker loses none of them
                future = self._client.submit(_run, token, step, target, data, pure=False, key=token)
            self._awaited(future, token, heard, progress)
            return _result(future)
        finally:
            with contextlib.suppress(Exception):  # where the scheduler is gone there is nothing to unsubscribe from
                self._client.unsubscribe_topic(token)

    def _awaited(self, future: Any, token: str, heard: list[tuple[float, str]], progress: Progress) -> None:
        """Wait for the end; relay progress here and a cancel there."""
        attended = _Attended(self._workers, self.patience)
        while not future.done():
            time.sleep(POLL)
            if progress.cancelled:
                self._cancel(future, token)
            elif heard:
                with contextlib.suppress(Cancelled):
                    progress.step(*heard[-1])
            if not attended():
                future.cancel()
                raise Problem("a worker", f"none left for {self.patience:g} s at {self.address}", "Start workers and run it again")

    def _cancel(self, future: Any, token: str) -> None:
        """Ask every worker to stop it; a task that none has begun is withdrawn, and would stop at its beginning."""
        if not any(self._client.run(_stop, token, on_error="ignore").values()) and not future.done():
            future.cancel()
            raise Cancelled

    def _refuse_exposed(self) -> None:
        known = self._client.scheduler_info(n_workers=-1)
        cluster_address.refuse_exposed(self.address, (known["address"], *known["workers"]))

    def _wait_for_worker(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self.patience)
        except TimeoutError:
            do = f"Start one with `dask worker {self.address} --host 127.0.0.1`, or with certificates for tls://"
            raise Problem(f"a worker at {self.address}", "none", do) from None

    def _workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def _check_versions(self) -> None:
        ours = _version()
        theirs: dict[str, Any] = self._client.run(_version, on_error="return")
        for worker, found in theirs.items():
            if found != ours:
                version = found if isinstance(found, str) else "none"
                raise Problem(f"Tiltyard {ours} on every worker", f"{version} on {worker}", "Install the same version there")


def _distributed() -> Any:
    """Dask's own package, imported only here and only now."""
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise Problem("Dask, to run on a cluster", "it is not installed", "pip install 'tiltyard[distributed]'") from None


def _connected(address: str, patience: float) -> Any:
    dask = _distributed()
    security = cluster_address.security() if cluster_address.sealed(address) else None
    try:
        return dask.Client(address, timeout=patience, set_as_default=False, security=security)
    except (OSError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        do = "Start one with `dask scheduler --host 127.0.0.1`, or correct the address or the certificates"
        raise Problem(f"a Dask scheduler at {address}", reason, do) from None


def _result(future: Any) -> Returned:
    """What came back, or a `Problem` that says why nothing did."""
    dask = _distributed()
    try:
        found: Returned = future.result()
    except dask.KilledWorker as error:
        raise Problem(
            "a worker that lives to the end", f"that {error.last_worker.address} died at it, as others before", "Look at its memory"
        ) from None
    except dask.client.FutureCancelledError as error:
        raise Problem("the scheduler's answer", f"that it was lost ({error.reason or 'no connection'})", "Run it again") from None
    return found
