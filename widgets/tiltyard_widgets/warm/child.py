"""From the moment after the fork on: one of many twins becomes somebody's kernel, and has nothing of the others."""

import atexit
import gc
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tiltyard.child_processes.chance import reseed
from tiltyard.child_processes.twin import closed_but

from .request import Request, read
from .title import entitle

BEFORE_OTHERS = 500  # of a scale to 1000: as if it had half of all memory beside its own
ALOFT = 1 << 9  # at least: above the numbers that a request's handles have


def become(handles: list[int], restore: Callable[[], None]) -> NoReturn:
    """Read what is asked of the first of ``handles``, give the others the numbers it says, and run it; the process ends with it."""
    code = 1
    try:
        code = _ran(_alone(handles), restore)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        with suppress(Exception):
            traceback.print_exc()
    finally:
        _end(code)


def _alone(handles: list[int]) -> Request:
    """The request, once nothing is open but what it gives."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for left in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(left, signal.SIG_DFL)
    with os.fdopen(os.dup(handles[0]), "rb") as source:
        request = read(source.read())
    above = max([ALOFT, *(number + 1 for number in request.handles)])  # a server of thirty pages has more files open than that
    held = [_aloft(handle, above) for handle in handles[1:]]
    closed_but({0, 1, 2, *held})
    for handle, number in zip(held, request.handles, strict=True):
        os.dup2(handle, number, inheritable=number <= 2)
        os.close(handle)
    return request


def _aloft(handle: int, above: int) -> int:
    import fcntl

    return fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, above)


def _ran(request: Request, restore: Callable[[], None]) -> int:
    first_to_go()
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    _stilled({0, 1, 2} if request.quiet else {0}, request.handles)
    entitle(f"tiltyard kernel {request.module} {request.arguments[-1] if request.arguments else ''}")
    reseed()
    restore()
    gc.enable()
    sys.argv[:] = [request.module, *request.arguments]
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)
    return 0


def _stilled(streams: set[int], given: Collection[int]) -> None:
    """No input, and no output of the owner's where it is not theirs, but what is given to it as such."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in streams.difference(given):
        os.dup2(nothing, number)
    if nothing > 2:
        os.close(nothing)


def first_to_go() -> None:
    """Where memory runs out the system ends this process before its parent: that looks larger, for all that is shared counts as its own, and every page comes from it."""
    place = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        place.write_text(str(max(BEFORE_OTHERS, int(place.read_text()))), encoding="ascii")


def _end(code: int) -> NoReturn:
    """As a Python ends, less the taking apart of all that was imported, which would copy it first."""
    with suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)
