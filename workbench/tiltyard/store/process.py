"""Which process wrote something, and does it still live? A process id alone is given out again."""

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from ..result import Frozen


class Process(Frozen):
    """A process for all time: host, id, and when it started (in the words of its system, with the boot it belongs to)."""

    host: str
    pid: int
    started: str


@cache
def host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def _linux(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _posix(pid: int) -> str:
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _windows(pid: int) -> str:
    line = f"(Get-Process -Id {pid}).StartTime.Ticks"
    asked = subprocess.run(["powershell", "-NoProfile", "-Command", line], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def started(pid: int) -> str:
    """When the process started; an empty string where no such process lives on this host."""
    if sys.platform.startswith("linux"):
        return _linux(pid)
    return _windows(pid) if sys.platform == "win32" else _posix(pid)


_own: dict[int, Process] = {}


def this() -> Process:
    """The process that asks; asked anew after a fork."""
    pid = os.getpid()
    if pid not in _own:
        _own[pid] = Process(host=host(), pid=pid, started=started(pid))
    return _own[pid]


def lives(process: Process) -> bool:
    """Does it still run? True for another host's, which cannot be looked up from here."""
    if process.host != host() or process == this():
        return True
    return started(process.pid) == process.started
