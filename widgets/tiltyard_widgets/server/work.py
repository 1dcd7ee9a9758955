"""Scans and reports are made in processes of their own, with a limit of time and memory, so that none can hold up the server."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

from tiltyard.errors import Problem

from .refusals import KINDS, Late, TooLarge
from .settings import Limits

DO = "Use `tiltyard` in a terminal, or have the limit raised"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


@dataclass
class WorkerOutput:
    """What a process wrote, line by line; ``late`` where its time was over, ``lost`` where it ended early."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    late: bool = False
    lost: bool = False

    def first(self, what: str) -> dict[str, Any]:
        """The first line; raises the problem that the process wrote instead, or why it wrote nothing."""
        if self.lines and "problem" in self.lines[-1]:
            raise KINDS.get(self.lines[-1]["kind"], Problem)(**self.lines[-1]["problem"])
        if not self.lines:
            raise self.ended(what)
        return self.lines[0]

    def ended(self, what: str) -> Problem:
        """Why there is no more of it."""
        if self.late:
            return Late(f"{what} in the time there is for it", "that it takes longer", DO)
        return TooLarge(f"{what} in the memory there is for it", "that its process ended early", DO)


class Workers:
    """At most ``most`` processes at once; more wait for their turn."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)
        self._going: set[subprocess.Popen[bytes]] = set()

    async def do(self, order: dict[str, Any], limits: Limits) -> WorkerOutput:
        """Have ``order`` carried out; one whose asker is gone (a cancelled task) is ended."""
        async with self._free:
            given = json.dumps(order | asdict(limits)).encode()
            process = self._start()
            try:
                # Shielded, for somebody must wait for a process that was killed, too.
                return await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, _finished, process, given, limits.seconds))
            finally:
                self._end(process)

    def _start(self) -> "subprocess.Popen[bytes]":
        # -P: a file in the folder Jupyter runs in must not shadow a library.
        command = [sys.executable, "-P", "-m", "tiltyard_widgets.server.worker"]
        env = os.environ | ONE_THREAD
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir(), env=env
        )
        self._going.add(process)
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        self._going.discard(process)

    def stop(self) -> None:
        """End all that goes on."""
        for process in self._going:
            process.kill()


def _finished(process: "subprocess.Popen[bytes]", given: bytes, seconds: float) -> WorkerOutput:
    output = WorkerOutput()
    try:
        written, _ = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired:
        output.late = True
        process.kill()
        written, _ = process.communicate()
    output.lost = process.returncode != 0 and not output.late
    for line in written.splitlines():
        try:
            output.lines.append(json.loads(line))
        except ValueError:  # cut off in mid-line
            continue
    return output
