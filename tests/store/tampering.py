"""A store with all kinds of rows, in each way it can be kept, and what somebody does to it who may write its file."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from tests.tiny import Share, tiny_data, tiny_target

from tiltyard.datasets.dataset import Dataset
from tiltyard.progress import Progress
from tiltyard.result import Record
from tiltyard.sealing.keys import new_sealing_key
from tiltyard.store.checking import StoreChecked, checked
from tiltyard.store.store import Store
from tiltyard.targets.target import Target

MODES = ("plain", "audit", "sealed")
KEYS = {"audit": "TILTYARD_AUDIT_KEY", "sealed": "TILTYARD_STORE_KEY"}
FILE = b"rows that a step made"


def tiny() -> tuple[Target, Dataset]:
    """A model and its data, as the fixtures make them."""
    data = tiny_data()
    return tiny_target(data), data


def keyed(mode: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who has the keys of this way of keeping."""
    for name in KEYS.values():
        patch.delenv(name, raising=False)
    if mode in KEYS:
        if not (folder / f"{mode}.pem").exists():
            new_sealing_key(folder / f"{mode}.pem")
        patch.setenv(KEYS[mode], str(folder / f"{mode}.pem"))


def naming(record: Record, file: bytes) -> Record:
    """The record of a step that made the file."""
    result = record.result.model_copy(update={"artifacts": {"rows.npz": sha256(file).hexdigest()}})
    return record.model_copy(update={"result": result})


def filled(place: Path) -> None:
    """Two ended runs, the first shared, each of three steps with a file, and an open one with a job and a step under way."""
    store, (target, data) = Store(place), tiny()
    for name in ("one", "two"):
        run = store.begin(name, target.identity, data.identity, {"profile": "quick"})
        for seed in range(3):
            check, file = Share(seed=seed, rows=10 + seed), FILE + name.encode() + bytes([seed])
            store.finish(store.start(run.id, check), naming(check(target, data), file), {"rows.npz": file})
        store.end(run.id, "fail")
        if name == "one":
            store.share(run.id)
    run = store.begin("open", target.identity, data.identity)
    store.jobs.open(run.id)
    store.start(run.id, Share())


def copied(source: Path, target: Path) -> Path:
    """A store, its audit log and its keys, elsewhere."""
    for file in source.iterdir():
        if file.is_file():
            shutil.copy2(file, target / file.name)
    return target / "runs.sqlite"


@contextmanager
def attacker(place: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody who may write the file, and needs no foreign keys."""
    with closing(sqlite3.connect(place)) as connection:
        with connection:
            yield connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def found(place: Path) -> StoreChecked:
    """What `tiltyard verify` finds."""
    return checked(Store(place), Progress())


def shows(place: Path) -> bool:
    """Does what `tiltyard runs` lists say that something does not hold?"""
    store = Store(place)
    return bool(store.doubts()) or any(line.proof == "broken" for line in store.runs())
