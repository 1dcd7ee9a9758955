"""What is installed here: name, version, license, what it asks for, when it came. Reads metadata only, fetches nothing."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from functools import lru_cache
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
        stated = _stated(distribution)
        if _named(stated) and (name := str(canonicalize_name(_field(stated, "Name")))) not in found:
            found[name] = _package(name, distribution, stated)
    return tuple(found[name] for name in sorted(found))


def nameless() -> tuple[str, ...]:
    """The folders of what is installed whose metadata do not say a name and a version."""
    broken = [d for d in metadata.distributions() if not _named(_stated(d))]
    return tuple(sorted({printable(Path(str(getattr(d, "_path", "unknown"))).name, 80) for d in broken}))


def _stated(distribution: metadata.Distribution) -> Message:
    """Its metadata, read once and without the description, which is most of the text; empty where it has none."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or distribution.read_text("") or ""
    return HeaderParser().parsestr(text.partition("\n\n")[0])


def _named(stated: Message) -> bool:
    """Do the metadata say a name and a version?"""
    return bool(_field(stated, "Name") and _field(stated, "Version"))


def _field(stated: Message, name: str) -> str:
    """A field of the metadata, or nothing."""
    return str(stated.get(name, ""))


def _package(name: str, distribution: metadata.Distribution, stated: Message) -> Package:
    license, spdx = _license(stated)
    facts = _requires(distribution, stated), _installed(distribution), _own(distribution)
    return Package(name, _field(stated, "Version"), license, spdx, *facts, _archive(distribution), _record(distribution))


def _license(stated: Message) -> tuple[str, bool]:
    if "License-Expression" in stated:
        return printable(stated["License-Expression"]), True
    classified = [c.rpartition("::")[2].strip() for c in stated.get_all("Classifier") or [] if c.startswith("License ::")]
    classified = [c for c in classified if c != "OSI Approved"]
    if classified:
        return printable(" and ".join(classified)), False
    text = stated["License"].strip() if "License" in stated else ""
    short = 0 < len(text) <= LONGEST_LICENSE and "\n" not in text and text.upper() != "UNKNOWN"
    return (printable(text), False) if short else ("", False)


def _requires(distribution: metadata.Distribution, stated: Message) -> tuple[str, ...]:
    old = distribution.requires if distribution.read_text("requires.txt") else None  # of an egg, which keeps them in a file of their own
    asked = (_asked(text) for text in stated.get_all("Requires-Dist") or old or ())
    return tuple(sorted({name for name in asked if name}))


@lru_cache(maxsize=10_000)
def _asked(text: str) -> str:
    """The canonical name that a line of requirements asks for in this environment, or nothing."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return ""
    wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    return str(canonicalize_name(requirement.name)) if wanted else ""


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
