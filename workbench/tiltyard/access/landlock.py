"""Landlock: a Linux process gives up, for itself and all it starts, every file but those named here (Salaün, landlock(7)).

It needs no right to do so, cannot be undone, and forbids as well to trace, or to read the memory and environment of,
a process outside; from ABI 6 on also to send one a signal.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable

LEAST = 3  # before it a file could be cut short by whoever may not write it
SIGNALS = 6  # from here on no signal goes out
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same number on every architecture
_ASK_VERSION, _BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
TRUNCATE, IOCTL = 1 << 14, 1 << 15
ALL = {3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by the ABI that brought them
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
READING = EXECUTE | READ_FILE | READ_DIR
SCOPES = 0b11  # abstract sockets and signals


class _Handled(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock that this system has; 0 where it has none or does not allow it."""
    if sys.platform != "linux":
        return 0
    try:
        return max(int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))), 0)
    except (OSError, AttributeError):
        return 0


def restrict(reads: Iterable[str], writes: Iterable[str], devices: Iterable[str] = ()) -> None:
    """Leave this process the files below ``reads`` to read and run, and those below ``writes`` to read, make, change and delete.

    ``devices`` may be read and written. A path that is not there is passed over, for nothing can be there later either.
    The process must have one thread, and must have set PR_SET_NO_NEW_PRIVS.
    """
    version = abi()
    if version < LEAST:
        raise OSError(f"Landlock ABI {LEAST} is needed; here is {version}")
    all_files = ALL[5] if version >= 5 else ALL[3]
    handled = _Handled(all_files, 0, SCOPES if version >= SIGNALS else 0)
    size = ctypes.sizeof(_Handled) if version >= SIGNALS else 8
    rules = _called(_CREATE, ctypes.byref(handled), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for paths, rights in (
            (reads, READING),
            (writes, all_files & ~(EXECUTE | MAKE_CHAR | MAKE_BLOCK | IOCTL)),
            (devices, READ_FILE | WRITE_FILE | READ_DIR | IOCTL),
        ):
            for path in paths:
                _allow(rules, path, rights & all_files)
        _called(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        beneath = _Beneath(rights if folder else rights & OF_FILES, handle)
        _called(_ADD, ctypes.c_int(rules), ctypes.c_int(_BENEATH), ctypes.byref(beneath), ctypes.c_uint32(0))
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _called(number: int, *words: object) -> int:
    result = int(_libc().syscall(number, *words))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
