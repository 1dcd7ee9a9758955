"""Paths stay inside the contents root: nothing above it, nothing a link leads out to, also when a link is put there meanwhile."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from tiltyard.errors import Problem

from .refusals import Absent, Malformed, Outside, Shut

DO = "Name a file as the file browser does: relative to its top folder"


def resolved(root: str | Path, path: str, hidden: bool = True) -> Path:
    """The real path of what ``path`` (relative, with ``/``) names below ``root``.

    Raises
    ------
    Malformed
        Where it is absolute, climbs, or holds what no name holds.
    Absent
        Where a name on the way begins with a dot and ``hidden`` files are not shown.
    Outside
        Where a link leads out of ``root``.
    """
    parts = _parts(path, hidden)
    try:
        top = Path(os.path.realpath(root))
        real = Path(os.path.realpath(top.joinpath(*parts)))
    except (OSError, ValueError):
        raise Malformed("a path that can be followed", _shown(path), DO) from None
    if real != top and top not in real.parents:
        raise Outside("a path inside this server's files", f"{_shown(path)}, a link that leads out of them", DO)
    return real


def _parts(path: str, hidden: bool) -> list[str]:
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") for part in parts):
        raise Malformed("a relative path without . and ..", _shown(path), DO)
    if any(c in part for part in parts for c in ("\0", "\\") + ((":",) if os.name == "nt" else ())):
        raise Malformed("a path of plain names", _shown(path), DO)
    if not hidden and any(part.startswith(".") for part in parts):
        raise Absent("a file that the file browser shows", f"{_shown(path)}, which is hidden", DO)
    return parts


def _shown(path: str) -> str:
    return ascii(path if len(path) <= 200 else path[:200] + "…")


def unreadable(path: str, error: OSError) -> Problem:
    """What kept the server from reading ``path``."""
    found = f"{_shown(path)}: {error.strerror or error}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return Shut("a file or folder that this server may read", found, "Check its permissions")
    return Absent("a file that can be read", found, "Check its name")


def opened(root: str | Path, path: str, hidden: bool = True) -> BinaryIO:
    """The regular file ``path`` below ``root``, open for reading; no link is followed on the way that was not followed by `resolved`.

    Raises
    ------
    Malformed, Outside, Absent, Shut
        In one line that shows no path but the one given.
    """
    real = resolved(root, path, hidden)
    top = Path(os.path.realpath(root))
    try:
        handle = _open(top, real.relative_to(top).parts)
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Absent("a regular file", f"{_shown(path)}, which is a folder or device", "Name the file")
    return os.fdopen(handle, "rb")


def _open(top: Path, parts: tuple[str, ...]) -> int:
    # Non-blocking, for a named pipe would otherwise hold us until someone writes.
    reading = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if os.open not in os.supports_dir_fd:
        return os.open(top.joinpath(*parts), reading)
    handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for i, part in enumerate(parts):
        last = i + 1 == len(parts)
        try:
            inner = os.open(part, (reading if last else os.O_RDONLY | os.O_DIRECTORY) | os.O_NOFOLLOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    return handle
