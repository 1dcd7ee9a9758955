"""Asks PyPI or OSV over the network, by pip-audit's means. It runs only when a person chooses a service.

What leaves the machine are the names and versions of the packages given. Whatever the service does not truly answer (see
`witness`) leaves that package without an answer, and with it the check without a pass.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from packaging.version import InvalidVersion, Version

from ..artifacts.reason import printable
from ..errors import Problem
from ..progress import Progress
from ..result import Severity
from .environment import Package
from .known import Answers, Known, merged

PAUSE = 0.1
NAMES = {"pypi": "PyPI", "osv": "OSV"}


def asked(service: str, packages: Sequence[Package], limit: float, progress: Progress) -> Answers:
    """What ``service``, pypi or osv, answers about ``packages`` within ``limit`` seconds.

    Raises
    ------
    Problem
        pip-audit is not installed.
    """
    if find_spec("pip_audit") is None:
        raise Problem("pip-audit", "it is not installed", "Install tiltyard[audit], or give an OSV export as advisories")
    public = {p.name: version for p in packages if (version := _public(p.version))}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", f"{__package__}.witness", service, folder]
        output, errors = _run(command, json.dumps(sorted(public.items())), folder, limit, progress)
    answers = understood(output, errors, service, len(public))
    odd = {p.name: f"{printable(p.version, 40)} is no version that a service knows (PEP 440)" for p in packages if p.name not in public}
    return Answers(answers.known, answers.heard - set(odd), answers.unanswered | odd, answers.source)


def _public(version: str) -> str:
    """The version without its local label, of which no service knows (``2.13.0+cpu``); empty where it is none."""
    try:
        return Version(version).public
    except InvalidVersion:
        return ""


def _run(command: list[str], question: str, folder: str, limit: float, progress: Progress) -> tuple[str, str]:
    """Standard output, and why it ended early, else the last line of standard error."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, tempfile.TemporaryFile("w+") as words:
        words.write(question)
        words.seek(0)
        late = ""
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=out, stderr=err, stdin=words, cwd=folder) as process:
            try:
                while process.poll() is None and not late:
                    spent = time.monotonic() - begun
                    late = f"no answer within {limit:g} s" if spent > limit else ""
                    progress.step(min(spent / limit, 0.99), "the service is asked, package by package")
                    time.sleep(PAUSE)
            finally:
                process.kill()
        out.seek(0)
        err.seek(0)
        return out.read(), late or (err.read().strip().splitlines() or [""])[-1]


def understood(output: str, errors: str, service: str, n: int) -> Answers:
    """The witness's lines as answers about ``n`` packages; what it did not come to stays unanswered, with what stands in ``errors`` for a reason."""
    known: list[Known] = []
    why: dict[str, str] = {"*": printable(errors, 160) or "the service gave no answer"}
    heard: set[str] = set()
    for line in output.splitlines():
        try:
            answer = json.loads(line)
            known += [_known(k) for k in answer["known"]]
            package, reason = str(answer["package"]), str(answer["why"])
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when it was ended
        if reason:
            why[package] = reason
        else:
            heard.add(package)
    source = f"{NAMES[service]} through pip-audit, to which the names and versions of at most {n} packages were sent"
    return Answers(tuple(merged(known)), frozenset(heard), why, source)


def _known(value: dict[str, Any]) -> Known:
    severity = Severity(value["severity"]) if value["severity"] else None
    return Known(**{**value, "names": tuple(value["names"]), "severity": severity})
