"""One writer at a time, among threads and processes: the system's own lock on an open file, by way of `filelock`."""

import os
import platform
import stat
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import Problem

HOLDER_BYTES = 200  # bytes
HOLDER_AT = 1  # the first byte is the one that Windows locks, and nobody else reads it then
POLL = 0.005  # seconds


def try_lock(handle: int) -> bool:
    """Lock the open file, to be given back when the handle is closed or its process dies; False where another has the lock."""
    from filelock import lock_descriptor

    try:
        return lock_descriptor(handle, blocking=False)
    except OSError:  # a file system without locks
        return False


@contextmanager
def locked(path: Path, makes: bool = True) -> Iterator[None]:
    """Alone with ``path`` while the block lasts, among threads too; the lock is the file ``path``.lock beside it.

    Parameters
    ----------
    makes
        Whether that file is made where there is none; who only reads goes without, for the folder may be closed to them.
    """
    flags = os.O_RDWR | os.O_CREAT if makes else os.O_RDONLY
    try:
        handle = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    except OSError as error:
        if makes:
            raise Problem(f"a folder {path.parent} that can be written", f"{error.strerror or error}", "Choose another") from None
        yield
        return
    from filelock import lock_descriptor

    try:
        lock_descriptor(handle, poll_interval=POLL)
        yield
    finally:
        os.close(handle)


class ProcessLock:
    """A file that one process holds as long as it lives, or until `close`. Another that wants it gets a `Problem` that names the holder.

    The lock is the system's, on a file beside the real one and on the one that is there: a killed process leaves none behind, its
    copies mean nothing, and links, mounts and other spellings of the path lead to the same. What stands in it only says who holds
    it. A forked child does not hold it. On a network file system it holds as far as that one's own locks do.

    Parameters
    ----------
    what
        What it is, in words, for the refusal.

    Raises
    ------
    Problem
        Where another holds it, its folder cannot be written, or the file has several names (hard links).
    """

    def __init__(self, path: Path, what: str, do: str) -> None:
        self.path = Path(os.path.realpath(path))
        self.place = self.path.with_name(self.path.name + ".held")
        self.what = what
        self.do = do
        self.pid = os.getpid()
        if self.path.exists() and (names := self.path.stat().st_nlink) > 1:
            raise Problem(f"{what} under one name", f"{self.path}, which has {names} (hard links)", "Keep one of them")
        self._handle = self._locked()
        handles = [self._handle]
        self._closing = weakref.finalize(self, _closed, handles)
        handles += self._on_the_file()
        _open_locks.add(self)

    def check(self) -> None:
        """Raise `Problem` where it is no longer held: let go, in a forked child, or where somebody removed the lock's file."""
        if os.getpid() != self.pid:
            found = f"process {os.getpid()}, forked from it"
            raise Problem(f"{self.what} in the process that holds it, {self.pid}", found, "Start one server, without forks")
        with suppress(FileNotFoundError):
            if self._closing.alive and os.path.samestat(os.stat(self.place, follow_symlinks=False), os.fstat(self._handle)):
                return
        self.close()  # another may have held it since, so what is known here may be old
        raise Problem(f"{self.what} that is held", f"that {self.place} was removed or released", "Start the server again")

    def close(self) -> None:
        """Let go of it."""
        self._closing()

    def _locked(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            handle = os.open(self.place, flags, 0o600)
        except OSError as error:
            raise Problem(f"a file {self.place} that can be written", f"{error.strerror or error}", "Choose another folder") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Problem(f"a file {self.place}", "a device, pipe or folder", "Take it away")
        alone = try_lock(handle)
        os.lseek(handle, HOLDER_AT, os.SEEK_SET)
        if alone:
            os.ftruncate(handle, HOLDER_AT)
            os.write(handle, f"process {os.getpid()} on {platform.node()}".encode()[:HOLDER_BYTES])
            return handle
        holder = os.read(handle, HOLDER_BYTES).decode("ascii", "replace")
        os.close(handle)
        raise self._lost(holder if holder.isprintable() and holder.startswith("process ") else "another process")

    def _on_the_file(self) -> list[int]:
        """A lock on the file that is there now, for it may be mounted, or have been moved, elsewhere; Windows would keep readers out."""
        try:
            handle = os.open(self.path, os.O_RDWR) if sys.platform != "win32" else -1
        except OSError:  # none yet, or not ours to write: then nobody writes it from here
            return []
        if handle < 0:
            return []
        if not try_lock(handle):
            os.close(handle)
            self.close()
            raise self._lost("another process under another name")
        return [handle]

    def _lost(self, holder: str) -> Problem:
        return Problem(f"{self.what} that no other server holds", f"{self.path}, held by {holder}", self.do)


def _closed(handles: list[int]) -> None:
    for handle in handles:
        os.close(handle)


def _forked() -> None:
    """A child keeps no lock of its parent's alive."""
    for held in tuple(_open_locks):
        held.close()


_open_locks: "weakref.WeakSet[ProcessLock]" = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
