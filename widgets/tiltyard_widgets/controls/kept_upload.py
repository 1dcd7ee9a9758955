"""Uploads, kept by their hash for as long as there is room, so that another window of the same person opens them again: those of a run, and those of a kernel that died before."""

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tiltyard.access.person import Person
from tiltyard.access.places import home
from tiltyard.errors import Problem
from tiltyard.files.atomic import new_file
from tiltyard.files.reading import opened

from .upload import arrived_from, plain_name

ROOM = 2_000_000_000  # bytes of one person's; the oldest go first
MOST = 500_000_000  # bytes of one file
PIECE = 1 << 20
HASH = re.compile(r"[0-9a-f]{64}")
LONGEST = 1000  # bytes of a name
OFFERED = 5  # of those kept, the newest


def keep(path: Path, person: Person) -> str:
    """Keep a copy of an upload and its name; its SHA-256, or nothing where it is larger than `MOST` or cannot be written."""
    if path.stat().st_size > MOST:
        return ""
    with opened(path, "an upload") as stream:
        sums = hashlib.sha256()
        while piece := stream.read(PIECE):
            sums.update(piece)
    digest = sums.hexdigest()
    folder = _folder(person)
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new_file(_name_of(folder, digest), replace=True) as name:
            name.write(path.name.encode())
        if (folder / digest).is_file():
            os.utime(folder / digest)
            return digest
        _clear(folder, ROOM - path.stat().st_size)
        with opened(path, "an upload") as stream, new_file(folder / digest, replace=True) as copy:
            shutil.copyfileobj(stream, copy, PIECE)
        return digest
    return ""


@dataclass(frozen=True)
class KeptUpload:
    """An upload that is kept: its plain name, its SHA-256, and when it was brought or last loaded."""

    name: str
    digest: str
    when: datetime

    @property
    def words(self) -> str:
        """``loans.csv, uploaded Nov 30 14:02``."""
        return f"{self.name}, uploaded {self.when:%b} {self.when.day} {self.when:%H:%M}"


def kept(suffixes: Sequence[str], person: Person) -> list[KeptUpload]:
    """The newest of this person's that are kept and end so, the last one first."""
    found: list[KeptUpload] = []
    with suppress(OSError, Problem):
        folder = _folder(person)
        for path in folder.iterdir():
            if HASH.fullmatch(path.name) and _name_of(folder, path.name).is_file():
                with opened(_name_of(folder, path.name), "an upload's name") as stream:
                    name = stream.read(LONGEST).decode(errors="replace")
                found += [KeptUpload(plain_name(name), path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC).astimezone())]
    fitting = [one for one in found if one.name.lower().endswith(tuple(suffixes))]
    return sorted(fitting, key=lambda one: one.when, reverse=True)[:OFFERED]


def keep_soon(path: Path, person: Person) -> threading.Thread:
    """Keep a copy from a thread of its own, for a file may be large; what cannot be kept is not."""

    def work() -> None:
        with suppress(OSError, Problem):
            keep(path, person)

    thread = threading.Thread(target=work, daemon=True, name="tiltyard keep")
    thread.start()
    return thread


def brought(digest: str, name: str, person: Person) -> Path | None:
    """The kept upload as one of this kernel's own, under its name; None where it is not kept any more."""
    kept = _folder(person) / digest
    if not HASH.fullmatch(digest) or not kept.is_file():
        return None
    with opened(kept, "an upload") as stream:
        return arrived_from(stream, plain_name(name))


def _folder(person: Person) -> Path:
    return home(person) / "uploads"


def _name_of(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.name"


def _clear(folder: Path, room: int) -> None:
    """Delete the oldest until what is left takes no more than ``room`` bytes."""
    files = sorted((path for path in folder.iterdir() if HASH.fullmatch(path.name)), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > room:
            path.unlink(missing_ok=True)
            _name_of(folder, path.name).unlink(missing_ok=True)
