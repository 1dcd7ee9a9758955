"""Acceptance: somebody looked at a file that could not be proven safe, and said by name and reason that it may be used.

It holds for the very bytes with that SHA-256, on this account, until it is revoked; never for a malicious file. Beside it stands the
list of a team's own types, which a pickle may make as it may make the known ones.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..errors import Problem
from ..files.atomic import new_file
from ..lean import Lean
from .judges.trust import executes
from .verdict import Verdict

MOST_LIST = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Acceptance(Lean):
    """One file that was accepted: which bytes, called what, judged how, by whom, when and why."""

    sha256: str = field(metadata={"pattern": "^[0-9a-f]{64}$"})
    name: str
    verdict: str
    who: str
    when: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class Accepted(Lean):
    """The file of acceptances, a format number first; and the team's own types as ``package.module.Class``."""

    format: Literal[1] = 1
    files: tuple[Acceptance, ...] = ()
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.types:
            module, _, name = text.rpartition(".")
            if not module or not all(part.isidentifier() for part in text.split(".")):
                raise ValueError(f"{text!r} is no class as package.module.Class")
            if executes(module, name):
                raise ValueError(f"{text} runs code or reaches files: it can be on no list")

    def of(self, verdict: Verdict) -> Acceptance | None:
        """The acceptance of what was judged; None where there is none, and for every malicious file."""
        if verdict.verdict == "malicious":
            return None
        return next((one for one in self.files if one.sha256 == verdict.sha256), None)


def default_place() -> Path:
    """TILTYARD_ACCEPTED, or ``accepted.json`` in the user's configuration folder."""
    if place := os.environ.get("TILTYARD_ACCEPTED", "").strip():
        return Path(place).expanduser()
    import platformdirs

    return platformdirs.user_config_path("tiltyard", appauthor=False) / "accepted.json"


def accepted(place: Path | None = None) -> Accepted:
    """What was accepted so far; read anew at each call, so that a revocation counts at once.

    Raises
    ------
    Problem
        The file is there and is no list of acceptances.
    """
    place = place or default_place()
    try:
        if place.stat().st_size > MOST_LIST:
            raise Problem("a list of acceptances of at most 1 MiB", f"{place}, which is larger", "Move it away")
        return Accepted.model_validate(json.loads(place.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Accepted()
    except OSError as error:
        raise Problem("a list of acceptances that can be read", f"{place}: {error.strerror}", "Check its permissions") from error
    except ValueError as error:
        if hasattr(error, "errors"):  # pydantic's
            raise Problem("a list of acceptances", f"{place}: {error.errors()[0]['msg']}", "Correct it, or move it away") from error
        raise Problem("a list of acceptances", f"{place}, which is no JSON", "Correct it, or move it away") from error


def accept(verdict: Verdict, why: str, who: str = "", place: Path | None = None) -> Acceptance:
    """Write that the bytes of ``verdict`` are accepted.

    Raises
    ------
    Problem
        The file is malicious or needs no acceptance, or no reason is given.
    """
    if verdict.verdict == "malicious":
        raise Problem("a file that is not malicious", f"{verdict.summary}", "It cannot be accepted; delete it, and ask for tensors alone")
    if verdict.verdict == "safe":
        raise Problem("a file that is not proven", f"{verdict.name}, which is safe", "It needs no acceptance")
    if len(why.strip()) < 3:
        raise Problem("a reason", repr(why), "Say why it may be used: who made it, how it came here")
    import getpass

    place = place or default_place()
    one = Acceptance(
        sha256=verdict.sha256,
        name=verdict.name,
        verdict=verdict.verdict,
        who=who or getpass.getuser(),
        when=datetime.now(UTC),
        why=why.strip(),
    )
    known = accepted(place)
    _write(known.model_copy(update={"files": (*(f for f in known.files if f.sha256 != one.sha256), one)}), place)
    return one


def revoke(digest: str, place: Path | None = None) -> Acceptance:
    """Take an acceptance back, named by its SHA-256 or the first 8 digits or more.

    Raises
    ------
    Problem
        None has these digits, or several have.
    """
    place = place or default_place()
    known = accepted(place)
    found = [one for one in known.files if len(digest) >= 8 and one.sha256.startswith(digest.lower())]
    if len(found) != 1:
        raise Problem(
            "the SHA-256 of one accepted file, or its first 8 digits", f"{digest} names {len(found)}", "See tiltyard accept --list"
        )
    _write(known.model_copy(update={"files": tuple(f for f in known.files if f is not found[0])}), place)
    return found[0]


def _write(known: Accepted, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with new_file(place, replace=True) as stream:
        stream.write(known.model_dump_json(indent=1).encode())
