"""Verdicts of earlier scans, kept by what decides them: the bytes, the name, and this version of the scanner itself."""

import json
import os
from functools import cache
from hashlib import sha256
from pathlib import Path

from ..artifacts.formats import Format
from ..artifacts.hashing import sha256_of
from ..artifacts.verdict import Verdict
from ..files.reading import opened
from ..version import __version__

MOST_KEPT = 5_000
SMALLEST, LARGEST = 64 << 10, 64 << 20
"""Smaller files are judged as fast as they are looked up; larger ones take their time in the hash, which is taken either way."""
_OTHERS = frozenset({Format.ONNX})  # their verdict depends on files beside them


class ScanCache:
    """A folder of verdicts, for its owner alone.

    Parameters
    ----------
    folder
        Where it lies; made when first needed. None: the user's own cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the verdicts lie."""
        self._folder = self._folder or _own()
        return self._folder

    def find(self, path: Path) -> Verdict | None:
        """The verdict kept of these very bytes under this name; None where there is none."""
        file = self._place(path)
        if file is None:
            return None
        try:
            return Verdict.model_validate(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError):
            return None

    def keep(self, path: Path, verdict: Verdict) -> None:
        """Keep a verdict; where the folder cannot be written, nothing is kept."""
        if not SMALLEST <= verdict.size <= LARGEST or verdict.format in _OTHERS:
            return
        file = self.folder / f"{_key(verdict.sha256, path.name)}.json"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(1 for _ in os.scandir(self.folder)) < MOST_KEPT:
                part = file.with_suffix(f".{os.getpid()}")
                part.write_text(verdict.model_dump_json(), "utf-8")
                part.replace(file)
        except OSError:
            return

    def _place(self, path: Path) -> Path | None:
        try:
            if not SMALLEST <= path.stat().st_size <= LARGEST or not self.folder.is_dir() or not _mine(self.folder):
                return None
            with opened(path, "a file to scan") as stream:
                return self.folder / f"{_key(sha256_of(stream), path.name)}.json"
        except OSError:
            return None


def _mine(folder: Path) -> bool:
    """Nobody else may write there: a verdict laid there by another would be believed."""
    facts = folder.stat()
    return not hasattr(os, "getuid") or (facts.st_uid == os.getuid() and not facts.st_mode & 0o022)


def _own() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_path("tiltyard", appauthor=False)) / "scans"


def _key(digest: str, name: str) -> str:
    return sha256(f"{digest} {name} {scanner()}".encode("utf-8", "surrogateescape")).hexdigest()


@cache
def scanner() -> str:
    """This version of the scanner: its number, and its sources as they stand."""
    folder = Path(__file__).parent.parent / "artifacts"
    facts = sorted((p.relative_to(folder).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*.py"))
    return sha256(f"{__version__} {facts}".encode()).hexdigest()
