"""How much memory this machine has, or the container it is in, and what a page of the app is reckoned to take of it."""

from pathlib import Path
from typing import NamedTuple

CGROUP = Path("/sys/fs/cgroup")
FORKED = 112 << 20  # bytes that a page's kernel has of its own with the sample on it, measured at 90 or less, and room to work
EACH = 768 << 20  # bytes that a kernel takes with torch, a model and its data, where it shares them with none, and room to work


class _Files(NamedTuple):
    """Where a version of cgroups says what a container may have and has; ``cached`` names what of that are files that can be read again."""

    limit: str
    used: str
    statistics: str
    cached: str


VERSIONS = (
    _Files("memory.max", "memory.current", "memory.stat", "inactive_file"),
    _Files("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def memory() -> tuple[int, int]:
    """Bytes of memory that this machine, or the container on it, has in all, and has free."""
    import psutil

    machine = psutil.virtual_memory()
    limit, used = _container(CGROUP)
    if limit is None or limit >= machine.total:
        return machine.total, machine.available
    return limit, max(0, min(machine.available, limit - used))


def bounded() -> bool:
    """Is it a container's?"""
    import psutil

    limit, _ = _container(CGROUP)
    return limit is not None and limit < psutil.virtual_memory().total


def _container(folder: Path) -> tuple[int | None, int]:
    """Limit and use of a container's memory, less what of it are files that can be read again."""
    for files in VERSIONS:
        try:
            limit = (folder / files.limit).read_text().strip()
            used = int((folder / files.used).read_text())
            statistics = dict(line.split() for line in (folder / files.statistics).read_text().splitlines())
        except (OSError, ValueError):
            continue
        return (int(limit) if limit.isdecimal() else None), used - int(statistics.get(files.cached, 0))
    return None, 0
