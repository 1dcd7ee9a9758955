"""Has anything changed of what a warm parent imported?"""

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OURS = ("tiltyard", "tiltyard_widgets")


def stamp() -> str:
    """Another one after any file of ours was changed, came or went, and after a package was installed, updated or removed."""
    digest = hashlib.sha256()
    for path, time, size in sorted(_seen()):
        digest.update(f"{path}\0{time}\0{size}\n".encode())
    return digest.hexdigest()


@cache
def _roots() -> tuple[str, ...]:
    specs = [find_spec(name) for name in OURS]
    return tuple(str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin)


def _seen() -> Iterator[tuple[str, int, int]]:
    for root in _roots():
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != "__pycache__"]
            yield from _facts(os.path.join(folder, name) for name in names)
    for folder in sys.path:
        if os.path.isdir(folder):
            with os.scandir(folder) as entries:
                yield from _facts(entry.path for entry in entries if entry.name.endswith(".dist-info"))


def _facts(paths: Iterator[str]) -> Iterator[tuple[str, int, int]]:
    for path in paths:
        try:
            found = os.stat(path)
        except OSError:
            continue
        yield path, found.st_mtime_ns, found.st_size
