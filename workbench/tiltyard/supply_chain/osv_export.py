"""An export of OSV records that a person supplies: a folder, a zip, or one JSON file. Read in bounds, never unpacked."""

import json
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ..access.places import discreet, opened, source
from ..errors import Problem
from ..progress import Progress
from .osv import Advisory, NotAnAdvisory, read_advisory

LARGEST_RECORD = 32 * 2**20
LARGEST_LIST = 512 * 2**20
MOST = 1_000_000
EVERY = 500
WANTED = "OSV records: a folder of JSON files, a zip of them (such as PyPI/all.zip), or one JSON file"
Item = TypeVar("Item")
Entry = tuple[str, Callable[[], bytes]]


@dataclass
class Export:
    """What was read of an export.

    Attributes
    ----------
    records, pypi
        Records read, each id once, and those of them about packages of PyPI.
    newest
        The last change of any record: how old the data are at least.
    advisories
        Those about a wanted package that were not withdrawn.
    unread
        Entries that are no record, with the reason.
    """

    records: int = 0
    pypi: int = 0
    newest: datetime | None = None
    advisories: list[Advisory] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)


def read_export(path: Path, wanted: Collection[str], progress: Progress) -> Export:
    """Every record at ``path``; those kept are about a package in ``wanted`` (canonical names).

    Raises
    ------
    Problem
        There is nothing at ``path``, it cannot be read, or nothing in it is a record. A folder or zip without any JSON is an empty export.
    """
    found = Export()
    try:
        with ExitStack() as open_files, discreet(path, WANTED):
            entries, count = _entries(path, open_files)
            for i, (name, read) in enumerate(entries):
                if i % EVERY == 0:
                    progress.step(min(i / max(count, 1), 0.99), f"advisory {i:,} of {count:,}")
                _take(found, name, read, wanted)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise Problem(
            WANTED, f"{path.name}, which cannot be read ({getattr(error, 'strerror', None) or error})", "Export it again"
        ) from None
    if not found.records and count:
        raise Problem(WANTED, f"none in {path.name}{f' ({found.unread[0]})' if found.unread else ''}", "Check the path")
    return found


def _entries(path: Path, open_files: ExitStack) -> tuple[Iterator[Entry], int]:
    path = source(path, WANTED)
    if path.is_dir():
        files = _bounded_list(sorted(p for p in path.rglob("*.json") if p.is_file()))
        return ((p.name, lambda p=p: _bytes(p, LARGEST_RECORD)) for p in files), len(files)
    if not path.exists():
        raise Problem(WANTED, f"nothing at {path}", "Check the path")
    stream = open_files.enter_context(opened(path, WANTED))
    if zipfile.is_zipfile(stream):
        archive = open_files.enter_context(zipfile.ZipFile(stream))
        names = _bounded_list([i for i in archive.infolist() if i.filename.endswith(".json") and not i.is_dir()])
        return ((i.filename, lambda i=i: _entry(archive, i)) for i in names), len(names)
    return iter([(path.name, lambda: _bytes(path, LARGEST_LIST))]), 1


def _bounded_list(entries: list[Item]) -> list[Item]:
    if len(entries) > MOST:
        raise Problem(WANTED, f"{len(entries):,} files, more than {MOST:,}", "Give the records of PyPI alone")
    return entries


def _bytes(path: Path, most: int) -> bytes:
    with opened(path, WANTED) as stream:
        return _bounded(stream.read(most + 1), most)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as stream:
            return _bounded(stream.read(LARGEST_RECORD + 1), LARGEST_RECORD)
    except RuntimeError as error:
        raise NotAnAdvisory(f"it cannot be unpacked ({error})") from None


def _bounded(content: bytes, most: int) -> bytes:
    if len(content) > most:
        raise NotAnAdvisory(f"it has more than {most // 2**20} MiB")
    return content


def _take(found: Export, name: str, read: Callable[[], bytes], wanted: Collection[str]) -> None:
    try:
        for value in _values(json.loads(read())):
            _add(found, read_advisory(value), wanted)
    except (NotAnAdvisory, ValueError, RecursionError) as error:
        found.unread.append(f"{Path(name).name}: {error if isinstance(error, NotAnAdvisory) else 'no JSON'}")


def _values(content: Any) -> list[Any]:
    """One record, a list of them, or the ``{"vulns": […]}`` of the service's own answers."""
    if isinstance(content, dict) and isinstance(content.get("vulns"), list):
        return list(content["vulns"])
    return content if isinstance(content, list) else [content]


def _add(found: Export, advisory: Advisory, wanted: Collection[str]) -> None:
    new = advisory.id not in found._ids
    found._ids.add(advisory.id)
    found.records += new
    if not advisory.affected:
        return
    found.pypi += new
    if advisory.changed is not None and (found.newest is None or advisory.changed > found.newest):
        found.newest = advisory.changed
    if not advisory.withdrawn and not advisory.names.isdisjoint(wanted):
        found.advisories.append(advisory)
