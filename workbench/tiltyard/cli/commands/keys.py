"""What ``tiltyard key`` does. A secret goes to stdout, alone on its line; everything else about it is a remark."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from ...access.person import me
from ...audit.notes import note, ready
from ...errors import Problem
from ...result import Frozen
from ...serving.keys import SCOPES, Key, KeyStore, Made, Scope, default_place
from ..console import remark, say, show_table


class KeyFacts(Frozen):
    """One key, as ``key list --json`` tells it; ``account`` is the id of the first of the keys that were rotated into it, or its own."""

    id: str
    account: str
    name: str
    state: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    budget: int | None


class KeyList(Frozen):
    """All keys."""

    format: int = 1
    keys: tuple[KeyFacts, ...]


def store(file: Path | None) -> KeyStore:
    """The keys in ``file``, or in the usual place, for whoever may have to do with keys."""
    me().must("keys")
    ready()
    return KeyStore(file or default_place())


def make(name: str, scopes: tuple[str, ...], days: float, budget: int | None, file: Path | None) -> int:
    """Make a key and show it."""
    wanted = tuple(s for s in SCOPES if s in scopes)
    if wrong := [s for s in scopes if s not in SCOPES]:
        raise Problem(f"--scope {' or '.join(SCOPES)}", repr(wrong[0]), "Correct it")
    if not 0 <= days <= 3660:
        raise Problem("--days from 0 (no end) to 3660", f"{days:g}", "Correct it")
    return _shown(store(file).new(name, wanted, timedelta(days=days) if days else None, budget), "key made")


def show(as_json: bool, file: Path | None) -> int:
    """List the keys."""
    keys = store(file)
    facts = KeyList(keys=tuple(_facts(k, keys) for k in keys.all()))
    if as_json:
        sys.stdout.write(facts.model_dump_json(indent=1) + "\n")
        return 0
    if not facts.keys:
        remark(f"No keys in {keys.path}. Make one with `tiltyard key new NAME`.")
        return 0
    rows = [
        (
            k.id,
            k.name,
            k.account if k.account != k.id else "",
            k.state,
            ", ".join(k.scopes),
            _day(k.created),
            _day(k.expires),
            f"{k.budget:,}" if k.budget else "",
        )
        for k in facts.keys
    ]
    show_table(("Id", "Name", "Account", "State", "Scopes", "Made", "Expires", "Budget"), rows, right=(7,))
    return 0


def end(name: str, line: bool, file: Path | None) -> int:
    """Revoke a key, or all that were rotated into one another."""
    keys = store(file)
    ended = keys.revoke_line(name) if line else (keys.revoke(name),)
    for one in ended:
        noted("key revoked", one)
        say(f"✓ revoked: {one.id} ({one.name})", style="green")
    if not ended:
        remark(f"No key of the account of {name} was valid any more.")
    return 0


def renew(name: str, grace: float, file: Path | None) -> int:
    """Rotate a key."""
    return _shown(store(file).rotate(name, timedelta(minutes=grace)), "key rotated")


def _shown(made: Made, what: str) -> int:
    noted(what, made.key)
    life = f"until {made.key.expires:%Y-%m-%d %H:%M} UTC" if made.key.expires else "without end"
    remark(f"Key {made.key.id} for {made.key.name}: {', '.join(made.key.scopes)}, valid {life}. It is shown this once:")
    sys.stdout.write(made.secret + "\n")
    return 0


def noted(what: str, key: Key) -> None:
    """Put it in the audit log, or say why it is not there."""
    if trouble := note(what, parameters={"id": key.id, "name": key.name, "scopes": list(key.scopes)}):
        remark(trouble, style="yellow")


def _facts(key: Key, keys: KeyStore) -> KeyFacts:
    given = key.model_dump(exclude={"hash", "line"})
    return KeyFacts(**given, account=key.account, state=key.state(keys.clock()))


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "–"
