"""Who this process works for."""

import getpass
import os
from dataclasses import dataclass

from .roles import Action, Role, allows, require

USER, ROLE = "TILTYARD_USER", "TILTYARD_ROLE"


@dataclass(frozen=True)
class Person:
    """A name and a role.

    ``shared`` says that this person came through a login that others use too: then runs belong to who started them, and
    only an admin sees all. Somebody alone at their own machine is an admin and not ``shared``.
    """

    name: str
    role: Role
    shared: bool = False

    @property
    def sees_all(self) -> bool:
        """Everybody's runs, or only one's own?"""
        return not self.shared or self.role is Role.ADMIN

    def may(self, action: Action) -> bool:
        """Does the role allow it?"""
        return allows(self.role, action)

    def must(self, action: Action) -> None:
        """Raise `Denied` where the role does not allow it."""
        require(self.role, action)


def me() -> Person:
    """The person of this process.

    A server that knows who logged in starts its kernels with TILTYARD_USER and TILTYARD_ROLE; an unknown role counts as
    the least one. Without them it is the person of this account (JUPYTERHUB_USER in their own JupyterHub server), an
    admin of what is theirs. Whoever can run code in this process can change both variables.
    """
    name = os.environ.get(USER, "").strip()
    if not name:
        return Person(os.environ.get("JUPYTERHUB_USER", "") or account(), Role.ADMIN)
    role = os.environ.get(ROLE, "").strip()
    return Person(name, Role(role) if role in list(Role) else Role.VIEWER, shared=True)


def account() -> str:
    """The name of the system's account, or ``local`` where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "local"
