"""What people did, written to the audit log beside the store: on unless TILTYARD_AUDIT is off.

Nobody's work waits for the log: where it cannot be written `note` says why, and the run says so and goes on. Where
TILTYARD_AUDIT_REQUIRED is set, `ready` refuses to begin instead. With TILTYARD_AUDIT_KEY, a key file as
``tiltyard seal --new-key`` makes one, the chain is an HMAC and nobody without that file can write it anew.
"""

import os
import re
from collections import deque
from pathlib import Path
from typing import Any

from ..access.line import Line, line
from ..access.person import me
from ..access.store_place import address, default_place
from ..errors import Problem
from ..result import Frozen
from ..sealing.keys import read_sealing_key
from .log import AuditLog, AuditRecord, check, records
from .wording import OF_KEEPERS

PLACE, REQUIRED, KEY = "TILTYARD_AUDIT", "TILTYARD_AUDIT_REQUIRED", "TILTYARD_AUDIT_KEY"
SECRET = re.compile(r"secret|token|passw|passphrase|credential|api_?key|authorization", re.IGNORECASE)
IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@|\?[^\s]*")
LONGEST, MOST, DEEPEST = 500, 100, 6
HIDDEN = "(hidden)"


def place(store: str | Path | None = None) -> Path | None:
    """Where the log lies: TILTYARD_AUDIT, else ``NAME.audit.jsonl`` beside the store's file; None where it is off.

    Parameters
    ----------
    store
        The store's place, as `Store` takes it; None for the default one. A database by URL has its log in the user's data folder.
    """
    given = os.environ.get(PLACE, "").strip()
    if given.lower() in ("off", "0", "no", "false"):
        return None
    if given:
        return Path(given).expanduser()
    text = str(store) if store is not None else default_place()
    if "://" in text:
        url = address(text)
        if url.get_backend_name() != "sqlite" or not url.database:
            return _data_folder() / "audit.jsonl"
        text = url.database
    return Path(text).expanduser().resolve().with_suffix(".audit.jsonl")  # whatever link led to the store, it has one log


def _data_folder() -> Path:
    import platformdirs

    return platformdirs.user_data_path("tiltyard", appauthor=False, ensure_exists=True)


def required() -> bool:
    """Must everything be logged, or not be done?"""
    return os.environ.get(REQUIRED, "").strip().lower() not in ("", "0", "no", "false", "off")


def secret() -> bytes | None:
    """The key of the chain, from the file TILTYARD_AUDIT_KEY names; None where it names none."""
    file = os.environ.get(KEY, "").strip()
    return read_sealing_key(Path(file).expanduser()).secret if file else None


def ready(store: str | Path | None = None) -> None:
    """Raise a `Problem` where all must be logged and the log cannot be written; else do nothing."""
    if (asked := line()) is not None:
        asked.ask("ready")
        return
    if not required():
        return
    file = place(store)
    if file is None:
        raise Problem(f"an audit log, for {REQUIRED} is set", f"{PLACE}=off", "Unset one of them")
    try:
        AuditLog(file, secret())
    except OSError as error:
        raise Problem("an audit log that can be written", f"{file}: {error.strerror or error}", "Fix that first") from None


def note(
    what: str,
    fingerprint: str = "",
    parameters: dict[str, Any] | None = None,
    who: str = "",
    store: str | Path | None = None,
) -> str:
    """Add a record; returns in one line why it could not be written, or nothing.

    Parameters
    ----------
    what
        ``run started``, ``model opened``, ``login`` …
    fingerprint
        SHA-256 of what it was done to, or empty.
    parameters
        Whatever repeats it. Values under secret-sounding names, and passwords and queries in addresses, are left out.
    who
        The person of this process where it is not given. In a kernel behind a shared login it is always its own.
    """
    if (asked := line()) is not None:
        return _asked(asked, what, fingerprint, parameters or {})
    try:
        file = place(store)
        if file is not None:
            AuditLog(file, secret()).append(who or me().name, what, fingerprint, plain(parameters or {}))
    except (Problem, OSError) as problem:
        return f"Not in the audit log: {problem}"
    return ""


def _asked(asked: Line, what: str, fingerprint: str, parameters: dict[str, Any]) -> str:
    """Have the broker write it; what it does itself it has written already."""
    if what in OF_KEEPERS:
        return asked.unlogged
    try:
        return str(asked.ask("note", what=what, fingerprint=fingerprint, parameters=plain(parameters)).says["value"])
    except Problem as problem:
        return f"Not in the audit log: {problem}"


class Read(Frozen):
    """An audit log that was found whole: how many records, its anchor, a remark or nothing, whether it has a key, and its last records."""

    count: int
    anchor: str
    remark: str
    keyed: bool
    last: tuple[AuditRecord, ...]


def read(last: int, store: str | Path | None = None) -> Read | None:
    """Check a whole log and give its ``last`` records, oldest first; None where there is none. `Broken` where it does not hold."""
    if (asked := line()) is not None:
        found = asked.ask("log", last=last).says["value"]
        return None if found is None else Read.model_validate(found)
    file = place(store)
    if file is None or not file.exists():
        return None
    key = secret()
    found = check(file, key)
    return Read(**vars(found), keyed=key is not None, last=tuple(deque(records(file, key), maxlen=last)))


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as plain JSON, short, and without secrets."""
    if isinstance(value, dict):
        if depth >= DEEPEST:
            return f"({len(value)} more)"
        items = list(value.items())[:MOST]
        return {str(k)[:LONGEST]: HIDDEN if SECRET.search(str(k)) else plain(v, depth + 1) for k, v in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v, depth + 1) for v in list(value)[:MOST]] if depth < DEEPEST else f"({len(value)} more)"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    text = str(value)
    text = IN_ADDRESS.sub("", text) if "://" in text else text
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
