"""Confinement of a kernel of somebody behind a shared login, so that whoever takes it over gains little."""

import ctypes
import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from . import landlock, syscalls
from .person import account

SYSTEM = """/usr /bin /sbin /lib /lib32 /lib64 /libx32 /nix/store /gnu/store /run/current-system/sw /proc
/sys/devices /sys/bus/pci /sys/class/drm /sys/fs/cgroup /var/cache/fontconfig
/etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/ld.so.preload /etc/alternatives /etc/fonts /etc/localtime /etc/timezone
/etc/ssl/certs /etc/ssl/openssl.cnf /etc/ca-certificates /etc/pki/tls/certs /etc/pki/ca-trust /etc/crypto-policies
/etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts /etc/host.conf /etc/gai.conf /etc/resolv.conf /etc/services /etc/protocols
/etc/mime.types /etc/os-release""".split()
DEVICES = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/dri /dev/kfd".split()
CAPABILITIES = 64
OPEN_FILES = 1024  # of one process: each may be a pipe or socket, whose buffers count against no other limit
_SUBREAPER = 36
_NO_NEW_PRIVILEGES, _DROP, _CAPSET, _VERSION = 38, 24, {"x86_64": 126, "aarch64": 91}, 0x20080522


@dataclass(frozen=True)
class Confines:
    """What a confined process may read and run, and what it may also change; all else of the disk is out of its reach.

    ``memory`` is how many bytes it and each process that it starts may take beyond what it begins with, ``file`` how many a file that
    it writes may have, ``cores`` on how many cores it runs; 0 is no bound.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    memory: int = 0
    file: int = 0
    cores: int = 0


def impossible() -> str:
    """Why this system cannot confine a process, as a clause, or nothing where it can."""
    if sys.platform != "linux":
        return "only Linux can"
    if syscalls.machine() is None:
        return f"not on {os.uname().machine}"
    if not syscalls.filters():
        return "this Linux has no filters of system calls"
    found = landlock.abi()
    return "" if found >= landlock.LEAST else f"it wants Linux 6.2 or newer with Landlock (ABI {landlock.LEAST}; here {found})"


def python_places() -> tuple[str, ...]:
    """The folders that hold this Python, its libraries and ours, wherever they are imported from."""
    packages = {path for path in sys.path if _package_folder(path)}
    own = {str(Path(__file__).parents[2])}
    return tuple(
        sorted({sys.prefix, sys.base_prefix, sys.exec_prefix, sysconfig.get_path("stdlib"), *site.getsitepackages(), *packages, *own})
    )


def _package_folder(path: str) -> bool:
    """A folder of installed packages or of a checkout, not the one that this was started in."""
    return bool(path) and os.path.isdir(path) and not os.path.samefile(path, os.getcwd())


def system_places() -> tuple[str, ...]:
    """What every program of this system needs to read."""
    return tuple(SYSTEM)


def confine(confines: Confines) -> None:
    """Give up, for this process and all it starts, every file but those named, every right of root and every way to other processes.

    Landlock keeps it from files, from the memory and environment of processes outside and, with ABI 6, from signaling them; a
    filter of system calls from what Landlock does not guard (see `syscalls`). What it makes is its account's alone to read. The
    process must have a single thread.
    """
    import resource

    machine = syscalls.machine()
    if machine is None:
        raise OSError("there is no filter of system calls for this machine")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    adopt()
    bound(confines)
    _give_up_rights()
    landlock.restrict(confines.reads, confines.writes, [*DEVICES, *glob("/dev/nvidia*")])
    syscalls.filter_calls(machine)


def adopt() -> None:
    """Become the parent of all below this process that lose their own, so that whoever ends what is below it ends them too."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl: subreaper")


def bound(confines: Confines) -> None:
    """Set the bounds on memory, files and cores; none of them can be raised again once the process is confined."""
    import resource

    if confines.memory:
        most = _taken() + confines.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    if confines.file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (confines.file, confines.file))
    if confines.cores:
        there = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {there[(os.getpid() + n) % len(there)] for n in range(min(confines.cores, len(there)))})


def _taken() -> int:
    """Bytes of memory of its own that this process has asked for, as the system counts them against RLIMIT_DATA."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmData"].split()[0]) << 10


def _give_up_rights() -> None:
    """No capability, not even root's, now or from a program with more rights that is started."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        for capability in range(CAPABILITIES):
            libc.prctl(_DROP, capability, 0, 0, 0)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl: no new privileges")
    head, none = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.syscall(_CAPSET[os.uname().machine], head, none):
        raise OSError(ctypes.get_errno(), "capset")


def outside(kept: Iterable[Path], confines: Confines) -> Path | None:
    """The first of ``kept`` that a process in these confines could read, or None."""
    roots = [Path(root).resolve() for root in (*confines.reads, *confines.writes)]
    return next((path for path in kept if any(path.resolve().is_relative_to(root) for root in roots)), None)


def unconfined() -> str:
    """What it means where kernels behind a shared login cannot be confined, in plain words; nothing where they are."""
    why = impossible()
    if why:
        return (
            f"Kernels are not confined here ({why}): whoever gets code of theirs to run in one is the account {account()}, "
            "and can read password hashes, keys and other people's runs, and change history."
        )
    if landlock.abi() < landlock.SIGNALS:
        return "Kernels are confined, but can end this account's other processes: keeping signals in wants Linux 6.12 or newer."
    return ""
