"""Verdicts kept on the server by hash: which files of a folder were scanned, and are still as they were."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from tiltyard.artifacts.hashing import sha256_of
from tiltyard.files.reading import opened
from tiltyard.progress import Progress

from .forms import KnownVerdict, KnownVerdicts
from .inside import resolved

MOST = 20_000
MOST_BYTES = 32 << 20
MOST_HASHED = 256 << 20
"""Bytes of one folder that are hashed anew to show its badges."""


class Verdicts:
    """What scans found under one top folder: of each path its SHA-256, verdict, size, and times of change.

    Who writes a file can set its time back, but not the time at which its entry changed: where only that differs, the bytes are hashed anew.

    Parameters
    ----------
    root
        The file browser's top folder.
    folder
        Where the file with the verdicts lies. None: the user's own cache folder.
    """

    def __init__(self, root: str, folder: Path | None = None) -> None:
        self.root = root
        self._folder = folder or _own()
        self._left = MOST_HASHED
        self._file = self._folder / f"{sha256(os.fsencode(root)).hexdigest()}.json"

    def keep(self, lines: list[dict[str, Any]]) -> None:
        """Take up what a worker wrote; where the folder cannot be written, nothing is kept."""
        known = self._load()
        for line in lines:
            file = line.get("file") or {}
            verdict, state = file.get("verdict"), line.get("state")
            if verdict and state and file["kind"] == "model":
                known.pop(file["path"], None)
                known[file["path"]] = [verdict["sha256"], verdict["verdict"], *state]
        kept = dict(list(known.items())[-MOST:])
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = self._file.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps({"scanner": _scanner(), "files": kept}), "utf-8")
            part.replace(self._file)
        except OSError:
            return

    def of(self, path: str, hidden: bool) -> KnownVerdicts:
        """What is known of the files right in the folder ``path``; those that changed since are left out."""
        resolved(self.root, path, hidden)
        prefix = f"{path}/" if path else ""
        there = {name: entry for name, entry in self._load().items() if name.startswith(prefix) and "/" not in name[len(prefix) :]}
        self._left = MOST_HASHED
        found = [self._still(name, entry) for name, entry in there.items()]
        return KnownVerdicts(files=tuple(one for one in found if one is not None))

    def _still(self, name: str, entry: list[Any]) -> KnownVerdict | None:
        try:
            facts = os.stat(Path(self.root, *name.split("/")))
        except (OSError, ValueError):
            return None
        if [facts.st_size, facts.st_mtime_ns] != entry[2:4]:
            return None
        if facts.st_ctime_ns != entry[4] and not self._same(Path(self.root, *name.split("/")), facts.st_size, entry[0]):
            return None
        return KnownVerdict(path=name, sha256=entry[0], verdict=entry[1], modified=facts.st_mtime_ns / 1e6)

    def _same(self, path: Path, size: int, digest: str) -> bool:
        """Whether the bytes are those that were judged; of more than the bound nothing is claimed."""
        self._left -= size
        if self._left < 0:
            return False
        try:
            with opened(path) as stream:
                return sha256_of(stream, Progress()) == digest
        except OSError:
            return False

    def _load(self) -> dict[str, list[Any]]:
        try:
            if self._file.stat().st_size > MOST_BYTES:
                return {}
            found = json.loads(self._file.read_text("utf-8"))
            files = found["files"] if found["scanner"] == _scanner() else {}
            return {name: entry for name, entry in files.items() if isinstance(entry, list) and len(entry) == 5}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _own() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_path("tiltyard", appauthor=False)) / "lab"


def _scanner() -> str:
    from tiltyard.published.scan_cache import scanner

    return scanner()
