"""What is installed here: name, version, license, what it asks for, when it came. Reads metadata only, fetches nothing."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..artifacts.reason import printable

LONGEST_LICENSE = 80
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Package:
    """One installed distribution.

    Attributes
    ----------
    name
        Canonical (PEP 503).
    license, spdx
        As its metadata say, or empty; ``spdx`` where that is an SPDX expression (PEP 639).
    requires
        Canonical names it asks for in this environment.
    installed
        When it was written here, or None; not when it was released.
    own
        It was installed from a folder or a repository (PEP 610), so that no index's word is about what it holds.
    archive
        SHA-256 of the archive it came in, as its installer noted it (PEP 610), or empty: those from an index are not noted.
    record
        SHA-256 of its RECORD, the list of its files with their hashes, or empty; it names what was installed to the byte.
    """

    name: str
    version: str
    license: str = ""
    spdx: bool = False
    requires: tuple[str, ...] = ()
    installed: datetime | None = None
    own: bool = False
    archive: str = ""
    record: str = ""


def packages() -> tuple[Package, ...]:
    """Every installed distribution by name; of two copies the one that is imported."""
    found: dict[str, Package] = {}
    for distribution in metadata.distributions():
        if (name := _field(distribution, "Name")) and _field(distribution, "Version"):
            found.setdefault(str(canonicalize_name(name)), _package(str(canonicalize_name(name)), distribution))
    return tuple(found[name] for name in sorted(found))


def nameless() -> tuple[str, ...]:
    """The folders of what is installed whose metadata do not say a name and a version."""
    broken = [d for d in metadata.distributions() if not (_field(d, "Name") and _field(d, "Version"))]
    return tuple(sorted({printable(Path(str(getattr(d, "_path", "unknown"))).name, 80) for d in broken}))


def _field(distribution: metadata.Distribution, name: str) -> str:
    """A field of its metadata, or nothing; asked in the way that no version of the library raises at."""
    return str(next(iter(distribution.metadata.get_all(name) or ()), ""))


def _package(name: str, distribution: metadata.Distribution) -> Package:
    license, spdx = _license(distribution)
    facts = _requires(distribution), _installed(distribution), _own(distribution)
    return Package(name, distribution.version, license, spdx, *facts, _archive(distribution), _record(distribution))


def _license(distribution: metadata.Distribution) -> tuple[str, bool]:
    stated = distribution.metadata
    if "License-Expression" in stated:
        return printable(stated["License-Expression"]), True
    classified = [c.rpartition("::")[2].strip() for c in stated.get_all("Classifier") or [] if c.startswith("License ::")]
    classified = [c for c in classified if c != "OSI Approved"]
    if classified:
        return printable(" and ".join(classified)), False
    text = stated["License"].strip() if "License" in stated else ""
    short = 0 < len(text) <= LONGEST_LICENSE and "\n" not in text and text.upper() != "UNKNOWN"
    return (printable(text), False) if short else ("", False)


def _requires(distribution: metadata.Distribution) -> tuple[str, ...]:
    names = set()
    for text in distribution.requires or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.add(str(canonicalize_name(requirement.name)))
    return tuple(sorted(names))


def _own(distribution: metadata.Distribution) -> bool:
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (ValueError, OSError):
        return True  # it came by its own way, and does not say by which
    return not isinstance(origin, dict) or bool({"dir_info", "vcs_info"} & set(origin))


def _archive(distribution: metadata.Distribution) -> str:
    try:
        found = json.loads(distribution.read_text("direct_url.json") or "{}")["archive_info"]["hashes"]["sha256"]
    except (ValueError, OSError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) and HASH.fullmatch(found) else ""


def _record(distribution: metadata.Distribution) -> str:
    """By lines in order: an installer may write them in any."""
    try:
        lines = sorted((distribution.read_text("RECORD") or "").splitlines())
    except (ValueError, OSError):
        return ""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def _installed(distribution: metadata.Distribution) -> datetime | None:
    place = getattr(distribution, "_path", None)
    try:
        return datetime.fromtimestamp(Path(place).stat().st_mtime, UTC) if place is not None else None
    except (OSError, TypeError):
        return None
