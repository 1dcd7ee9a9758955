"""The first cell of each lab: will it run here, offline, with the numbers of the book?"""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import Problem
from ..store.opening import open_store
from .texts import text
from .work import default_place

NEEDED = ("torch", "sklearn", "fairlearn", "opacus", "shap")
LEAST_MEMORY = 1.0  # GB
LEAST_DISK = 0.2  # GB
# Seed, rows and answer of the model that the sentence "your numbers are those of the book" rests on: a fact of the sample, no solution.
ROWS, RIGHT = 200, 192


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    ok: bool
    words: str


def environment() -> tuple[Line, ...]:
    """Each thing that a lab needs, and whether it is there."""
    return (_python(), _packages(), _memory(), _disk(), _store(), _numbers())


def _python() -> Line:
    return Line(sys.version_info >= (3, 11), text("env.python", version=".".join(map(str, sys.version_info[:3]))))


def _packages() -> Line:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return Line(not missing, text("env.packages_missing", names=", ".join(missing)) if missing else text("env.packages"))


def _memory() -> Line:
    import psutil

    free = psutil.virtual_memory().available / 1e9
    return Line(free >= LEAST_MEMORY, text("env.memory", free=f"{free:.1f}", least=LEAST_MEMORY))


def _disk() -> Line:
    place = next((p for p in (default_place().parent, *default_place().parents) if p.is_dir()), Path())
    free = shutil.disk_usage(place).free / 1e9
    return Line(free >= LEAST_DISK and os.access(place, os.W_OK), text("env.disk", free=f"{free:.1f}"))


def _store() -> Line:
    try:
        store = open_store()
        store.tried()
    except Problem as problem:
        return Line(ok=False, words=str(problem))
    return Line(ok=True, words=text("env.store"))


def _numbers() -> Line:
    """Does the shipped model give the answers here that it gave where the labs were written?"""
    from .models import model

    digits = model("digits")
    rows = digits.data.unseen
    found = int((digits.target.labels(rows.x[:ROWS]) == rows.y[:ROWS]).sum())
    return Line(abs(found - RIGHT) <= 1, text("env.numbers", found=found, rows=ROWS, book=RIGHT))
