"""What a person loaded, kept in small files of their own data folder, so that a window comes back to it before anything was run.

A file says how model and data are opened again and which cohort of the rows was in use; see `source`. Never a secret.
"""

import hashlib
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tiltyard.access.person import Person
from tiltyard.access.places import home
from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.files.atomic import replace_file
from tiltyard.files.locking import locked
from tiltyard.files.reading import opened
from tiltyard.result import Frozen, Identity

from .source import AGAIN, Source

FOLDER = "loaded"
MOST = 50  # of one person; the oldest go first
ID = re.compile(r"[0-9a-f]{16}")
PLAIN = ("source", "sample")  # the fields of a sample as it is shipped


class KeptLoad(Frozen):
    """A model and data that were loaded: how, what they were, and the cohorts in use, each of the rows of the one before it."""

    format: Literal[1] = 1
    source: Source
    target: Identity
    data: Identity
    cohorts: tuple[Cohort, ...] = ()
    when: datetime

    @property
    def id(self) -> str:
        """16 hex digits; the same for the same model, data and cohorts, whenever they were loaded."""
        return hashlib.sha256(self.model_dump_json(exclude={"when"}).encode()).hexdigest()[:16]

    @property
    def plain(self) -> bool:
        """Is it a sample as it is shipped, whole?"""
        return self.source.kind == "sample" and not self.cohorts and set(self.source.fields) <= set(PLAIN)

    @property
    def sentence(self) -> str:
        """Where it stands, in a clause."""
        return "loaded, nothing run yet"


class KeptLoads:
    """The last `MOST` loads of ``person``, each under its id."""

    def __init__(self, person: Person) -> None:
        self._folder = home(person) / FOLDER

    def keep(self, load: KeptLoad) -> str:
        """Keep it; its id, or nothing where it cannot be written, for a window works without."""
        with suppress(OSError, Problem):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._folder / "all"):
                replace_file(self._path(load.id), load.model_dump_json().encode())
                for old in self._newest()[MOST:]:
                    old.unlink(missing_ok=True)
            return load.id
        return ""

    def kept(self, id: str) -> KeptLoad:
        """That with the ``id``; a `Problem` where it is not there or cannot be read."""
        if not ID.fullmatch(id) or not self._path(id).is_file():
            raise Problem("what was loaded in this window", "that it is not kept any more", AGAIN)
        return self._read(self._path(id))

    def last(self) -> KeptLoad | None:
        """The newest that is more than a shipped sample; None where there is none."""
        for path in self._newest():
            with suppress(OSError, Problem):
                if not (load := self._read(path)).plain:
                    return load
        return None

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.json"

    def _newest(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(self._folder.glob("*.json"), key=os.path.getmtime, reverse=True)

    def _read(self, path: Path) -> KeptLoad:
        try:
            with opened(path) as stream:
                return KeptLoad.model_validate_json(stream.read())
        except (ValidationError, ValueError):
            raise Problem("what was loaded, as this Tiltyard reads it", "another content", AGAIN) from None


def load_of(source: Source, target: Identity, data: Dataset) -> KeptLoad:
    """What is kept of a ``target`` and ``data`` that were opened as ``source`` says."""
    return KeptLoad(source=source, target=target, data=data.identity, cohorts=cohorts_of(data), when=datetime.now(UTC))


def whole(data: Dataset) -> Dataset:
    """The data that a cohort, or a cohort of a cohort, was taken from; other data as it is."""
    while data.selection is not None:
        data = data.selection.parent
    return data


def cohorts_of(data: Dataset) -> tuple[Cohort, ...]:
    """The cohorts by which ``data`` was taken from the whole, each of the rows of the one before it."""
    return (*cohorts_of(data.selection.parent), data.selection.cohort) if data.selection is not None else ()
