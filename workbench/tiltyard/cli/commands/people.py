"""What ``tiltyard user`` does: each change asks the policy and stands in the audit log."""

from pathlib import Path

from ...access.person import me
from ...access.roles import Role
from ...access.users import User, Users
from ...audit import notes as audit
from ...errors import Problem
from ...result import Frozen
from ...sealing.asking import typed
from ..console import emit, remark, say, show_table, unlogged

PASSWORD = "TILTYARD_USER_PASSWORD"
FIRST = ", and has to set a password of their own at the first login"


class Somebody(Frozen):
    """One person, as ``user list --json`` tells it."""

    name: str
    role: Role
    made: str


class People(Frozen):
    """Everybody who may log in."""

    format: int = 1
    users: tuple[Somebody, ...]


def add(name: str, role: str, file: Path | None, once: bool = False) -> int:
    """Let somebody log in."""
    users = _changeable(file)
    if users.find(name):
        raise Problem("a name not in use", f"{name}, which is there", "Take another, or change its role or password")
    return _shown("user added", users.add(name, role, _password(), once), f"may log in as {role}{FIRST * once}")


def show(as_json: bool, file: Path | None) -> int:
    """List the people."""
    users = Users(file)
    found = users.all()
    if as_json:
        emit(People(users=tuple(Somebody(name=u.name, role=u.role, made=u.made) for u in found)))
    elif not found:
        remark(f"Nobody in {users.path}. Add somebody with `tiltyard user add NAME`.")
    else:
        show_table(("Name", "Role", "Since"), [(u.name, str(u.role), u.made[:10]) for u in found])
    return 0


def give(name: str, role: str, file: Path | None) -> int:
    """Another role."""
    return _shown("role changed", _changeable(file).change(name, role=role), f"is {role} from now on")


def renew(name: str, file: Path | None, once: bool = False) -> int:
    """Another password."""
    users = _changeable(file)
    if users.find(name) is None:
        raise Problem("the name of a user", f"{name!r}, which none has", "See `tiltyard user list`")
    words = f"has another password; logins with the old one have ended{FIRST * once}"
    return _shown("password changed", users.change(name, password=_password(), once=once), words)


def remove(name: str, file: Path | None) -> int:
    """Nobody of this name logs in any more."""
    return _shown("user removed", _changeable(file).remove(name), "cannot log in any more; their runs stay")


def _changeable(file: Path | None) -> Users:
    me().must("users")
    audit.ready()
    return Users(file)


def _shown(what: str, user: User, words: str) -> int:
    unlogged(audit.note(what, parameters={"user": user.name, "role": str(user.role)}))
    say(f"✓ {user.name} {words}", style="green")
    return 0


def _password() -> str:
    lacking = Problem("a password", f"no terminal to ask at, and no {PASSWORD}", "Run it in a terminal")
    return typed(PASSWORD, "password", lacking, fresh=True)
