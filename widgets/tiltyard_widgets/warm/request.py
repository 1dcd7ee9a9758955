"""What a forked kernel is to run, as the command that would start it from nothing says it."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

# What a Python or a library reads once, when it starts: a kernel that wants another value cannot come from this parent.
FIXED = re.compile(
    r"PYTHON\w+|LD_\w+|MALLOC_\w+|GLIBC_TUNABLES|\w+_NUM_THREADS|(OMP|MKL|KMP|CUDA|TORCH|PYTORCH|OPENBLAS)_\w+|LANG|LANGUAGE|LC_\w+|TZ"
)
SILENT = ("-P", "-Xfrozen_modules=off")  # of the parent too, or of no weight to it


@dataclass(frozen=True)
class Request:
    """Run ``module`` as ``python -m`` would.

    Attributes
    ----------
    module, arguments
        The module, and the words after it on the command line.
    environment
        All of it; nothing of the parent's stays.
    folder
        The folder it works in.
    handles
        Open handles it is given, by the numbers that ``arguments`` may name.
    quiet
        Has it neither standard output nor standard error?
    """

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    handles: tuple[int, ...] = ()
    quiet: bool = False

    def written(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()


def read(content: bytes) -> Request:
    """A request from JSON."""
    given = json.loads(content)
    return Request(**{**given, "arguments": tuple(given["arguments"]), "handles": tuple(given["handles"])})


def module_in(command: Sequence[str]) -> int | None:
    """Where a command of this very Python names its module; None for another Python, a script, or options that a parent does not share."""
    if not command or not _same(command[0]):
        return None
    for at, word in enumerate(command[1:], 1):
        if word == "-m":
            return at + 1 if at + 1 < len(command) else None
        if word not in SILENT:
            return None
    return None


def _same(program: str) -> bool:
    try:
        return os.path.samefile(program, sys.executable)
    except OSError:
        return False


def fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment counts at the start alone."""
    return {name: value for name, value in environment.items() if FIXED.fullmatch(name)}
