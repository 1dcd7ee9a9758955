"""Ends kernels with all they started: at the server's own end, and by a watcher where the server is killed."""

import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from tiltyard.child_processes.killing import end

POLITE = 1.0


def ended(pids: Iterable[int]) -> None:
    """End these processes and all below them: asked first, so that what watches over their own folders can clear them; killed after a second."""
    roots, below = [], []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            below += [root, *root.children(recursive=True)]
            roots.append(root)
    for root in roots:
        with suppress(psutil.Error):
            root.terminate()
    until = time.monotonic() + POLITE
    _, left = psutil.wait_procs(below, timeout=POLITE)
    for one in left:
        end(one.pid)
    psutil.wait_procs(left, timeout=max(0.1, until + POLITE - time.monotonic()))
