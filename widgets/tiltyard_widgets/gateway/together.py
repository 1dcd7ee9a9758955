"""What all processes of a confined page take together, which no limit of a single process bounds, and those that outlived their page."""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tiltyard.access.confined import adopt

TWICE = 2  # a page and one worker of it may each take what a process may
START = 256 << 20  # bytes of its own that a page has at its start, and then some
PATIENCE = 1.0
FIELDS = (b"PPid", b"RssAnon", b"Seccomp_filters")
OWN_MEMORY = (b"Pss_Anon", b"SwapPss")


class Seen(NamedTuple):
    """A process: its parent's id, bytes of memory that is no file's, and the filters of system calls over it, of which a confined one has more than its server."""

    parent: int
    memory: int
    filters: int


@dataclass(frozen=True)
class Most:
    """What all processes of a page may take together: so many processes, and bytes; 0 is no bound."""

    processes: int
    memory: int


class Family:
    """All processes below this one, as they are now."""

    def __init__(self) -> None:
        self.all = dict(_seen())
        self._children: dict[int, list[int]] = defaultdict(list)
        for pid, one in self.all.items():
            self._children[one.parent].append(pid)
        self._own = self.all[os.getpid()].filters

    def below(self, pid: int) -> list[int]:
        """This process, where it is there, and all below it."""
        found = [pid] if pid in self.all else []
        for one in found:
            found += self._children[one]
        return found

    def strays(self, kernels: Collection[int]) -> list[int]:
        """Confined processes that came to this one when their kernel had ended; ``kernels`` are those that have not."""
        return [pid for pid in self._children[os.getpid()] if pid not in kernels and self.all[pid].filters > self._own]

    def excess(self, kernel: int, most: Most) -> str:
        """By what a kernel, with all below it, takes too much, as a clause; nothing where it does not."""
        pids = self.below(kernel)
        if 0 < most.processes < len(pids):
            return f"it had {len(pids)} processes, of {most.processes} at most"
        memory = TWICE * most.memory + START
        if most.memory and sum(self.all[pid].memory for pid in pids) > memory:  # what they share counts more than once
            taken = _own_memory(kernel, pids)
            if taken > memory:
                return f"its processes took {taken >> 20:,} MiB together, of {memory >> 20:,} at most"
        return ""


def adopting() -> None:
    """Have processes that lose their kernel come to this process, which can end them."""
    with suppress(OSError):
        adopt()


def killed(group: int) -> None:
    """Kill a confined kernel and all it started at once: whatever is confined stays in its kernel's group (see `tiltyard.access.syscalls`)."""
    with suppress(OSError):
        os.killpg(group, signal.SIGKILL)


def buried(strays: Iterable[int]) -> None:
    """Kill the groups of these, and let the system forget them."""
    found = list(strays)
    for group in {group for pid in found if (group := _group(pid))}:
        killed(group)
    for pid in found:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def end_strays() -> None:
    """End all confined processes that have no kernel, at this one's own end; what was below one comes here in turn."""
    until = time.monotonic() + PATIENCE
    while (strays := Family().strays(())) and time.monotonic() < until:
        buried(strays)


def _group(pid: int) -> int:
    """Its group, 0 where it is gone or in this process's own."""
    with suppress(OSError):
        group = os.getpgid(pid)
        return group if group != os.getpgrp() else 0
    return 0


def _seen() -> Iterator[tuple[int, Seen]]:
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            facts = _read(Path("/proc", name, "status"), FIELDS)
            yield int(name), Seen(facts[b"PPid"], facts.get(b"RssAnon", 0) << 10, facts.get(b"Seccomp_filters", 0))


def _own_memory(group: int, pids: Iterable[int]) -> int:
    """Bytes of memory of these processes that is no file's, each page divided by how many share it. They rest meanwhile: one that forks without end keeps who asks waiting."""
    found = 0
    with suppress(OSError):
        os.killpg(group, signal.SIGSTOP)
        for pid in pids:
            with suppress(OSError):
                found += sum(_read(Path("/proc", str(pid), "smaps_rollup"), OWN_MEMORY).values()) << 10
        os.killpg(group, signal.SIGCONT)
    return found


def _read(path: Path, fields: Collection[bytes]) -> dict[bytes, int]:
    """Numbers of a file of /proc whose lines are ``name: number``."""
    lines = (line.split(b":", 1) for line in path.read_bytes().splitlines() if b":" in line)
    return {name: int(value.split()[0]) for name, value in lines if name in fields}
