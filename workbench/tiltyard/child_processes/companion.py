"""A Python process beside this one, with the same libraries, for what must outlive an interrupt or be ended alone."""

import os
import subprocess
import sys


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
