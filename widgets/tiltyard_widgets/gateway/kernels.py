"""Kernels that belong to who started them, and know for whom they work."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jupyter_server.base.call_context import CallContext
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import ApiPath
from tornado.web import HTTPError
from traitlets import Dict, Integer, Unicode

from tiltyard.access.person import ROLE, USER, Person

SECRET = re.compile(r"TOKEN|PASSPHRASE|PASSWORD|SECRET|API_?KEY|^JUPYTERHUB_CLIENT_ID$")
FROM_THE_PAGE = ("QUERY_STRING", "VOILA_REQUEST_URL")


class OwnedKernels(AsyncMappingKernelManager):
    """A kernel manager that marks each kernel with who asked for it."""

    most = Integer(12, config=True, help="Kernels of one person at a time; each open page has one.")
    left = Integer(60, config=True, help="Seconds after which a page that no browser is connected to may make room for another.")
    owners = Dict(key_trait=Unicode(), value_trait=Unicode())

    async def start_kernel(self, *, kernel_name: str, path: str, env: dict[str, str]) -> str:  # type: ignore[override]
        """Start a kernel for the person whose request this is; 403 where nobody asks, 429 past their number of pages."""
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        user = getattr(handler, "current_user", None)
        if user is None:
            raise HTTPError(403)
        await self.room(user.username)
        person = handler.identity_provider.person(user)
        started: str = await super().start_kernel(kernel_name=kernel_name, path=ApiPath(path), env=environment(env, person))
        self.owners[started] = user.username
        return started

    async def room(self, user: str) -> None:
        """Let ``user`` open one more page, past their number in place of the one that was left longest ago; 429 where none was.

        A browser that crashed does not say that its pages are closed: they are those that nothing is connected to and
        that have been still for ``left`` seconds.
        """
        own = [kernel for kernel, owner in self.owners.items() if owner == user]
        if len(own) < self.most:
            return
        still = {kernel: self.still(kernel) for kernel in own if not self._kernel_connections.get(kernel)}
        longest = max(still, key=lambda kernel: still[kernel], default=None)
        if longest is None or still[longest] < self.left:
            raise HTTPError(429, reason=f"{self.most} pages are open; close one")
        await self.shutdown_kernel(longest)  # type: ignore[no-untyped-call]

    def still(self, kernel_id: str) -> float:
        """Seconds since a kernel last did anything."""
        since: datetime = self.get_kernel(kernel_id).last_activity  # type: ignore[attr-defined]
        return (datetime.now(UTC) - since).total_seconds()

    def owned(self, kernel_id: str, user: object) -> bool:
        """Did this person start it?"""
        return self.owners.get(kernel_id) == getattr(user, "username", "")

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget it, and whose it was."""
        self.owners.pop(kernel_id, None)
        return super().remove_kernel(kernel_id)


def environment(given: Mapping[str, str], person: Person | None) -> dict[str, str]:
    """A kernel's environment: without the server's secrets, and with the person and role where they came through a shared login.

    Parameters
    ----------
    given
        The server's own environment and what Voila adds.
    person
        None for the owner of the account, whose own settings, passphrases too, stay as they are.
    """
    if person is None:
        return {name: value for name, value in given.items() if "TOKEN" not in name and name not in FROM_THE_PAGE}
    kept = {name: value for name, value in given.items() if not SECRET.search(name) and name not in FROM_THE_PAGE}
    return kept | {USER: person.name, ROLE: str(person.role)}


def own_environment() -> None:
    """Take the server's secrets out of its own environment, so that nothing it starts inherits them."""
    for name in [n for n in os.environ if "TOKEN" in n and n.startswith(("JUPYTER", "JPY", "TILTYARD"))]:
        del os.environ[name]
