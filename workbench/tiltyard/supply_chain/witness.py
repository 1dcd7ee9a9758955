"""Asks an advisory service about packages and takes for an answer only what is one. A program of its own, so that it can be ended.

pip-audit knows where the services are and how they are asked, but it reads any JSON that names no vulnerability as none known:
a portal's, a mirror's, a proxy's. Here each answer says whom it is about (PyPI), or the service shows that it has an advisory about
some version of that package (OSV, which answers ``{}`` about any name), and first of all that it knows those of `CONTROL`.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from packaging.version import Version

from ..artifacts.reason import printable
from .known import Known
from .osv import NotAnAdvisory
from .service_answers import NoAnswer, ServiceAnswer, of_osv, of_pypi

CONTROL = ("jinja2", "2.4.1")  # of 2010, with advisories in both services: the example of OSV's own manual
TIMEOUT = 15
MEMORY = 2 * 2**30
FAILURES = 5
REASONS = {
    "SSLError": "its certificate does not hold",
    "ProxyError": "the proxy does not lead to it",
    "ReadTimeout": f"it does not answer within {TIMEOUT} s",
    "ConnectTimeout": f"it does not answer within {TIMEOUT} s",
    "TooManyRedirects": "it sends us round in a circle",
    "MemoryError": "its answer is too large",
}


class Witness:
    """One service, and what it truly answered."""

    def __init__(self, name: str, folder: Path):
        from pip_audit import _service as audit  # an extra, so that it is imported only where it is used

        self.audit = audit
        self.name = name
        self.service = audit.PyPIService(folder, TIMEOUT) if name == "pypi" else audit.OsvService(folder, TIMEOUT)
        self.service.session.hooks["response"].append(self._see)
        self._answer: dict[str, Any] | None = None

    def ask(self, name: str, version: str) -> ServiceAnswer:
        """What is known of one version, and why there may be more; raises `NoAnswer`."""
        dependency = self.audit.ResolvedDependency(name, Version(version))
        answer = self._sent(lambda: self.service.query(dependency))
        try:
            if self.name == "pypi":
                return of_pypi(answer, name, version)
            answered = of_osv(answer, name, version)
            if not answered[0]:
                self._must_know(name, version)
        except (KeyError, TypeError, ValueError, AttributeError, NotAnAdvisory):
            raise NoAnswer("its answer is not built as an advisory service's") from None
        return answered

    def control(self) -> None:
        """Raise `NoAnswer` unless the service knows what is known of `CONTROL`."""
        if not self.ask(*CONTROL)[0]:
            raise NoAnswer(f"it names nothing against {' '.join(CONTROL)}, against which there is much: it serves no advisories")

    def _must_know(self, name: str, version: str) -> None:
        """Raise `NoAnswer` unless OSV has a record about any version of that name: ``{}`` is also what it says of one it never heard of."""
        question = json.dumps({"package": {"name": name, "ecosystem": "PyPI"}})
        answer = self._sent(lambda: self.service.session.post(self.service.osv_url, data=question, timeout=TIMEOUT))
        of_osv(answer, name, version)
        if not answer.get("vulns"):
            raise NoAnswer("it has no word on any version, as of a name it never heard of; PyPI says which it knows", broken=False)

    def _sent(self, ask: Callable[[], object]) -> dict[str, Any]:
        self._answer = None
        try:
            ask()
        except (self.audit.ServiceError, OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, RecursionError) as error:
            if self._answer is None:  # else pip-audit could not read what we may
                raise NoAnswer(REASONS.get(type(error).__name__, "it cannot be reached")) from None
        if self._answer is None:
            raise NoAnswer("it does not know this version", broken=False)
        return self._answer

    def _see(self, response: Any, **_: Any) -> None:
        """Each response as it comes, redirects too."""
        if response.is_redirect:
            there, here = urlsplit(urljoin(response.url, response.headers["location"])), urlsplit(response.url)
            if (there.scheme, there.netloc) != (here.scheme, here.netloc):
                raise NoAnswer(f"it sends us on to {printable(there.netloc, 80)}, as a portal does")
            return
        if response.status_code == 404 and self.name == "pypi":
            return
        if response.status_code != 200:
            raise NoAnswer(f"it answered with status {response.status_code}")
        try:
            answer = response.json()
        except ValueError:
            raise NoAnswer("it answered with what is no JSON, as a portal or proxy does") from None
        if not isinstance(answer, dict):
            raise NoAnswer("its answer is not built as an advisory service's")
        self._answer = answer


def _tell(package: str, known: list[Known], why: str) -> None:
    sys.stdout.write(json.dumps({"package": package, "known": [asdict(k) for k in known], "why": why}) + "\n")
    sys.stdout.flush()


def _bounded() -> None:
    """No answer takes the machine's memory, where the system can hold a process to that."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main(service: str, folder: str) -> None:
    """Ask about the JSON list of [name, version] on standard input; a line of JSON for each on standard output, or one about ``*``."""
    _bounded()
    witness, failures = Witness(service, Path(folder)), 0
    try:
        witness.control()
    except NoAnswer as no:
        _tell("*", [], str(no))
        return
    for name, version in json.load(sys.stdin):
        try:
            _tell(name, *witness.ask(name, version))
            failures = 0
        except NoAnswer as no:
            _tell(name, [], str(no))
            failures = failures + 1 if no.broken else 0
        if failures == FAILURES:
            _tell("*", [], f"it stopped answering after {FAILURES} failures")
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
