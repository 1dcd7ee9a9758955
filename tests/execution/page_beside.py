"""A page's process for `test_beside`: confined, with a twin; it runs steps beside itself, says what came of each, and stays until it is killed.

python page_beside.py JSON   with ``reads``, ``writes`` and ``attacks``
"""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import tiltyard
from tiltyard.access.confined import Confines, confine
from tiltyard.check import Check
from tiltyard.child_processes.twin import Twin, divide, twin
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.defense import Defended, Defense
from tiltyard.execution.beside import Besides
from tiltyard.execution.executors import Local
from tiltyard.execution.interruptible import Interruptible
from tiltyard.execution.worker import attend
from tiltyard.privacy.membership_gap import MembershipGap
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="a", kind="continuous"),), label="y", classes=("no", "yes"))
MEMORY = 512 << 20


class Does(Check):
    """Works out an expression and says what it is."""

    id: ClassVar[str] = "evasion.does"
    title: ClassVar[str] = "Does"
    question: ClassVar[str] = "What is it?"
    code: str = ""

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        target.labels(data.x[:3])
        kept = {"file": progress.keep("file", b"content")}
        names = {**vars(sys.modules["__main__"]), "target": target, "data": data, "progress": progress}
        found = eval(self.code, names)  # noqa: S307 (of the test itself)
        return CheckResult(status=Status.PASSED, summary=str(found), artifacts=kept)


class Shifts(Defense):
    """Makes a target with other scores."""

    id: ClassVar[str] = "evasion.shifts"
    title: ClassVar[str] = "Shifts"
    question: ClassVar[str] = "Is it another?"

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = FunctionTarget(lambda x: half(x)[:, ::-1], ("no", "yes"), SCHEMA, "turned")
        return Defended(made, CheckResult(status=Status.PASSED, summary=str(os.getpid())))


class Shy:
    """A model that goes into a pickle and does not come out of it."""

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return half(x)

    def __reduce__(self) -> Any:
        return refuse, ()


def refuse() -> None:
    raise RuntimeError("not here")


