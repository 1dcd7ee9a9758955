"""A list of files with their SHA-256, and what has since become of them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..artifacts.hashing import file_sha256
from ..errors import Problem
from ..progress import Progress

FORMAT: Literal[1] = 1


def _safe(path: str) -> str:
    pure = PurePosixPath(path)
    if path != str(pure) or pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path or not path.isprintable():
        raise ValueError("not a plain relative path")
    return path


class Entry(BaseModel):
    """One file: its path from the folder of the signature, its size in bytes, its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    path: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _path(cls, path: str) -> str:
        return _safe(path)


class Manifest(BaseModel):
    """Files named one by one, and folders of which every file is named; the time is what the signer says."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = FORMAT
    made: str = Field(max_length=40)
    folders: tuple[str, ...] = ()
    entries: tuple[Entry, ...]

    @field_validator("folders")
    @classmethod
    def _folders(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_safe(folder) for folder in folders)


class Difference(BaseModel):
    """A file that is not as it was signed."""

    model_config = ConfigDict(frozen=True)
    path: str
    what: Literal["changed", "missing", "added", "unreadable"]
    detail: str = ""


def manifest_of(paths: Sequence[Path], base: Path, made: str, leave_out: Path | None = None, progress: Progress | None = None) -> Manifest:
    """Hash files, and every file of folders.

    Parameters
    ----------
    paths
        Files and folders, all within ``base``.
    base
        The folder that paths in the manifest start from.
    made
        The time, in ISO 8601.
    leave_out
        A file within the folders that is not listed: the signature itself.

    Raises
    ------
    Problem
        Where a path is outside ``base``, is missing, cannot be read, or a folder holds a link or a device.
    """
    progress = progress or Progress()
    folders = tuple(sorted({_relative(path, base) for path in paths if path.is_dir()}))
    found = {_relative(file, base): file for path in paths for file in _files(path) if not _same(file, leave_out)}
    if not found:
        raise Problem("at least one file", "none", "Name a file, or a folder with files")
    entries = []
    for i, (name, file) in enumerate(sorted(found.items())):
        progress.step(i / len(found), "Hashing")
        entries.append(_entry(name, file, progress.part(1 / len(found))))
    return Manifest(made=made, folders=folders, entries=tuple(entries))


def differences(manifest: Manifest, base: Path, leave_out: Path | None = None, progress: Progress | None = None) -> tuple[Difference, ...]:
    """Every file that was changed, is missing, was added to a folder, or cannot be read; empty where all is as it was."""
    progress = progress or Progress()
    found = []
    for i, entry in enumerate(manifest.entries):
        progress.step(i / max(len(manifest.entries), 1), "Hashing")
        found.append(_compared(entry, base / entry.path, progress.part(1 / len(manifest.entries))))
    known = {entry.path for entry in manifest.entries}
    return (*(one for one in found if one), *_added(manifest.folders, known, base, leave_out))


def _added(folders: Sequence[str], known: set[str], base: Path, leave_out: Path | None) -> Iterator[Difference]:
    seen = set(known)
    for file in (file for folder in folders for file in _walk(base / folder) if not _same(file, leave_out)):
        name = file.relative_to(base).as_posix()
        if name not in seen:
            seen.add(name)
            yield Difference(path=name if name.isprintable() else ascii(name), what="added")


def _compared(entry: Entry, file: Path, progress: Progress) -> Difference | None:
    if not os.path.lexists(file):
        return Difference(path=entry.path, what="missing")
    try:
        if not file.is_file():
            return Difference(path=entry.path, what="changed", detail="no longer a file")
        size = file.stat().st_size
        if size != entry.size:
            return Difference(path=entry.path, what="changed", detail=f"{size:,} bytes instead of {entry.size:,}")
        digest = file_sha256(file, progress)
    except OSError as error:
        return Difference(path=entry.path, what="unreadable", detail=error.strerror or str(error))
    return None if digest == entry.sha256 else Difference(path=entry.path, what="changed", detail="other bytes")


def _entry(name: str, file: Path, progress: Progress) -> Entry:
    try:
        return Entry(path=name, size=file.stat().st_size, sha256=file_sha256(file, progress))
    except OSError as error:
        raise Problem(f"a file that can be read at {file}", error.strerror or str(error), "Fix that first") from None


def _relative(path: Path, base: Path) -> str:
    whole = Path(os.path.abspath(path))
    try:
        return _safe(whole.relative_to(os.path.abspath(base)).as_posix())
    except ValueError:
        name = ascii(str(path))
        raise Problem(
            f"plain names within {base}, where the signature lies", name, "Rename it, or put the signature above with --out"
        ) from None


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for file in _walk(path):
            if file.is_symlink() or not file.is_file():
                raise Problem("plain files in a signed folder", f"{file}, a link or a device", "Replace it by the file itself")
            yield file
    elif path.is_file():
        yield path
    else:
        raise Problem("a file or folder", f"no such thing: {path}", "Name one that is there")


def _walk(folder: Path) -> Iterator[Path]:
    """All that is not a folder, below ``folder``; a link to a folder counts as a file."""
    for here, below, names in os.walk(folder):
        yield from (Path(here) / name for name in [*names, *(name for name in below if (Path(here) / name).is_symlink())])


def _same(file: Path, other: Path | None) -> bool:
    return other is not None and os.path.abspath(file) == os.path.abspath(other)
