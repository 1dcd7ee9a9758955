"""One function of many items, worked out here and in processes beside this one that take from the same line.

The first item is worked out here and timed. Where what is left is worth the start of processes, and the first kept no more than its
share of the cores busy, some are started; while they load, the line goes on here, so that waiting for them costs nothing. Each process is a
`companion`: it has the libraries that this one has, as many threads for its sums, and ends when this one does, killed or not. What it is sent
and what it sends back is pickled, over pipes that only these two hold: code and data that this process runs and holds itself.
"""

import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Queue
from typing import Any, Generic, TypeVar

from ..progress import Progress
from .companion import END, companion, ended
from .messages import ends, read, write

Item = TypeVar("Item")
Out = TypeVar("Out")
START = 3.0  # seconds until a process has loaded its libraries, about
WORTH = 2 * START  # of work that is left, below which none is started
MOST = 7
MEMORY = 0.5  # of what is free that processes may take
OFTEN = 0.05


@dataclass(frozen=True)
class Taken:
    """What one item took: seconds on a machine that is not busy with else, and cores that it used at once.

    From processor time, not the clock: of all threads and child processes, beside that of the thread that asked, which has an equal
    share where it takes part. Where it only waits for others, they are taken to use every core.
    """

    seconds: float
    cores: float


def spread(
    function: Callable[[Item], Out], items: Sequence[Item], progress: Progress, message: str = "", beside: int | None = None
) -> list[Out]:
    """``[function(item) for item in items]``, in order, the same to the bit as one by one where ``function`` depends on its item alone.

    Parameters
    ----------
    function
        Pickled by cloudpickle for the processes; where that cannot be, all is worked out here.
    message
        For `Progress.step`; may hold {i} and {n}.
    beside
        How many processes to start; None lets the time that the first item takes here decide.

    Raises
    ------
    Cancelled
        Once ``progress`` was cancelled; whatever ``function`` raises is raised from here, where the item is tried again.
    """
    line: Line[Item, Out] = Line(items)
    with timed() as taken:
        _next_here(function, line, progress, message)
    number = worthwhile(taken[0], len(items) - 1) if beside is None else min(beside, len(items) - 1)
    with _crew(function, line, number):
        while not line.finished():
            if not _next_here(function, line, progress, message):
                progress.check()
                line.wait()
    return line.in_order()


