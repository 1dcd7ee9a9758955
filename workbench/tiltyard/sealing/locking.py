"""One writer at a time, among threads and processes."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Problem

_within = threading.Lock()


def wait_for(handle: int) -> None:
    """Take the lock; the system gives it back when the handle is closed or its process dies."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def taken(handle: int) -> bool:
    """Take the lock where nobody has it, to be given back as that of `wait_for`; False where somebody does."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with ``path`` while the block lasts; the lock is the file ``path``.lock beside it."""
    with _within:
        try:
            handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Problem(f"a folder {path.parent} that can be written", f"{error.strerror or error}", "Choose another") from None
        try:
            wait_for(handle)
            yield
        finally:
            os.close(handle)
