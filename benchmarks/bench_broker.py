"""What confinement and the broker cost: milliseconds to confine a process, and of a call of the store by the broker beside one without.

Run by hand: ``python benchmarks/bench_broker.py``.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tiltyard.access.line import Line
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.result import Identity
from tiltyard.store.remote import RemoteStore
from tiltyard.store.store import Store
from tiltyard_widgets.gateway.keeper import Keeper

TIMES = 100
CONFINE = """
import time
from tiltyard.access.confined import Confines, confine, python_places, system_places
begun = time.perf_counter()
confine(Confines((*system_places(), *python_places()), ()))
print(1000 * (time.perf_counter() - begun))
"""


def median(act: Callable[[], object]) -> float:
    """Milliseconds that it takes mostly."""
    spent = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)


def main() -> None:
    """Print them."""
    confined = [float(subprocess.run([sys.executable, "-P", "-c", CONFINE], capture_output=True, check=True).stdout) for _ in range(9)]
    print(f"confining a process: {statistics.median(confined):.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "runs.sqlite"
        os.environ["TILTYARD_STORE"] = str(place)
        keeper, person = Keeper(), Person("ada", Role.ANALYST, shared=True)
        begun = time.perf_counter()
        line, door = keeper.admit("kernel", person, "", Path(folder) / "kernel")
        near, far = Store(place, person=person), RemoteStore(asked=Line(line, door))
        far.count()
        print(f"starting the broker, to its first answer: {1000 * (time.perf_counter() - begun):.0f} ms")
        what = Identity(name="model", fingerprint="0" * 64)
        run = near.begin("one", what, what).id
        for name, call in {
            "shared()": lambda store: store.shared(),
            "run(id)": lambda store: store.run(run),
            "runs(100)": lambda store: store.runs(100),
            "begin(…)": lambda store: store.begin("one", what, what),
        }.items():
            alone, asked = (median(lambda store=store, call=call: call(store)) for store in (near, far))  # type: ignore[misc]
            print(f"{name:10} {alone:6.1f} ms alone, {asked:6.1f} ms by the broker: {asked - alone:+.1f}")
        line.close()
        door.close()
        keeper.close()


if __name__ == "__main__":
    main()
