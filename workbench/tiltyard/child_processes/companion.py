"""A Python process beside this one, with the same libraries, for what must outlive an interrupt or be ended alone."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from .killing import end

END = 5.0


def companion(module: str, stdout: int | None = None) -> "subprocess.Popen[bytes]":
    """Start ``main`` of ``module``; it reads from the pipe ``stdin`` of what is returned.

    No file of the folder one works in shadows a library there, and an interrupt of this process is not one of that process.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=stdout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
        start_new_session=True,
    )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a companion with what it started; only while it lives or just after, as its number may be another's later."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
            return
    if process.poll() is None:  # it has no group of its own: in confines none is given one
        end(process.pid)


def ended(process: "subprocess.Popen[bytes]") -> None:
    """Kill a companion that still runs, and close its pipes."""
    if process.poll() is None:
        kill(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