def worthwhile(first: Taken, left: int) -> int:
    """How many processes beside this one are worth their start, by what the first item took and how many are ``left``."""
    if left < 2 or left * first.seconds < WORTH:
        return 0
    each = max(1, round(first.cores))
    return max(0, min(cores() // each - 1, MOST, left - 1, _room()))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _room() -> int:
    """How many processes as large as this one a share `MEMORY` of the free memory holds."""
    import psutil

    return int(MEMORY * psutil.virtual_memory().available // max(psutil.Process().memory_info().rss, 1))


class Line(Generic[Item, Out]):
    """Items to be worked out, each by whoever takes it, and what came of them."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self._open = deque(range(len(items)))
        self._found: dict[int, Out] = {}
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """The place of the next item; None where all are taken."""
        with self._changed:
            return self._open.popleft() if self._open else None

    def give_back(self, place: int) -> None:
        """What was taken was not worked out."""
        with self._changed:
            self._open.appendleft(place)
            self._changed.notify_all()

    def put(self, place: int, out: Out) -> None:
        with self._changed:
            self._found[place] = out
            self._changed.notify_all()

    def wait(self) -> None:
        """Until something changes, `OFTEN` seconds at most."""
        with self._changed:
            if not self._open and len(self._found) < len(self.items):
                self._changed.wait(OFTEN)

    @property
    def done(self) -> float:
        """The share of items worked out, 0 to 1."""
        with self._changed:
            return len(self._found) / max(1, len(self.items))

    def finished(self) -> bool:
        with self._changed:
            return len(self._found) == len(self.items)

    def in_order(self) -> list[Out]:
        return [self._found[place] for place in range(len(self.items))]


def _next_here(function: Callable[[Item], Out], line: "Line[Item, Out]", progress: Progress, message: str) -> bool:
    """Work the next item out in this process; False where none is left to take."""
    place = line.take()
    if place is None:
        return False
    progress.step(line.done, message.format(i=place + 1, n=len(line.items)))
    line.put(place, function(line.items[place]))
    return True


@contextmanager
def timed() -> Iterator[list[Taken]]:
    """A list that holds at the end of the block what it took."""
    found: list[Taken] = []
    wall, own, spent = time.perf_counter(), time.thread_time(), _spent()
    yield found
    took, alone, total = time.perf_counter() - wall, time.thread_time() - own, _spent() - spent
    used = min(max(total / max(alone, 1e-9), 1.0), float(cores()))
    found.append(Taken(min(took, total / used), used))


def _spent() -> float:
    """Seconds of processor time of this process and of those it started."""
    import psutil

    total = time.process_time()
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                used = child.cpu_times()
                total += used.user + used.system
    return total


@contextmanager
def _crew(function: Callable[[Item], Out], line: "Line[Item, Out]", number: int) -> Iterator[None]:
    """``number`` processes that take from ``line`` until the block ends, and are ended then; fewer where they cannot be had."""
    started: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []
    try:
        if number > 0 and (opening := _packed(function)) is not None:
            for _ in range(number):
                with suppress(OSError):
                    process = companion("tiltyard.child_processes.spread", stdout=subprocess.PIPE)
                    thread = threading.Thread(target=_fed, args=(process, opening, line), daemon=True, name="tiltyard spread")
                    started.append((process, thread))
                    thread.start()
        yield
    finally:
        for process, _ in started:
            ended(process)
        for _, thread in started:
            thread.join(END)


def _packed(function: Callable[[Item], Out]) -> bytes | None:
    """The function and the threads it has here; None where it cannot be pickled."""
    import cloudpickle

    try:
        message: bytes = cloudpickle.dumps((function, _threads()))
    except Exception as error:  # whatever an object of others raises when it is pickled
        logging.getLogger("tiltyard").info("worked out in one process: %s", error)
        return None
    return message


def _threads() -> dict[str, int]:
    """Threads of the libraries loaded here, by what they are for: ``blas``, ``openmp``, ``torch``."""
    found: dict[str, int] = {}
    if "threadpoolctl" in sys.modules:
        import threadpoolctl

        for library in threadpoolctl.threadpool_info():
            found[library["user_api"]] = max(found.get(library["user_api"], 1), library["num_threads"])
    torch = sys.modules.get("torch")
    return found if torch is None else {**found, "torch": int(torch.get_num_threads())}


def _fed(process: "subprocess.Popen[bytes]", opening: bytes, line: "Line[Any, Any]") -> None:
    """Hand items to a process once it is ready; what it cannot do goes back into the line, and it is given no more."""
    assert process.stdin is not None
    assert process.stdout is not None
    place: int | None = None
    try:
        write(process.stdin, opening)
        read(process.stdout)
        while (place := line.take()) is not None:
            write(process.stdin, pickle.dumps(line.items[place]))
            whole, out = pickle.loads(read(process.stdout))  # noqa: S301 (from our own child; see the module)
            if not whole:
                logging.getLogger("tiltyard").info("worked out in this process: %s", out)
                break
            line.put(place, out)
    except (EOFError, OSError, ValueError, pickle.PickleError):  # ended, or its pipes were closed
        pass
    if place is not None:
        line.give_back(place)


def main() -> None:
    """The other end: the function first, then one item after the other, until the parent is gone."""
    given, out = ends()
    inbox: Queue[bytes] = Queue()
    threading.Thread(target=_listen, args=(given, inbox), daemon=True, name="tiltyard inbox").start()
    function, threads = pickle.loads(inbox.get())  # noqa: S301 (from the parent that started us; see the module)
    _limit(threads)
    write(out, b"ready")
    while True:
        write(out, _worked_out(function, pickle.loads(inbox.get())))  # noqa: S301


def _listen(given: Any, inbox: "Queue[bytes]") -> None:
    try:
        while True:
            inbox.put(read(given))
    except (EOFError, OSError):
        os._exit(0)  # nobody is left to tell


def _limit(threads: dict[str, int]) -> None:
    """As many threads as the parent has: sums in another order are other sums."""
    if number := threads.pop("torch", 0):
        import torch

        torch.set_num_threads(number)
    if threads:
        import threadpoolctl

        threadpoolctl.threadpool_limits(limits=threads)


def _worked_out(function: Callable[[Any], Any], item: Any) -> bytes:
    try:
        return pickle.dumps((True, function(item)))
    except Exception as error:
        return pickle.dumps((False, f"{type(error).__name__}: {error}"))
