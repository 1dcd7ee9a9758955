"""Kernels that belong to who started them, and know for whom they work."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_server.base.call_context import CallContext
from jupyter_server.utils import ApiPath
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import HTTPError
from traitlets import Dict, DottedObjectName, Integer, Unicode

from tiltyard.access.confined import impossible
from tiltyard.access.person import ROLE, USER, Person
from tiltyard.access.places import UPLOADS
from tiltyard.audit import notes as audit

from .keeper import Keeper
from .limits import Limits
from .together import Family, Most, adopting, buried, end_strays, killed
from .turns import OnPlace
from .waiting import InLine, WaitingRoom
from .watched import WatchedKernels

SECRET = re.compile(r"TOKEN|PASSPHRASE|PASSWORD|SECRET|API_?KEY|^JUPYTERHUB_CLIENT_ID$")
TOO_MANY = 429
OFTEN = 1000  # ms between looks at what all processes of a page take together
FROM_THE_PAGE = ("QUERY_STRING", "VOILA_REQUEST_URL")


class OwnedKernels(WatchedKernels):
    """A kernel manager that marks each kernel with who asked for it."""

    most = Integer(12, config=True, help="Kernels of one person at a time; each open page has one.")
    memory = Integer(
        0, config=True, help="MiB that a page behind a shared login, and each process it starts, may take beyond its start; 0 for no bound."
    )
    cores = Integer(0, config=True, help="Cores that a page behind a shared login may use; 0 for all.")
    file = Integer(
        0, config=True, help="MiB that a file which a page behind a shared login writes, an upload too, may have; 0 for no bound."
    )
    running = Integer(
        0,
        config=True,
        help="Checks of more than 5 s, of all people behind a shared login, that run at once; others wait. 0 for one for two cores.",
    )
    processes = Integer(64, config=True, help="Processes that a page behind a shared login may have at a time; 0 for no bound.")
    waiting = Integer(
        32, config=True, help="Pages that wait for a place where the machine holds no more; who comes then is asked to come again."
    )
    left = Integer(60, config=True, help="Seconds after which a page that no browser is connected to may make room for another.")
    kernel_manager_class = DottedObjectName("tiltyard_widgets.gateway.confining.Kernel")
    owners = Dict(key_trait=Unicode(), value_trait=Unicode())

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._coming: dict[object, str] = {}
        self._room = WaitingRoom()
        self.keeper = Keeper(self.running)
        self.bounding = False

    async def start_kernel(self, *, kernel_name: str, path: str, env: dict[str, str]) -> str:  # type: ignore[override]
        """Start a kernel for the person whose request this is; 403 where nobody is logged in. `place` holds the limit on how many."""
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        user = getattr(handler, "current_user", None)
        if user is None:
            raise HTTPError(403)
        person = handler.identity_provider.person(user)
        given, whose = environment(env, person), (person, getattr(user, "mark", ""))
        started: str = await super().start_kernel(kernel_name=kernel_name, path=ApiPath(path), env=given, whose=whose)
        self._coming.pop(getattr(handler, "place", None), None)  # from now on the kernel itself is counted
        self.owners[started] = user.username
        self.born(started)
        return started

    def pre_start_kernel(self, kernel_name: str | None, kwargs: dict[str, Any]) -> tuple[Any, str, str]:
        """The kernel's own manager, which keeps it in confines where it works for somebody behind a shared login."""
        person, mark = kwargs.pop("whose", (None, ""))
        kernel: Any
        kernel, name, kernel_id = super().pre_start_kernel(kernel_name, kwargs)
        if person is not None and person.shared and not impossible():
            kernel.confine_to(Path(self.connection_dir), person, mark, self.keeper, self.limits)
        return kernel, name, kernel_id

    @property
    def limits(self) -> Limits:
        """What one page may take."""
        return Limits(self.memory << 20, self.file << 20, self.cores)

    def keep_bounds(self) -> None:
        """Look from now on every second after what is confined."""
        adopting()
        self.bounding = True
        self._bounds = PeriodicCallback(self.bound, OFTEN)
        self._bounds.start()

    async def bound(self) -> None:
        """End what outlived its page, and each page of which all processes together take too much."""
        look = IOLoop.current().run_in_executor
        family = await look(None, Family)
        strays = family.strays(self.keeper.pids)  # of this moment: who came since is not in the look
        await look(None, buried, strays)
        most = Most(self.processes, self.memory << 20)
        for kernel, owner in list(self.owners.items()):
            if kernel in self.owners and (pid := self.pid(kernel)) and (why := await look(None, family.excess, pid, most)):
                killed(pid)
                self.log.warning("a page of %s was ended: %s", owner, why)
                audit.note("page ended", who="the app", parameters={"of": owner, "why": why})
                await self._end(kernel)

    @property
    def waits(self) -> int:
        """How many wait for a place."""
        return len(self._room)

    def end_all(self) -> None:
        """End every kernel, and the broker, which clears their folders meanwhile."""
        self.keeper.hang_up()
        super().end_all()
        self.keeper.close()
        if self.nursery is not None:
            self.nursery.close()
        if self.bounding:
            end_strays()

    @asynccontextmanager
    async def place(self, user: str, tell: OnPlace | None = None) -> AsyncIterator[object]:
        """Room for one more kernel of ``user``, kept while its page waits for its turn.

        Past their number, or the machine's, it takes the place of the one that was left longest ago; 429 or 503 where none was.
        A browser that crashed does not say that its pages are closed: they are those that nothing is connected to and
        that have been still for ``left`` seconds. Where the machine is full and ``tell`` is given, it waits in line for a place
        instead, hears of its own, the first being 1, and of how many wait, and is sent away only where too many do.
        """
        place = object()
        with self._room.entered(user) as line:
            while refusal := await self._refused(user, line):
                if refusal.status_code == TOO_MANY or tell is None or (len(self._room) > self.waiting):
                    raise refusal
                await self._room.wait(line, tell)
            self._coming[place] = user
        try:
            yield place
        finally:
            self._coming.pop(place, None)

    async def _refused(self, user: str, line: InLine) -> HTTPError | None:
        """Why there is no place for who stands in this line, once what was left longest ago has made room."""
        while refusal := self._refusal(user):
            own = refusal.status_code == TOO_MANY
            mine = [kernel for kernel, owner in self.owners.items() if owner == user or not own]
            if not (own or self._room.first(line)) or not await self._cleared(mine):
                return refusal
        return None if self._room.first(line) else self._full()

    def _refusal(self, user: str) -> HTTPError | None:
        ahead = self._room.of(user) - 1  # less the one that asks
        if [*self.owners.values(), *self._coming.values()].count(user) + ahead >= self.most:
            return HTTPError(TOO_MANY, reason=f"{self.most} pages are open; close one")
        return self._full() if self.full(len(self._coming)) else None

    def _full(self) -> HTTPError:
        return HTTPError(503, reason="This machine holds no more pages now; one that is closed makes room")

    async def _cleared(self, kernels: list[str]) -> bool:
        """End the one of these that was left longest ago; False where none was left."""
        still = {kernel: self.still(kernel) for kernel in kernels if not self.lives[kernel].connected}
        longest = max(still, key=lambda kernel: still[kernel], default=None)
        if longest is None or still[longest] < self.left:
            return False
        await self.shutdown_kernel(longest)  # type: ignore[no-untyped-call]
        return True

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
    kept = {name: value for name, value in given.items() if not SECRET.search(name) and name not in (*FROM_THE_PAGE, UPLOADS)}
    return kept | {USER: person.name, ROLE: str(person.role)}


def own_environment() -> None:
    """Take the server's secrets out of its own environment, so that nothing it starts inherits them."""
    for name in [n for n in os.environ if "TOKEN" in n and n.startswith(("JUPYTER", "JPY", "TILTYARD"))]:
        del os.environ[name]
