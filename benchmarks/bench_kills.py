"""``kill -9`` at random moments while records are finished and logged: ``python benchmarks/bench_kills.py --kills 200``.

Each child opens the store, begins a run, and finishes one record after another, saying so in the audit log; it is killed
after a random time. What it had said was finished must be in the store and in the log, and the log's chain whole.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from tiltyard.audit import notes as audit
from tiltyard.audit.log import check, records
from tiltyard.check import Step
from tiltyard.result import Record
from tiltyard.samples.catalog import load
from tiltyard.store.store import Store
from tiltyard.validation.performance import Performance

LONGEST = 1.5


def work(place: Path, pipe: int, step: Step, record: Record, number: int) -> None:
    """Finish records without end; tell each once it is finished and logged."""
    store = Store(place)
    run = store.begin(f"kill {number}", record.target, record.data)
    for i in range(10**6):
        id = f"{number:04d}{i:028d}"
        store.finish(store.start(run.id, step), record.model_copy(update={"id": id}))
        said = audit.note("step finished", parameters={"record": id}, store=place)
        os.write(pipe, f"{said or id}\n".encode())


def killed(place: Path, step: Step, record: Record, number: int, draw: random.Random) -> set[str]:
    """What a child said was finished before it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        work(place, writing, step, record, number)
        os._exit(0)
    os.close(writing)
    time.sleep(draw.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return {line.decode().strip() for line in pipe if line.endswith(b"\n")}


def main() -> None:
    """Kill, look, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, sample, step = random.Random(given.seed), load("census"), Performance(rows=10)
    record = step(sample.target, sample.data)
    told: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "runs.sqlite"
        audit.note("warm", store=Path(folder) / "warm.sqlite")
        Store(Path(folder) / "warm.sqlite").begin("warm", record.target, record.data)  # imports what children then have at once
        log = audit.place(place)
        assert log is not None
        for number in range(given.kills):
            told |= killed(place, step, record, number, draw)
            if log.exists():
                check(log)  # raises where the chain is broken
        store = Store(place)
        kept = {r.id for run in store.runs(given.kills) for r in store.records(run.id)}
        logged = {str(r.parameters.get("record")) for r in records(log)}
        states = [run.state for run in store.runs(given.kills)]
        print(f"kills {given.kills}, finished {len(told)}, lost from the store {len(told - kept)}, lost from the log {len(told - logged)}")
        print(f"chain: {check(log).count} records whole; runs said to be cut off: {states.count('cut off')} of {len(states)}")


if __name__ == "__main__":
    main()