def half(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([1 - x, x], 1)


def forever(progress: Progress) -> None:
    """Starts a process, tells both, and listens to nothing."""
    import subprocess

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    progress.step(0.5, "between")
    time.sleep(0.1)  # reports are passed on now and then
    progress.step(0.5, f"process {os.getpid()} {child.pid}")
    while True:
        time.sleep(0.01)


def met(folder: str, own: int, other: int) -> str:
    """Says that it is here, and waits until the other is."""
    open(f"{folder}/{own}", "w").close()
    while not os.path.exists(f"{folder}/{other}"):
        time.sleep(0.01)
    return "met"


def drawn() -> list[float]:
    """A number of each source of chance."""
    return [random.random(), float(np.random.random())]  # noqa: NPY002 (what a fork inherits)


def handles() -> list[str]:
    """What is open, by its kind."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}").partition(":")[0])
        except OSError:  # the folder that was read for it
            continue
    return sorted(found)


def tried(attack: str) -> str:
    """Did it get at anything?"""
    try:
        eval(attack)  # noqa: S307 (of the test itself)
    except OSError:
        return "stopped"
    return "reached"


class Page:
    """Steps beside this process."""

    def __init__(self, beside: Twin) -> None:
        self.executor = Besides(beside)
        x = np.linspace(0, 1, 400, dtype=np.float32)[:, None]
        self.data = Dataset(x, np.arange(400) % 2, SCHEMA, member=np.arange(400) % 3 == 0)
        self.target: Target = FunctionTarget(half, ("no", "yes"), SCHEMA, "half")

    def did(self, code: str, target: Target | None = None) -> dict[str, Any]:
        """What came of an expression beside this process."""
        outcome = self.executor.call(Does(code=code), target or self.target, self.data, Progress())
        files = {name: content.decode() for name, content in outcome.files.items()}
        result = outcome.record.result
        return {"status": str(result.status), "said": result.summary, "error": outcome.record.error, "files": files}

    def cancelled(self) -> dict[str, Any]:
        """A step that listens to nothing, and what it started."""
        told = threading.Event()
        pids: list[int] = []

        def listen(report: Report) -> None:
            if report.message.startswith("process"):
                pids.extend(map(int, report.message.split()[1:]))
                told.set()

        progress, found = Progress(listener=listen), []
        thread = threading.Thread(
            target=lambda: found.append(self.executor.call(Does(code="forever(progress)"), self.target, self.data, progress))
        )
        thread.start()
        told.wait(300)
        progress.cancel()
        thread.join(300)
        return {"status": str(found[0].record.result.status), "pids": pids}

    def at_once(self, folder: str) -> list[str]:
        """Two that wait for one another."""
        found: list[str] = []
        codes = [f"met({folder!r}, {one}, {1 - one})" for one in (0, 1)]
        threads = [threading.Thread(target=lambda code=code: found.append(self.did(code)["said"])) for code in codes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        return found

    def stays(self) -> None:
        """A step that never ends, and a word once it has begun."""

        def listen(report: Report) -> None:
            if report.message.startswith("process"):
                print(json.dumps(report.message.split()[1:]), flush=True)  # noqa: T201 (to the test)

        self.executor.call(Does(code="forever(progress)"), self.target, self.data, Progress(listener=listen))


def main() -> None:
    given = json.loads(sys.argv[1])
    own = given["writes"][0]
    confine(Confines(tuple(given["reads"]), tuple(given["writes"]), memory=MEMORY))
    os.chdir(own)
    divide(attend, lambda: None, "", lambda title: None)
    spare = twin()
    divide(attend, lambda: None, "", lambda title: None)
    held = twin()
    assert spare is not None and held is not None
    vars(tiltyard)["later"] = "held by the page alone"
    page = Page(held)
    lock = threading.Lock()
    guarded = FunctionTarget(lambda x: half(x + 0 * lock.locked()), ("no", "yes"), SCHEMA, "guarded")
    gap = MembershipGap(rows=100, seed=2)
    one, two = (executor.call(gap, page.target, page.data, Progress()) for executor in (page.executor, Local()))
    queries = page.target.queries
    defended = page.executor.call(Shifts(), page.target, page.data, Progress())
    found: dict[str, Any] = {
        "own": os.getpid(),
        "pids": [page.did("os.getpid()") for _ in range(2)],
        "chosen": Interruptible().call(Does(code="os.getpid()"), page.target, page.data, Progress()).record.result.summary,
        "same": one.record.result == two.record.result and str(one.record.result.status) not in ("failed", "cancelled"),
        "queries": [one.record.queries, two.record.queries, queries],
        "made": [
            defended.record.result.summary,
            defended.target is not None and defended.target.parent is page.target,
            defended.target is not None and defended.target.scores(page.data.x[:1]).tolist(),
        ],
        "later": page.did("hasattr(tiltyard, 'later')"),
        "chance": [page.did("drawn()")["said"] for _ in range(2)],
        "handles": page.did("handles()"),
        "threads": page.did("threading.active_count()"),
        "mapped": page.did("(data.x.flags.owndata, data.x.flags.writeable, data.x.__setitem__(0, 7.0), float(data.x[0, 0]))"),
        "unharmed": float(page.data.x[0, 0]),
        "crashed": page.did("__import__('ctypes').string_at(0)"),
        "killed": page.did("os.kill(os.getpid(), 9)"),
        "exits": page.did("os._exit(3)"),
        "memory": page.did(f"len(bytearray({MEMORY}))"),
        "fits": page.did(f"len(bytearray({MEMORY // 4}))"),
        "attacks": {attack: page.did(f"tried({attack!r})") for attack in given["attacks"]},
        "guarded": page.did("os.getpid()", guarded),
        "shy": page.did("os.getpid()", FunctionTarget(Shy(), ("no", "yes"), SCHEMA, "shy")),
        "cancelled": page.cancelled(),
        "met": page.at_once(own),
    }
    twins = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    os.kill(twins[0], 9)
    os.waitpid(twins[0], 0)
    found["without"] = Page(spare).did("os.getpid()")
    found["twin"] = twins[1]
    print(json.dumps(found), flush=True)  # noqa: T201 (to the test)
    page.stays()


if __name__ == "__main__":
    main()
