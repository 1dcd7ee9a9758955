"""What is known against one installed package, whoever reported it; the same vulnerability under several names counts once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..result import Severity
from .cvss import Rating, newest_first
from .environment import Package
from .osv import Advisory, affects, fixed_in


@dataclass(frozen=True)
class Known:
    """One vulnerability of one package. ``severity`` is None where it is unrated; ``unread`` names the rating that could not be read.

    ``ratings`` are those by CVSS, the worst of each of its standards.
    """

    package: str
    version: str
    names: tuple[str, ...]
    severity: Severity | None
    fixed: str
    summary: str
    unread: str = ""
    ratings: tuple[Rating, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What a source reported of the environment.

    Attributes
    ----------
    known
        Vulnerabilities found.
    heard
        Packages that were looked up with an answer, be it none known. While one is in no source's, nothing is green.
    unanswered
        Why others were not, by package, or under ``*`` for all of them.
    source
        Who was asked, in a clause.
    """

    known: tuple[Known, ...]
    heard: frozenset[str]
    unanswered: dict[str, str]
    source: str


def held_against(packages: Sequence[Package], advisories: Sequence[Advisory]) -> tuple[list[Known], dict[str, str]]:
    """The packages against the advisories; and where it is not known, why."""
    by_name: dict[str, list[Advisory]] = {}
    for advisory in advisories:
        for name in advisory.names:
            by_name.setdefault(name, []).append(advisory)
    found: list[Known] = []
    unanswered: dict[str, str] = {}
    for package in packages:
        for advisory in by_name.get(package.name, []):
            answers = [(part, affects(part, package.version)) for part in advisory.affected if part.name == package.name]
            if hit := [part for part, answer in answers if answer]:
                fixed = next((v for part in hit if (v := fixed_in(part, package.version))), "")
                names = (advisory.id, *sorted(advisory.aliases))
                rest = (advisory.severity, fixed, advisory.summary, advisory.unread, advisory.ratings)
                found.append(Known(package.name, package.version, names, *rest))
            elif any(answer is None for _, answer in answers):
                unanswered[package.name] = f"{advisory.id} does not say its versions so that {package.version} could be compared"
    return merged(found), unanswered


def merged(found: Iterable[Known]) -> list[Known]:
    """One per package and vulnerability: those that share a name are one."""
    kept: list[Known] = []
    for one in found:
        while (same := next((k for k in kept if k.package == one.package and set(k.names) & set(one.names)), None)) is not None:
            kept.remove(same)
            one = _joined(same, one)
        kept.append(one)
    return sorted(kept, key=lambda k: (k.package, k.names))


def _joined(a: Known, b: Known) -> Known:
    names = tuple(dict.fromkeys((*a.names, *b.names)))
    severity = max((s for s in (a.severity, b.severity) if s is not None), key=list(Severity).index, default=None)
    unread = a.unread or b.unread if severity is None else ""
    ratings = newest_first((*a.ratings, *b.ratings))
    return Known(a.package, a.version, names, severity, a.fixed or b.fixed, a.summary or b.summary, unread, ratings)
