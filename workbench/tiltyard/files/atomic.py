"""A file appears whole under its name or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import Problem


def refuse_existing(path: Path) -> None:
    """Raise `Problem` where something already has this name; a dangling link counts."""
    if os.path.lexists(path):
        raise Problem(
            "a name not in use",
            f"{path}, which is there",
            "Name another file, move that one away, or replace it by --overwrite in the shell, overwrite=True in Python",
        )


def sync_folder(folder: Path) -> None:
    """Make new names in ``folder`` last through a loss of power, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def new_file(path: Path, mode: int = 0o600, replace: bool = False) -> Iterator[BinaryIO]:
    """A file only its owner can read (or of ``mode``), to be written; it gets the name ``path`` when the block ends well, and replaces another only with ``replace``.

    Where the system has nameless files (Linux), even a killed process leaves nothing behind. Elsewhere the bytes lie
    beside ``path`` in a temporary file with mode 0600 until they are renamed.
    """
    if not replace:
        refuse_existing(path)
    if not path.parent.is_dir():
        raise Problem(f"a folder {path.parent}", "none", "Make it first")
    handle = None if replace else _nameless(path.parent)
    if handle is None:
        yield from _renamed(path, mode, replace)
        return
    with os.fdopen(handle, "wb") as stream:
        yield stream
        _finish(stream, mode)
        _give_name(handle, path)
    sync_folder(path.parent)


def _nameless(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDWR | getattr(os, "O_TMPFILE", 0), 0o600)
    except OSError:
        return None


def _give_name(handle: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Without a folder handle Python calls link(), which does not follow the link in /proc.
        os.link(f"/proc/self/fd/{handle}", path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        refuse_existing(path)
        raise
    finally:
        os.close(folder)


def _renamed(path: Path, mode: int, replace: bool) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            _finish(stream, mode)
        if not replace:
            refuse_existing(path)
        _rename(Path(name), path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _finish(stream: BinaryIO, mode: int) -> None:
    """The bytes are on the disk, and who may read them is settled, before the file gets its name."""
    stream.flush()
    if mode != 0o600 and hasattr(os, "fchmod"):
        os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of the file at ``path`` in one step, kept through a loss of power; callers hold a lock.

    The bytes lie beside it under one name first, so that kills leave one such file and not one each.
    """
    beside = path.with_name(path.name + ".part")
    with suppress(FileNotFoundError):
        os.unlink(beside)  # left by a kill, or laid there by another: a file of theirs, or a link, would get what we write
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        _finish(stream, 0o600)
    _rename(beside, path)


def _rename(written: Path, path: Path) -> None:
    os.replace(written, path)
    sync_folder(path.parent)
