"""Ends a process with all it started, and a watcher that does so when this process is killed.

Flower 1.41 puts some of its programs into sessions of their own, which no signal to a group reaches, and they notice only after some
seconds that their parent is gone.
"""

import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from ...companion import companion

PATIENCE = 10.0


def end(pid: int) -> None:
    """Kill a process and all below it. Each is stopped before it is killed, so that none starts another meanwhile."""
    import psutil

    held: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while new := [one for one in (root, *root.children(recursive=True)) if one.pid not in held]:
            for one in new:
                held[one.pid] = one
                with suppress(psutil.Error):
                    one.suspend()
    for one in held.values():
        with suppress(psutil.Error):
            one.kill()


class Leash:
    """A context with a process beside this one that ends what is held once this one is gone, even by ``kill -9``."""

    def __enter__(self) -> Self:
        self.process = companion("tiltyard.federated.deployed.leash")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self.process.communicate(timeout=PATIENCE)

    def hold(self, pid: int) -> None:
        """End this process too when this one is gone; nothing where the watcher is gone itself."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(f"{pid}\n".encode())
            self.process.stdin.flush()


def main() -> None:
    """The watcher: process ids come line by line, and no more once whoever sends them is gone."""
    import psutil

    held: list[psutil.Process] = []
    for line in sys.stdin:
        with suppress(psutil.Error):
            held.append(psutil.Process(int(line)))
    for one in held:
        if one.is_running():
            end(one.pid)
