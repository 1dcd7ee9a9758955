"""Reads what PyPI and OSV answer about one version of a package. An answer that is about something else, or cut short, says so."""

from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from ..artifacts.reason import printable
from .known import Known
from .osv import fixed_in, read_advisory

MOST = 2000
ServiceAnswer = tuple[list[Known], str]


class NoAnswer(Exception):
    """The service gave no answer that counts. ``broken`` where it might give no more of other packages either."""

    def __init__(self, why: str, broken: bool = True):
        super().__init__(why)
        self.broken = broken


def of_pypi(answer: dict[str, Any], name: str, version: str) -> ServiceAnswer:
    """PyPI's answer about one version: it names that one, and has a list of vulnerabilities, be it empty."""
    info, listed = answer["info"], answer["vulnerabilities"]
    if canonicalize_name(info["name"]) != name or Version(info["version"]) != Version(version):
        raise NoAnswer("it answered about another package")
    if not isinstance(listed, list):
        raise TypeError
    return [_of_pypi(v, name, version) for v in listed[:MOST] if not v.get("withdrawn")], _cut(listed)


def _of_pypi(value: dict[str, Any], name: str, version: str) -> Known:
    names = dict.fromkeys(printable(str(n), 80) for n in (value["id"], *(value.get("aliases") or [])))
    fixed = sorted((Version(v) for v in value.get("fixed_in") or []), key=lambda v: (v <= Version(version), v))
    text = str(value.get("summary") or value.get("details") or "").strip().split("\n")[0]
    return Known(name, version, tuple(names), None, str(fixed[0]) if fixed else "", printable(text, 160))


def of_osv(answer: dict[str, Any], name: str, version: str) -> ServiceAnswer:
    """OSV's answer: records about that package, or none; a first page is a part."""
    if set(answer) - {"vulns", "next_page_token"}:
        raise TypeError
    listed = answer.get("vulns", [])
    found = []
    for advisory in [read_advisory(value) for value in listed[:MOST]]:
        parts = [part for part in advisory.affected if part.name == name]
        if not parts:
            raise NoAnswer("it answered about another package")
        if not advisory.withdrawn:
            fixed = next((v for part in parts if (v := fixed_in(part, version))), "")
            names = (advisory.id, *sorted(advisory.aliases))
            found.append(Known(name, version, names, advisory.severity, fixed, advisory.summary, advisory.unread, advisory.ratings))
    return found, "it gave its first page only" if answer.get("next_page_token") else _cut(listed)


def _cut(listed: list[Any]) -> str:
    return f"of {len(listed)} advisories {MOST} were read" if len(listed) > MOST else ""
