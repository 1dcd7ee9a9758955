"""Uploads that a run was made of, kept by their hash for as long as there is room, so that another window of the same person opens them again."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from tiltyard.access.person import Person
from tiltyard.access.places import home
from tiltyard.files.atomic import new_file
from tiltyard.files.reading import opened

from .upload import arrived_from, plain_name

ROOM = 2_000_000_000  # bytes of one person's; the oldest go first
MOST = 500_000_000  # bytes of one file
PIECE = 1 << 20
HASH = re.compile(r"[0-9a-f]{64}")


def keep(path: Path, person: Person) -> str:
    """Keep a copy of an upload; its SHA-256, or nothing where it is larger than `MOST` or cannot be written."""
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
        if (folder / digest).is_file():
            os.utime(folder / digest)
            return digest
        _clear(folder, ROOM - path.stat().st_size)
        with opened(path, "an upload") as stream, new_file(folder / digest) as copy:
            shutil.copyfileobj(stream, copy, PIECE)
        return digest
    return ""


def brought(digest: str, name: str, person: Person) -> Path | None:
    """The kept upload as one of this kernel's own, under its name; None where it is not kept any more."""
    kept = _folder(person) / digest
    if not HASH.fullmatch(digest) or not kept.is_file():
        return None
    with opened(kept, "an upload") as stream:
        return arrived_from(stream, plain_name(name))


def _folder(person: Person) -> Path:
    return home(person) / "uploads"


def _clear(folder: Path, room: int) -> None:
    """Delete the oldest until what is left takes no more than ``room`` bytes."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > room:
            path.unlink(missing_ok=True)
