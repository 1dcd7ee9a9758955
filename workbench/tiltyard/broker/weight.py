"""How much a page's processes count beside other people's, where Linux weighs sessions and not processes.

With ``kernel.sched_autogroup_enabled`` each session has an equal share of the processor whatever the ``nice`` of its threads (man 7 sched), and each
page's kernel is a session. So the session itself is given less weight while it works for long. Where a group of the cgroup file system is over them,
Linux takes no notice of this, and the threads' own ``nice`` counts.
"""

import os
from contextlib import suppress
from pathlib import Path

import psutil

LESS = 10  # as `nice` counts


def weigh(pid: int, nice: int) -> None:
    """Give the session that this process leads, and each that one below it leads, this weight; nothing where Linux does not let us, or it has ended."""
    with suppress(psutil.Error, OSError):
        root = psutil.Process(pid)
        for one in [root, *root.children(recursive=True)]:
            _session(one.pid, nice)


def _session(pid: int, nice: int) -> None:
    with suppress(OSError):
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")
