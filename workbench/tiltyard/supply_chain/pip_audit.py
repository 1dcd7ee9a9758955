"""pip-audit as a second program: it asks PyPI or OSV over the network, so it runs only when a person chooses a service.

pip-audit skips what its service does not know and then says "No known vulnerabilities found", also where it reached
no service at all. Here each skipped package is one of which nothing can be said.
"""

import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import Any

from packaging.utils import canonicalize_name

from ..artifacts.reason import printable
from ..errors import Problem
from ..progress import Progress
from .known import Answers, Known, merged

PAUSE = 0.1
TIMEOUT = 15


def asked(service: str, limit: float, progress: Progress) -> Answers:
    """What pip-audit says of this environment, with ``service`` pypi or osv, within ``limit`` seconds.

    Raises
    ------
    Problem
        pip-audit is not installed.
    """
    if find_spec("pip_audit") is None:
        raise Problem("pip-audit", "it is not installed", "Install tiltyard[audit], or give an OSV export as advisories")
    words = ["-f", "json", "--desc", "on", "--aliases", "on", "--progress-spinner", "off", "-s", service, "--timeout", str(TIMEOUT)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "pip_audit", *words, "--cache-dir", folder]
        output, said = _run(command, folder, limit, progress)
    return understood(output, said, service)


def _run(command: list[str], folder: str, limit: float, progress: Progress) -> tuple[str, str]:
    """Standard output, and why it ended early or the last line of standard error."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder) as process:
            try:
                while process.poll() is None:
                    spent = time.monotonic() - begun
                    if spent > limit:
                        return "", f"no answer within {limit:g} s"
                    progress.step(min(spent / limit, 0.99), "pip-audit asks its service")
                    time.sleep(PAUSE)
            finally:
                process.kill()
        out.seek(0)
        err.seek(0)
        return out.read(), (err.read().strip().splitlines() or [""])[-1]


def understood(output: str, said: str, service: str) -> Answers:
    """pip-audit's JSON as answers; output that is none leaves every package unanswered."""
    source = f"pip-audit with the service {service}"
    try:
        dependencies = json.loads(output)["dependencies"]
        known = [k for d in dependencies if "vulns" in d for k in _known(d)]
        skipped = {str(canonicalize_name(d["name"])): printable(str(d["skip_reason"]), 120) for d in dependencies if "skip_reason" in d}
        if not dependencies:
            skipped = {"*": "pip-audit looked at no package"}
    except (ValueError, KeyError, TypeError):
        return Answers((), frozenset(), {"*": printable(said, 160) or "pip-audit gave no answer"}, source)
    heard = frozenset(str(canonicalize_name(d["name"])) for d in dependencies if "vulns" in d)
    return Answers(tuple(merged(known)), heard, skipped, source)


def _known(dependency: dict[str, Any]) -> list[Known]:
    name, version = str(canonicalize_name(dependency["name"])), str(dependency["version"])
    return [
        Known(
            name,
            version,
            tuple(dict.fromkeys((printable(str(v["id"]), 80), *(printable(str(a), 80) for a in v.get("aliases") or [])))),
            None,
            str((v.get("fix_versions") or [""])[0]),
            printable(str(v.get("description") or "").strip().split("\n")[0], 160),
        )
        for v in dependency["vulns"]
    ]
