"""How much memory this machine has, or the container it is in."""

from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def memory() -> tuple[int, int]:
    """Bytes of memory that this machine, or the container on it, has in all, and has free."""
    machine = psutil.virtual_memory()
    limit, used = _container(CGROUP)
    if limit is None or limit >= machine.total:
        return machine.total, machine.available
    return limit, max(0, min(machine.available, limit - used))


def _container(folder: Path) -> tuple[int | None, int]:
    """Limit and use of a container's memory (cgroup v2), less what of it are files that can be read again."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None, 0
    return (int(limit) if limit.isdecimal() else None), used - int(statistics.get("inactive_file", 0))
