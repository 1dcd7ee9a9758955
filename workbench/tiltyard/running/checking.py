"""Is a store as it was written? Every record is opened, and every file held against the hash in its record."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Problem
from ..progress import Progress
from ..sealing.broken import Broken
from .artifacts import Artifact
from .store import Store

MAGIC = b"SQLite format 3\0"
PAGE = 200


@dataclass
class StoreChecked:
    """What was found: how many there are, one line for each that is ``broken`` or cannot be read, and how many lie in the ``clear``."""

    runs: int = 0
    records: int = 0
    files: int = 0
    clear: int = 0
    broken: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def told(self, where: str, problem: Problem) -> None:
        """Take in why something does not open."""
        (self.broken if isinstance(problem, Broken) else self.unread).append(f"{where}: {problem}")


def is_store(path: Path) -> bool:
    """Whether the file is a store of Tiltyard's; looks only, and makes nothing."""
    from .tables import layout

    try:
        with open(path, "rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("select 1 from sqlite_master where name = ?", (layout.name,)).fetchone())
    except (OSError, sqlite3.Error):
        return False


def checked(store: Store, progress: Progress) -> StoreChecked:
    """Read all that the person may see; writes nothing."""
    found = StoreChecked(runs=store.count())
    for offset in range(0, found.runs, PAGE):
        for at, run in enumerate(store.runs(limit=PAGE, offset=offset)):
            progress.step(min(1.0, (offset + at) / found.runs), "Reading the store")
            _run(store, run.id, found)
    return found


def _run(store: Store, run_id: str, found: StoreChecked) -> None:
    for token, record in store.told(run_id).items():
        found.records += 1
        if isinstance(record, Problem):
            found.told(f"run {run_id[:8]}, record {token[:8]}", record)
    found.clear += store.artifacts.in_the_clear(run_id)
    for artifact in store.artifacts.of_run(run_id, readable=True):
        if artifact.kept:
            _file(store, artifact, found)


def _file(store: Store, artifact: Artifact, found: StoreChecked) -> None:
    found.files += 1
    try:
        store.artifacts.content(artifact)
    except Problem as problem:
        found.told(f"run {artifact.run[:8]}, {artifact.step}, {artifact.name}", problem)
