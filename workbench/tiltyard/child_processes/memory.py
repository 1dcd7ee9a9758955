"""How much memory this machine has, or the container or group of processes it is in, and what a page of the app is reckoned to take of it."""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CGROUP, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
FORKED = 112 << 20  # bytes that a page's kernel has of its own with the sample on it, measured at 90 or less, and room to work
EACH = 768 << 20  # bytes that a kernel takes with torch, a model and its data, where it shares them with none, and room to work


class _Files(NamedTuple):
    """Where a version of cgroups says what a group may have and has: its folder below `CGROUP`, the word that /proc/self/cgroup has for it, the names of
    its files. ``cached`` names what of that are files that can be read again."""

    folder: str
    word: str
    limit: str
    used: str
    statistics: str
    cached: str


VERSIONS = (
    _Files("", "", "memory.max", "memory.current", "memory.stat", "inactive_file"),
    _Files("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"),
)


class Bound(NamedTuple):
    """Bytes that a group of processes may have, and those it has, less what of them are files that can be read again."""

    limit: int
    used: int


def memory() -> tuple[int, int]:
    """Bytes of memory that this process may have with all beside it, and that are free: the machine's, or the least of what its container and each of its groups leave."""
    import psutil

    machine = psutil.virtual_memory()
    found = [bound for bound in bounds() if bound.limit < machine.total]
    total = min([machine.total, *(bound.limit for bound in found)])
    return total, max(0, min([machine.available, *(bound.limit - bound.used for bound in found)]))


def bounded() -> bool:
    """Is there a bound beside the machine's own?"""
    import psutil

    return any(bound.limit < psutil.virtual_memory().total for bound in bounds())


def bounds(root: Path = CGROUP, own: Path = OWN) -> list[Bound]:
    """Those of the groups that this process is in, the innermost first: `systemd-run` makes one of it, a container too."""
    found: list[Bound] = []
    for files in VERSIONS:
        top = root / files.folder
        found += [bound for folder in _groups(top, files.word, own) if (bound := _bound(folder, files)) is not None]
    return found


def _groups(top: Path, word: str, own: Path) -> list[Path]:
    """The folders of the groups, from that which holds this process up to ``top``, which is all that a container may see."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return [top]
    path = next((line[2].strip("/") for line in lines if len(line) == 3 and word in line[1].split(",")), "")
    inner = top if ".." in path.split("/") else top / path  # it lies outside of what is mounted here
    return [inner, *(folder for folder in inner.parents if folder == top or top in folder.parents)]


def _bound(folder: Path, files: _Files) -> Bound | None:
    try:
        limit = (folder / files.limit).read_text().strip()
        used = int((folder / files.used).read_text())
        statistics = dict(line.split() for line in (folder / files.statistics).read_text().splitlines())
    except (OSError, ValueError):
        return None
    return Bound(int(limit), used - int(statistics.get(files.cached, 0))) if limit.isdecimal() else None


def given_back() -> None:
    """Memory that this process freed goes back to the system, where its library of C keeps it for what comes next (glibc's)."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
