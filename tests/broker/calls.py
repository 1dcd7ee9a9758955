"""What each call of the broker is given, and what a kernel does first."""

from pathlib import Path
from typing import Any

from tiltyard.audit import notes as audit
from tiltyard.audit.log import records as logged
from tiltyard.catalogue import find
from tiltyard.store.store import Store

from .conftest import FILE, MODEL, ROWS, record

GIVEN: dict[str, dict[str, Any]] = {
    "begin": {"name": "n", "target": MODEL.model_dump(), "data": ROWS.model_dump(), "config": {}},
    "end": {"run_id": "RUN", "verdict": "passed"},
    "start": {"run_id": "RUN", "step": "evasion.pgd", "given": {}},
    "finish": {"token": "TOKEN", "record": record().model_dump_json()},
    "add": {"run_id": "RUN", "record": record().model_dump_json()},
    "share": {"run_id": "RUN", "on": True},
    "cancel": {"run_id": "RUN"},
    "delete": {"run_id": "RUN"},
    "job_open": {"run_id": "RUN"},
    "job_tell": {"id": "JOB", "done": 0.5, "message": "mine", "left": None},
    "job_asked": {"id": "JOB"},
    "job_close": {"id": "JOB"},
    "worker": {"id": "ab" * 16, "seconds": 60.0},
    "worker_leave": {"id": "ab" * 16},
    "file": {"run_id": "RUN", "token": "TOKEN", "name": "rows.npz"},
    "file_delete": {"run_id": "RUN", "token": "TOKEN", "name": "rows.npz"},
    "run": {"run_id": "RUN"},
    "log": {"last": 10},
    "users": {},
    "user_add": {"name": "new", "role": "admin", "password": "correct horse battery"},
    "user_change": {"name": "ada", "role": "admin", "password": None},
    "user_remove": {"name": "ada"},
    "keys": {},
    "key_new": {"name": "new", "scopes": ["predict"], "seconds": None, "budget": None},
    "key_revoke": {"id": "x"},
    "key_revoke_line": {"id": "x"},
}


def words(file: Path | None = None) -> list[tuple[str, str]]:
    place = file or audit.place()
    assert place is not None
    return [(found.who, found.what) for found in logged(place)] if place.exists() else []


def made(store: Store) -> tuple[str, str]:
    """A run with a finished step and its file; the step's token."""
    run = store.begin("of mine", MODEL, ROWS, {"seed": 1})
    token = store.start(run.id, find("evasion.pgd")(steps=7))
    store.finish(token, record(file=True), {"rows.npz": FILE})
    return run.id, token
