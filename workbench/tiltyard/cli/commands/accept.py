"""``tiltyard accept``: a file that could not be proven safe may be used, says who and why; revocable."""

from pathlib import Path

from ...artifacts.acceptance import Acceptance, accept, accepted, revoke
from ...artifacts.verdict import scan
from ...audit.notes import note
from ...errors import Problem
from ..console import say


def run(files: list[Path], why: str, revoked: str, listed: bool) -> int:
    """Accept files, take one acceptance back, or list them."""
    if bool(files) + bool(revoked) + listed != 1:
        raise Problem("files with --why, --revoke SHA256, or --list", "none or several of them", "Give one")
    if listed:
        _list()
    elif revoked:
        _noted("acceptance revoked", "revoked", revoke(revoked))
    else:
        for file in files:
            _noted("file accepted", "accepted", accept(scan(file), why))
    return 0


def _noted(what: str, word: str, one: Acceptance) -> None:
    trouble = note(what, one.sha256, {"name": one.name, "verdict": one.verdict, "why": one.why})
    say(f"{word}: {one.name} ({one.verdict}), SHA-256 {one.sha256}: {one.why}")
    if trouble:
        say(trouble, style="yellow")


def _list() -> None:
    for one in accepted().files:
        say(f"{one.sha256[:12]}  {one.when:%Y-%m-%d}  {one.who}  {one.name} ({one.verdict}): {one.why}")
