"""A file to read is opened once, and what was looked at is what is read: never a device, a pipe or a folder."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import Problem

SYSTEM = ("/dev", "/proc", "/sys")
READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
WALKING = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Unfit(Problem):
    """A path that names nothing to be read or written here; it says nothing of what a file holds."""

    code = "TY-FILE"

    quotes = False


def opened(path: str | os.PathLike[str], what: str = "a file") -> BinaryIO:
    """The regular file at ``path``, open for reading.

    Its links are followed once, here; what is opened then is the real path, and what the descriptor says of itself decides.
    A pipe nobody writes to holds nobody up.

    Parameters
    ----------
    what
        What was expected there, for messages.

    Raises
    ------
    Unfit
        Where it is missing, or no regular file.
    OSError
        Where it may not be read.
    """
    return opened_real(resolved(path, what), what, shown=os.fspath(path))


def opened_real(real: Path, what: str, root: Path | None = None, shown: str = "") -> BinaryIO:
    """As `opened`, of a path that is `resolved`: it is not followed again.

    Parameters
    ----------
    root
        A real folder that the file lies in; every name below it is opened from the one before, without a link.
    shown
        How the path was given.
    """
    name = Path(shown or real).name or str(real)
    try:
        _regular(os.lstat(real), name, what)
        handle = _below(root, real) if root is not None else os.open(real, _reading())
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise Unfit(f"{what} that stays as it is while it is opened", f"{name}, which changed", "Open it again") from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise Unfit(what, f"nothing at {shown or real}", "Check the path") from None
        raise
    try:
        _regular(os.fstat(handle), name, what)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def resolved(path: str | os.PathLike[str], what: str = "a file") -> Path:
    """The real path, every link followed; `Unfit` for one of the system's own."""
    text = os.fspath(path)
    if not text.strip() or "\0" in text:
        raise Unfit(f"the path of {what}", repr(text[:80]), "Check the path")
    real = Path(os.path.realpath(text))
    if _system(Path(os.path.abspath(text))) or _system(real):
        raise Unfit(what, f"{Path(text).name}, which is the system's own and no regular file", "Copy what you need to a file")
    return real


def within(real: Path, roots: Sequence[Path]) -> Path | None:
    """The first of ``roots`` that the real path lies in, or None."""
    return next((root for root in roots if root in real.parents), None)


def _system(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in SYSTEM)


def _regular(facts: os.stat_result, name: str, what: str) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise Unfit(what, f"the folder {name}", "Give a file in it")
    if not stat.S_ISREG(facts.st_mode) or facts.st_dev in _mounted():
        raise Unfit(what, f"{name}, which is no regular file", "Give a file")


def _mounted() -> set[int]:
    """Devices of /proc and /sys, wherever else they are mounted; of the root where there are none, which is nobody's file."""
    found = set()
    for place in ("/proc", "/sys"):
        try:
            device = os.stat(place).st_dev
        except OSError:
            continue
        if device != os.stat("/").st_dev:
            found.add(device)
    return found


def _reading() -> int:
    # Non-blocking, for a named pipe would otherwise hold us until someone writes.
    return READING | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


def _below(root: Path, real: Path) -> int:
    if os.open not in os.supports_dir_fd:
        return os.open(real, _reading())
    *folders, name = real.relative_to(root).parts
    handle = os.open(root, WALKING)
    try:
        for folder in folders:
            inner = os.open(folder, WALKING, dir_fd=handle)
            os.close(handle)
            handle = inner
        return os.open(name, _reading(), dir_fd=handle)
    finally:
        os.close(handle)
