"""A watcher that ends processes with all they started, and takes away their folder, when this process is killed.

Flower 1.41 puts some of its programs into sessions of their own, which no signal to a group reaches, and they notice only after some
seconds that their parent is gone.
"""

import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .companion import companion
from .killing import end

PATIENCE = 10.0
PREFIX = "tiltyard-federation-"


class Supervisor:
    """A context with a process beside this one that ends what is held once this one is gone, even by ``kill -9``, and deletes its folder."""

    def __enter__(self) -> Self:
        self.process = companion("tiltyard.child_processes.supervised")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self.process.communicate(timeout=PATIENCE)

    def hold(self, pid: int) -> None:
        """End this process too when this one is gone; nothing where the watcher is gone itself."""
        self._tell(str(pid))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder of this user's alone, gone at the end of the block and where this process is killed; nobody else may name it."""
        path = Path(tempfile.gettempdir()) / f"{PREFIX}{secrets.token_hex(8)}"
        self._tell(str(path))  # before it is there, so that no kill falls in between
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()


def main() -> None:
    """The watcher: process ids and folders come line by line, and no more once whoever sends them is gone."""
    import psutil

    held: list[psutil.Process] = []
    folders: list[Path] = []
    for line in sys.stdin:
        if not line.strip().isdecimal():
            folders.append(Path(line.rstrip("\n")))
            continue
        with suppress(psutil.Error):
            held.append(psutil.Process(int(line)))
    for one in held:
        if one.is_running():
            end(one.pid)
    for folder in folders:
        cleared(folder)


def cleared(folder: Path) -> None:
    """Delete a folder that `Supervisor.folder` made, and no other; what is killed may write on for a moment, so it is tried again."""
    until = time.monotonic() + PATIENCE
    while folder.name.startswith(PREFIX) and folder.is_dir() and not folder.is_symlink() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)
