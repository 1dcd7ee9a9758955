"""What the chain of a store costs: a write with its link beside the same write without, and `tiltyard verify` of 1,000 records.

    python benchmarks/bench_store_chain.py

Each write is a step begun and ended. Without the chain the same rows go through the same database, so that all else is equal; both take
turns, and the median of each is told. The ratios are the promise; the milliseconds are this machine's.
"""

import os
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from sqlalchemy import insert, update

from tiltyard.check import Check, versions
from tiltyard.progress import Progress
from tiltyard.result import Identity, Record
from tiltyard.samples.catalog import load
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store import tables
from tiltyard.store.checking import checked
from tiltyard.store.sealed_records import shut
from tiltyard.store.store import Store
from tiltyard.store.writers import mine
from tiltyard.validation.performance import Performance

STEPS, RECORDS = 200, 1000
ONE = Identity(name="model", fingerprint="ab" * 32, detail="a model")


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def chained(store: Store, run: str, step: Check, record: Record) -> None:
    store.finish(store.start(run, step), record)


def unchained(store: Store, run: str, step: Check, record: Record) -> None:
    """The same rows, written as before there was a chain."""
    token = uuid.uuid4().hex
    values = mine() | {"token": token, "run_id": run, "step": step.id, "title": step.title, "kind": "check", "state": "running"}
    values |= {"given": "{}", "severity": "", "started": time.time()}
    with store._database.write() as connection:
        connection.execute(insert(tables.records).values(values))
    ended = {"state": str(record.result.status), "severity": "", "ended": time.time(), "record": shut(record.model_dump_json(), token)}
    with store._database.write() as connection:
        connection.execute(update(tables.records).where(tables.records.c.token == token).values(ended))


def busy(write: Callable[[Store, str, Check, Record], None], store: Store, run: str, step: Check, record: Record) -> float:
    """Milliseconds of CPU a write."""
    begun = time.process_time()
    for _ in range(STEPS):
        write(store, run, step, record)
    return 1000 * (time.process_time() - begun) / STEPS / 2


def verifying(store: Store) -> float:
    return timed(lambda: checked(store, Progress()))


def reading(store: Store) -> None:
    """What verify did before: every record opened."""
    for line in store.runs(limit=10_000):
        store.opened(line.id)


def measure(folder: Path, how: str) -> None:
    store, bare = Store(folder / "runs.sqlite"), Store(folder / "bare.sqlite")
    sample, step = load("census"), Performance(rows=100)
    record = step(sample.target, sample.data)
    run, other = (each.begin("bench", ONE, ONE).id for each in (store, bare))
    for each, id in ((store, run), (bare, other)):
        chained(each, id, step, record)  # the first opens the database
    pairs = [(timed(lambda: unchained(bare, other, step, record)), timed(lambda: chained(store, run, step, record))) for _ in range(STEPS)]
    before, after = (median(column) for column in zip(*pairs, strict=True))
    cpu = [busy(write, *where, step, record) for write, where in ((unchained, (bare, other)), (chained, (store, run)))]
    print(
        f"{how:8}a step begun and ended: {after / before:.2f} x unchained ({(after - before) / 2:+.2f} ms a write, of {before / 2:.2f}; CPU {cpu[1] - cpu[0]:+.2f} ms, of {cpu[0]:.2f})"
    )
    per_run = 20
    for _ in range(RECORDS // per_run):
        run = store.begin("many", ONE, ONE).id
        for _ in range(per_run):
            chained(store, run, step, record)
        store.end(run)
    kept = [median(timed(lambda: reading(store)) for _ in range(3)), median(verifying(store) for _ in range(3))]
    n = sum(line.total for line in store.runs(limit=10_000))
    print(f"{'':8}verify of {n:,} records: {kept[1] / kept[0]:.2f} x opening them ({kept[1]:,.0f} ms)")
    listing = Store(store.url)
    lists = median(timed(lambda: Store(store.url).runs(limit=20)) for _ in range(5))
    print(f"{'':8}a list of 20 of {listing.count():,} runs in a new process's store: {lists:.0f} ms; again in the same: ", end="")
    listing.runs(limit=20)
    print(f"{median(timed(lambda: listing.runs(limit=20)) for _ in range(5)):.0f} ms")


def main() -> None:
    print(f"tiltyard {versions(()).get('tiltyard', '')}, {STEPS} steps")
    for how in ("plain", "audit", "sealed"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for variable in ("TILTYARD_AUDIT_KEY", "TILTYARD_STORE_KEY"):
                with suppress(KeyError):
                    del os.environ[variable]
            if how != "plain":
                new_sealing_key(folder / "key.pem")
                os.environ["TILTYARD_AUDIT_KEY" if how == "audit" else "TILTYARD_STORE_KEY"] = str(folder / "key.pem")
            measure(folder, how)


if __name__ == "__main__":
    main()
