"""Advisories in the Open Source Vulnerability format (OSV schema 1.6, ossf.github.io/osv-schema), held against a version.

A version is affected as the schema's evaluation algorithm says, ordered by PEP 440. ``None`` means that it is not
known: no range is by version, or a version in it is none. A local label (``2.13.0+cpu``) is left out, for advisories
know none, and by PEP 440 ``2.13.0+cpu`` would lie past a ``last_affected`` of 2.13.0.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..artifacts.reason import printable
from ..result import Severity
from .cvss import Rating, newest_first, rating

KINDS = ("introduced", "fixed", "last_affected", "limit")
ORDER = {"fixed": 0, "introduced": 1, "last_affected": 2}
WORDS = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}


class NotAnAdvisory(ValueError):
    """The record is not of the OSV format; the text says what is wrong."""


@dataclass(frozen=True)
class Affected:
    """One package of an advisory: ``ranges`` of (kind, version) events, and the ``versions`` listed one by one."""

    name: str
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    versions: frozenset[str]


@dataclass(frozen=True)
class Advisory:
    """One record. ``severity`` is None where it is unrated, ``unread`` then the scheme of a rating that is not read; ``changed`` is its last change.

    ``ratings`` are its CVSS vectors, the worst of each standard.
    """

    id: str
    aliases: frozenset[str]
    summary: str
    severity: Severity | None
    changed: datetime | None
    withdrawn: bool
    affected: tuple[Affected, ...]
    unread: str = ""
    ratings: tuple[Rating, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The packages of PyPI it is about."""
        return frozenset(part.name for part in self.affected)


def read_advisory(value: Any) -> Advisory:
    """One record from its JSON value.

    Raises
    ------
    NotAnAdvisory
        Where it has no id, or its parts are of other types than the schema's.
    """
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise NotAnAdvisory("it has no text under id")
    try:
        ratings = newest_first(found for vector in _vectors(value) if (found := rating(vector)) is not None)
        severity = _severity(value, ratings)
        return Advisory(
            id=printable(value["id"], 80),
            aliases=frozenset(printable(str(a), 80) for a in [*(value.get("aliases") or []), *(value.get("upstream") or [])]),
            summary=printable(str(value.get("summary") or value.get("details") or "").strip().split("\n")[0], 160),
            severity=severity,
            changed=_latest(value.get("modified"), value.get("published")),
            withdrawn=bool(value.get("withdrawn")),
            affected=tuple(_affected(part) for part in value.get("affected") or [] if _of_pypi(part)),
            unread="" if severity else _unread(value),
            ratings=ratings,
        )
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise NotAnAdvisory(f"{value['id'][:80]} is not built as the schema says ({type(error).__name__})") from None


def _of_pypi(part: dict[str, Any]) -> bool:
    return str((part.get("package") or {}).get("ecosystem", "")).partition(":")[0].lower() == "pypi"


def _affected(part: dict[str, Any]) -> Affected:
    spans = [r for r in part.get("ranges") or [] if r.get("type") in ("ECOSYSTEM", "SEMVER")]
    ranges = tuple(tuple((k, str(v)) for event in r["events"] for k, v in event.items() if k in KINDS) for r in spans)
    name = str(canonicalize_name(part["package"]["name"]))
    return Affected(name, ranges, frozenset(str(v) for v in part.get("versions") or []))


def _severity(value: dict[str, Any], ratings: Iterable[Rating]) -> Severity | None:
    if value["id"].startswith("MAL-"):
        return Severity.CRITICAL
    specific = [value.get("database_specific") or {}, *((p.get("database_specific") or {}) for p in value.get("affected") or [])]
    words = [WORDS[word] for s in specific if (word := str(s.get("severity", "")).upper()) in WORDS]
    return max([*words, *(r.severity for r in ratings)], key=list(Severity).index, default=None)


def _vectors(value: dict[str, Any]) -> list[str]:
    scored = [*(value.get("severity") or []), *(s for p in value.get("affected") or [] for s in p.get("severity") or [])]
    return [str(s.get("score", "")) for s in scored]


def _unread(value: dict[str, Any]) -> str:
    """The scheme of the first rating, such as ``CVSS:5.0``, where there is one."""
    return next(
        (printable(vector.partition("/")[0] if "/" in vector else "another scheme", 20) for vector in _vectors(value) if vector), ""
    )


def _latest(*texts: Any) -> datetime | None:
    found = [moment for text in texts if (moment := moment_of(text)) is not None]
    return max(found, default=None)


def moment_of(text: Any) -> datetime | None:
    """A time in ISO 8601 or RFC 3339, as UTC where it names no zone; None where it is none."""
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def affects(part: Affected, version: str) -> bool | None:
    """Is ``version`` affected? None where it is not known."""
    mine = _parsed(version)
    if version in part.versions or (mine is not None and mine in {_parsed(v) for v in part.versions}):
        return True
    if mine is None:
        return None
    found = [_within(events, mine) for events in part.ranges]
    if True in found:
        return True
    return None if None in found or not (part.ranges or part.versions) else False


def _within(events: Iterable[tuple[str, str]], mine: Version) -> bool | None:
    """The schema's algorithm over one range. At one version a fix comes first, and a last affected one ends what is introduced there."""
    placed = [(kind, None if text == "0" else _parsed(text), text) for kind, text in events if kind != "limit"]
    if any(version is None and text != "0" for _, version, text in placed):
        return None
    affected = False
    for kind, version, _ in sorted(placed, key=lambda e: (e[1] is not None, e[1] or mine, ORDER[e[0]])):
        begun = version is None or (mine > version if kind == "last_affected" else mine >= version)
        if begun:
            affected = kind == "introduced"
    return affected and _before_limits(events, mine)


def _before_limits(events: Iterable[tuple[str, str]], mine: Version) -> bool:
    limits = [text for kind, text in events if kind == "limit"]
    return not limits or any(text == "*" or ((at := _parsed(text)) is not None and mine < at) for text in limits)


def _parsed(text: str) -> Version | None:
    try:
        found = Version(text)
    except InvalidVersion:
        return None
    return Version(found.public) if found.local else found


def fixed_in(part: Affected, version: str) -> str:
    """The first version that no longer is affected, by the ranges' ``fixed`` events, or an empty text."""
    mine = _parsed(version)
    fixed = {_parsed(text): text for events in part.ranges for kind, text in events if kind == "fixed"}
    later = [v for v in fixed if v is not None and mine is not None and v > mine and affects(part, str(v)) is False]
    return fixed[min(later)] if later else ""
