"""A model file read in a process of its own first, within bounds of memory and time, so that what breaks its reader breaks nothing here."""

import json
import subprocess
import sys
from importlib import import_module

from ...child_processes.companion import companion
from ...errors import Problem

MEMORY = 8 << 30
SECONDS = 120


def tried(module: str, content: bytes, name: str, library: str) -> None:
    """Let ``module`` here read ``content`` and answer three rows, in another process.

    Raises
    ------
    Problem
        As the reader there, or where it crashes, takes more than two minutes, or more memory than it may.
    """
    with companion(__name__, subprocess.PIPE) as process:
        try:
            out, _ = process.communicate(f"{module}\n".encode() + content, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Problem(f"a model that {library} reads", f"{name}, at which it did not end in {SECONDS} s", "Save it again") from None
        finally:
            process.kill()
    if process.returncode:
        raise Problem(f"a whole model of {library}", f"{name}, at which its reader broke (exit {process.returncode})", "Save it again")
    parts = json.loads(out.splitlines()[-1])
    if parts:
        raise Problem(*parts)


def main() -> None:
    """What the other process does: the name of the module in a line, then the file, come on its standard input."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    module = sys.stdin.buffer.readline().decode().strip()
    print(json.dumps(_outcome(module, sys.stdin.buffer.read())), flush=True)  # noqa: T201


def _outcome(module: str, content: bytes) -> list[str]:
    """Nothing where it was read, else the parts of the problem."""
    try:
        model = import_module(f"{__package__}.{module}").read(content)
        model.predict_proba(model.few_rows())
    except Problem as problem:
        return [problem.expected, problem.found, problem.do]
    except Exception as error:  # the libraries' errors have no common base
        found = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return ["a model that its library reads", found[:160], "Save it again where it was made"]
    return []
