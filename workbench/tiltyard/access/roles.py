"""Viewer, analyst, admin, and what each may do; the one table that everybody asks."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from ..errors import Problem


class Role(StrEnum):
    """What a person may do, from least to most; each may also do what those before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"


Action = Literal["look", "export", "run", "write", "keys", "delete", "users", "log", "code"]

NEEDS: dict[Action, Role] = {
    "look": Role.VIEWER,
    "export": Role.VIEWER,
    "run": Role.ANALYST,
    "write": Role.ANALYST,
    "keys": Role.ADMIN,
    "delete": Role.ADMIN,
    "users": Role.ADMIN,
    "log": Role.ADMIN,
    "code": Role.ADMIN,
}
WORDS: dict[Action, str] = {
    "look": "look at their own and shared results",
    "export": "download reports",
    "run": "open models and data, run checks, apply defenses, take the files they made, share results",
    "write": "upload files, and write files where the login is not shared",
    "keys": "make and revoke keys",
    "delete": "delete runs, and see everybody's",
    "users": "add and remove people",
    "log": "read the audit log",
    "code": "name a function on the server to call",
}
_RANK = {role: rank for rank, role in enumerate(Role)}


class Denied(Problem):
    """A role, or a shared login, does not allow what was asked; an error of one line."""

    code = "TY-ROLE"

    quotes = False


def allows(role: Role | str, action: Action) -> bool:
    """May this role do it? An unknown role may nothing; an unknown action raises `KeyError`."""
    needed = NEEDS[action]
    try:
        return _RANK[Role(role)] >= _RANK[needed]
    except ValueError:
        return False


def require(role: Role | str, action: Action) -> None:
    """Raise `Denied` where this role may not do it."""
    if not allows(role, action):
        raise Denied(f"the role {NEEDS[action]} to {WORDS[action]}", f"the role {role}", "Ask an admin")


def reason(role: Role | str, action: Action) -> str:
    """Why a button is disabled, in one sentence, or nothing where it is not."""
    return "" if allows(role, action) else f"Needs the role {NEEDS[action]}; yours is {role}."


def allowed(role: Role | str) -> tuple[Action, ...]:
    """Everything this role may do."""
    return tuple(action for action in NEEDS if allows(role, action))


def role_of_scopes(scopes: Iterable[str]) -> Role:
    """The role behind an endpoint key's scopes: ``admin`` is an admin, ``predict`` an analyst, any other only looks."""
    given = set(scopes)
    return Role.ADMIN if "admin" in given else Role.ANALYST if "predict" in given else Role.VIEWER
