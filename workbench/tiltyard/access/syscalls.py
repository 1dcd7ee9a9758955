"""A filter of system calls (seccomp) for what Landlock leaves open to a process that has given up its files.

Landlock guards what is opened. It does not guard who may read a file (``chmod``), sockets that have a name in a folder (a
desktop's bus, an agent, a container engine's: whoever may connect has them start programs), shared memory without a
file, which counts against no limit of a process, nor another process's limits and priority (a thread's own it may lower). It does not keep from waiting for connections in the server's place
(``[::1]`` beside its ``127.0.0.1``: a browser asks there first, with its cookies), nor who may read a file from holding up
all others that open it (a lease), nor from a group and session of one's own, which no signal to the kernel's reaches and which has a share of the
processor of its own. ``io_uring`` would do all of it past a filter, so it goes too.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple


class Machine(NamedTuple):
    """What of the filter differs by architecture: its number in the audit, and those of the calls that are older than number 424."""

    audit: int
    unheard: tuple[int, ...]
    refused: tuple[int, ...]
    limits: int
    priority: int
    clone: int
    socket: int
    socketpair: int
    fcntl: int
    ioctl: int
    prctl: int
    mmap: int


MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        # chmod fchmod fchmodat, chown fchown lchown fchownat, (l f)setxattr, (l f)removexattr, utime utimes futimesat utimensat,
        # sched_setaffinity sched_setscheduler sched_setparam sched_setattr, setpgid setsid
        unheard=(90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199, 132, 235, 261, 280, 203, 144, 142, 314, 109, 112),
        # add_key request_key keyctl, bpf perf_event_open userfaultfd, unshare setns, shmget semget msgget mq_open,
        # inotify_add_watch fanotify_init, name_to_handle_at open_by_handle_at, ioprio_set, listen, memfd_create
        refused=(248, 249, 250, 321, 298, 323, 272, 308, 29, 64, 68, 240, 254, 300, 303, 304, 251, 50, 319),
        limits=302,  # prlimit64
        priority=141,  # setpriority
        clone=56,
        socket=41,
        socketpair=53,
        fcntl=72,
        ioctl=16,
        prctl=157,
        mmap=9,
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        unheard=(52, 53, 54, 55, 5, 6, 7, 14, 15, 16, 88, 122, 119, 118, 274, 154, 157),
        refused=(217, 218, 219, 280, 241, 282, 97, 268, 194, 190, 186, 180, 27, 262, 264, 265, 30, 201, 279),
        limits=261,
        priority=140,
        clone=220,
        socket=198,
        socketpair=199,
        fcntl=25,
        ioctl=29,
        prctl=167,
        mmap=222,
    ),
}
UNHEARD = (452, 463, 466, 469)  # fchmodat2 setxattrat removexattrat file_setattr
ABSENT = (
    425,
    426,
    427,
    435,
    447,
)  # io_uring_setup io_uring_enter io_uring_register; clone3, whose flags no filter can read, so that clone is called; memfd_secret

NEW_SPACES = 0x7E020000  # clone's flags for namespaces of its own, in which it would be root
INTERNET = (2, 10, 16)  # AF_INET, AF_INET6, and AF_NETLINK, by which the C library learns what addresses there are
HOLDING = (1024, 1026, 1040)  # F_SETLEASE, F_NOTIFY, F_SETDELEG: on a file that one may only read
# FS_IOC_SETFLAGS (and of 32 bits), FS_IOC_FSSETXATTR, FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY: likewise
MARKING = (0x40086602, 0x40046602, 0x401C5820, 0x40806685, 0x800C6613)
ADOPTING = 36  # PR_SET_CHILD_SUBREAPER
OF_NO_FILE = 0x21  # MAP_SHARED and MAP_ANONYMOUS: memory that no limit of a process counts
STREAM, KIND = 1, 0xF  # a pair of datagram sockets could be turned to any name
X32 = 0x40000000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ERRNO, _ALLOWED = 0x00050000, 0x7FFF0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_GET_SECCOMP, _SET_SECCOMP, _FILTER = 21, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def filters() -> bool:
    """Does this system know filters of system calls?"""
    return sys.platform == "linux" and int(ctypes.CDLL(None).prctl(_GET_SECCOMP, 0, 0, 0, 0)) >= 0


def machine() -> Machine | None:
    """The numbers of this architecture, or None where they are not known here."""
    known = sys.platform == "linux" and sys.byteorder == "little" and ctypes.sizeof(ctypes.c_void_p) == 8
    return MACHINES.get(os.uname().machine) if known else None


def program(of: Machine) -> bytes:
    """The filter as the kernel reads it, eight bytes an instruction.

    What changes who may open a file, how a process is scheduled, or whose group it is in, is *unheard*: it answers well and changes nothing, so that a
    library that copies a file with its mode goes on, and so does libzmq, that stops where its threads keep their schedule.
    """
    lines = [_line(_LOAD, _ARCHITECTURE), _line(_EQUAL, of.audit, 1, 0), _no(EPERM), _line(_LOAD, _NUMBER)]
    lines += [_line(_AT_LEAST, X32, 0, 1), _no(ENOSYS)]
    for numbers, error in ((of.unheard + UNHEARD, 0), (of.refused, EPERM), (ABSENT, ENOSYS)):
        for number in numbers:
            lines += [_line(_EQUAL, number, 0, 1), _no(error)]
    lines += _unless(of.limits, 0, (0,), EPERM)  # for oneself, who is process 0
    lines += _where_not(of.priority, 0, 0, EPERM) + _unless(
        of.priority, 1, (0,), EPERM
    )  # of the thread that asks, never of a group or an account
    lines += _unless(of.clone, 0, (0,), EPERM, NEW_SPACES)
    lines += _unless(of.socket, 0, INTERNET, EAFNOSUPPORT)
    lines += _unless(of.socketpair, 1, (STREAM,), EAFNOSUPPORT, KIND)
    lines += _where(of.fcntl, 1, HOLDING, EPERM)
    lines += _where(of.ioctl, 1, MARKING, EPERM)
    lines += _where(of.prctl, 0, (ADOPTING,), EPERM)
    lines += _where(of.mmap, 3, (OF_NO_FILE,), EPERM, OF_NO_FILE)
    return b"".join([*lines, _line(_RETURN, _ALLOWED)])


def filter_calls(of: Machine) -> None:
    """Put the filter over this process and all it starts; it must have set PR_SET_NO_NEW_PRIVS."""
    lines = program(of)
    put = _Program(len(lines) // 8, lines)
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_SECCOMP, _FILTER, ctypes.byref(put), 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")


def _unless(number: int, argument: int, values: Iterable[int], error: int, mask: int = 0xFFFFFFFF) -> list[bytes]:
    """Refuse call ``number`` unless the lower half of an argument, under ``mask``, is one of ``values``."""
    good = list(values)
    tests = [_line(_EQUAL, value, len(good) - at, 0) for at, value in enumerate(good)]
    body = [_line(_LOAD, _ARGUMENTS + 8 * argument), _line(_AND, mask), *tests, _no(error), _line(_RETURN, _ALLOWED)]
    return [_line(_EQUAL, number, 0, len(body)), *body]


def _where(number: int, argument: int, values: Iterable[int], error: int, mask: int = 0xFFFFFFFF) -> list[bytes]:
    """Refuse call ``number`` where the lower half of an argument, under ``mask``, is one of ``values``."""
    bad = list(values)
    tests = [_line(_EQUAL, value, len(bad) - at, 0) for at, value in enumerate(bad)]
    body = [_line(_LOAD, _ARGUMENTS + 8 * argument), _line(_AND, mask), *tests, _line(_RETURN, _ALLOWED), _no(error)]
    return [_line(_EQUAL, number, 0, len(body)), *body]


def _where_not(number: int, argument: int, value: int, error: int) -> list[bytes]:
    """Refuse call ``number`` where the lower half of an argument is another than ``value``; else look at it further."""
    body = [_line(_LOAD, _ARGUMENTS + 8 * argument), _line(_EQUAL, value, 1, 0), _no(error), _line(_LOAD, _NUMBER)]
    return [_line(_EQUAL, number, 0, len(body)), *body]


def _no(error: int) -> bytes:
    return _line(_RETURN, _ERRNO | error)


def _line(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_so, if_not, value)
