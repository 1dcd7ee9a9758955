"""Behind JupyterHub: the Hub says who it is, its groups say what they may."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

from tiltyard.access.person import Person
from tiltyard.access.roles import Role

GROUPS = {f"tiltyard-{role}": role for role in Role}


class HubIdentity(JupyterHubIdentityProvider):
    """The Hub's OAuth login. Only those whom the Hub lets into this server come in; each kernel works for who opened it."""

    def person(self, user: Any) -> Person:
        """The Hub's user with the role of their groups; runs belong to who made them, also in a store that several servers share."""
        model = user.hub_user
        return Person(str(model["name"]), role_in(model.get("groups") or (), bool(model.get("admin"))), shared=True)

    def read_environment(self) -> None:
        """Read the Hub's token and settings from the environment now; it is cleared afterwards."""
        assert self.hub_auth.api_token and self.hub_auth.oauth_client_id and self.hub_auth.access_scopes

    def still(self, user: object) -> bool:
        """The Hub ends a server with its login's right to it."""
        return user is not None


def role_in(groups: Iterable[str], admin: bool) -> Role:
    """Admins of the Hub are admins; others have the highest of ``tiltyard-admin``, ``-analyst``, ``-viewer``, or are analysts."""
    if admin:
        return Role.ADMIN
    order = list(Role)
    return max((GROUPS[g] for g in groups if g in GROUPS), key=order.index, default=Role.ANALYST)


@dataclass(frozen=True)
class Service:
    """Where the Hub wants this server: address, and the path its pages stand under."""

    host: str
    port: int
    path: str


def service() -> Service:
    """Address and path as the Hub gave them to this server, in its environment."""
    place = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", ""))
    if not place.hostname or not place.port:
        raise SystemExit("Expected JUPYTERHUB_SERVICE_URL with a host and port; found none. Let JupyterHub start this server.")
    return Service(place.hostname, place.port, os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/"))
