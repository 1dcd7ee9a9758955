"""What `tiltyard doctor` says of an app that several people come to."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ...errors import Problem
from ...published.listing import Ailment

BASE = 768 << 20  # bytes of server, broker and warm parent together, measured at 650 MiB
SPARE = 512 << 20  # bytes that must be free for another page to start
CLASS = 30
GIB = 1 << 30
FILES_OF_PAGE, FILES_OF_SERVER = 16, 100  # open files of the server, measured at 496 for thirty pages
GROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
OWN_GROUP = Path("/proc/self/autogroup")


def shared() -> Iterator[Ailment]:
    """What will refuse, or be less than it could be, where several people come to one machine?"""
    from ...access.confined import unconfined
    from .window import PORTS, as_root, free_port

    if as_root():
        fix = "Take an account of its own, or say --allow-root and have every cell run as root"
        yield Ailment(name="root", state="remark", found="`tiltyard lab` refuses to start as root", fix=fix)
    if words := unconfined():
        yield Ailment(name="confinement", state="remark", found=words, fix="A Linux with Landlock and filters of system calls has it")
    if not forks():
        found = "each page imports for itself, in seconds and with 768 MiB"
        yield Ailment(name="warm kernels", state="remark", found=found, fix="Use Linux; only there is a fork safe")
    if not _users():
        fix = "Add one: `tiltyard user add NAME --role admin`"
        yield Ailment(name="people", state="remark", found="`tiltyard app --password` refuses to start: nobody may log in", fix=fix)
    try:
        free_port(PORTS["app"], PORTS["app"])
    except Problem:
        found = f"{PORTS['app']} is taken, so `tiltyard app` takes any that is free"
        yield Ailment(name="port", state="remark", found=found, fix="End what has it, or name one by --port")


def crowd() -> Iterator[Ailment]:
    """How many people can come at once, and what holds one of them back from taking all of the machine?"""
    from ...child_processes.memory import bounded, memory

    _, free = memory()
    pages = pages_in(free)
    small = pages < CLASS
    found = f"{pages} pages of `tiltyard app` at once in the {free / GIB:.1f} GB of memory that are free"
    needs = (BASE + SPARE + CLASS * _each()) / GIB
    fix = f"{CLASS} people want {needs:.1f} GB; those who come when it is full wait for a place" if small else ""
    yield Ailment(name="room", state="remark" if small else "well", found=found, fix=fix)
    if _users() and not bounded():
        found = "no bound but the machine's own on the memory of all pages together"
        fix = "Give each page one (`tiltyard app --memory`), or all of them: systemd-run --scope -p MemoryMax=… tiltyard app …"
        yield Ailment(name="bound", state="remark", found=found, fix=fix)
    if (files := _files()) is not None and files < FILES_OF_SERVER + min(pages, CLASS) * FILES_OF_PAGE:
        found = f"{files} files may be open at once, enough for {max(0, files - FILES_OF_SERVER) // FILES_OF_PAGE} pages"
        fix = f"ulimit -n {FILES_OF_SERVER + CLASS * FILES_OF_PAGE} before it is started"
        yield Ailment(name="files", state="remark", found=found, fix=fix)
    if not weighs():
        found = "a check that works for long counts as much as the page of another person: sessions have equal shares of the processor"
        yield Ailment(name="shares", state="remark", found=found, fix=f"Switch it off: echo 0 > {GROUPS}")


def pages_in(free: int) -> int:
    """How many pages hold in so many bytes, beside the server and what stays free."""
    return max(0, (free - BASE - SPARE) // _each())


def forks() -> bool:
    """Are kernels forked from a warm parent here?"""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def weighs() -> bool:
    """Can a page that works for long be given less of the processor? Not where Linux gives each session as much as any other and lets nobody say else."""
    try:
        if GROUPS.read_text().strip() != "1":
            return True
        nice = OWN_GROUP.read_text().rpartition("nice")[2].strip()
        OWN_GROUP.write_text(nice, encoding="ascii")
    except OSError:
        return not GROUPS.exists()
    return True


def _each() -> int:
    from ...child_processes.memory import EACH, FORKED

    return FORKED if forks() else EACH


def _files() -> int | None:
    """How many files one process may have open, as far as it may raise that itself; None where nobody says."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _users() -> bool:
    from ...access.users import Users

    try:
        return bool(Users().all())
    except Problem:
        return False
