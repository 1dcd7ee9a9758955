"""The tables of the access panel: what each role allows, people, keys, and what was logged."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tiltyard.access.roles import NEEDS, WORDS, Role, allows
from tiltyard.access.users import User
from tiltyard.result import Column, Table

if TYPE_CHECKING:
    from tiltyard.audit.log import AuditRecord
    from tiltyard.serving.keys import Key

LONGEST = 80


def role_table(mine: Role) -> Table:
    """Each action with the roles that allow it; one's own role is marked."""
    columns = (Column(name="May"), *(Column(name=f"{role} (you)" if role is mine else str(role)) for role in Role))
    rows = tuple((WORDS[action].capitalize(), *("✓" if allows(role, action) else "–" for role in Role)) for action in NEEDS)
    return Table(name="roles", title="What each role allows", columns=columns, rows=rows)


def people_table(users: Sequence[User]) -> Table | None:
    """Who may log in; nothing where nobody may."""
    columns = tuple(Column(name=n) for n in ("Name", "Role", "Since", "Password"))
    rows = tuple((u.name, str(u.role), u.made[:10], "a first one" if u.once else "their own") for u in users)
    return Table(name="people", title="People", columns=columns, rows=rows) if rows else None


def key_table(keys: "Sequence[Key]", now: datetime) -> Table | None:
    """Every key without its secret; nothing where there is none."""
    columns = tuple(Column(name=n) for n in ("Id", "For", "Account", "State", "Scopes", "Made", "Expires"))
    rows = tuple(
        (
            k.id,
            k.name,
            k.account,
            k.state(now),
            ", ".join(k.scopes),
            f"{k.created:%Y-%m-%d}",
            f"{k.expires:%Y-%m-%d}" if k.expires else "never",
        )
        for k in keys
    )
    return Table(name="keys", title="Keys of the endpoint", columns=columns, rows=rows) if rows else None


def log_table(records: "Sequence[AuditRecord]", total: int) -> Table | None:
    """The last records, newest first; nothing where there is none."""
    columns = tuple(Column(name=n) for n in ("Number", "Time (UTC)", "Who", "What", "Model", "With"))
    rows = tuple(
        (r.number, r.time[:19].replace("T", " "), r.who, r.what, r.fingerprint[:8] or "–", _short(r.parameters)) for r in reversed(records)
    )
    return Table(name="log", title="What was done, newest first", columns=columns, rows=rows, total=total) if rows else None


def _short(parameters: dict[str, object] | object) -> str:
    text = json.dumps(parameters, ensure_ascii=False, separators=(", ", ": "))[1:-1].replace('"', "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
