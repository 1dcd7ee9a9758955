"""The page that is opened first: at once what it is for everybody, then, when it is its turn, a kernel and what that shows."""

import asyncio
import json
import os
import re
import secrets
from collections.abc import Hashable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from copy import deepcopy
from functools import partial
from typing import Any

import voila
from nbclient.exceptions import DeadKernelError
from tornado.httputil import split_host_and_port
from tornado.web import HTTPError, authenticated
from voila.tornado.handler import TornadoVoilaHandler

from ..place import PLACE, place_of
from .outputs import html
from .running import Cells
from .skeleton import Skeleton, shows
from .visits import Visits

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' {sockets}; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
HOST = re.compile(r"[\w.:\[\]-]+")  # browsers that do not take a socket of the same host for 'self' have it named
LONGEST = 600.0  # s for a kernel to start and show its page, after its turn came
ALIVE = 10.0  # s between words to a browser that waits, for a proxy takes a silent connection for a dead one
BROKE = "The kernel of this page could not be started."


class OpeningHandler(TornadoVoilaHandler):
    """Sends the page in parts while its kernel starts."""

    kernel_id = ""
    nonce = ""
    place: object = None
    cells: Cells | None = None
    _task: "asyncio.Task[Any] | None" = None

    @authenticated
    async def get(self, path: str | None = None) -> None:
        if path:
            raise HTTPError(404)
        visits: Visits = self.settings["visits"]
        skeleton = await visits.skeletons.of(self.get_argument("theme", self.voila_configuration.theme))
        self._task = asyncio.current_task()
        with suppress(asyncio.CancelledError):
            await self._open(visits, skeleton)

    async def _open(self, visits: Visits, skeleton: Skeleton) -> None:
        who, kernels = self.current_user.username, self.kernel_manager
        async with AsyncExitStack() as held:
            self.place = await held.enter_async_context(kernels.place(who, partial(self._roomless, skeleton, held)))
            page = held.enter_context(visits.coming(self._waited_for()))
            self._begin(skeleton, held)
            await held.enter_async_context(visits.turns.turn(who, self._waiting))
            held.push_async_exit(self._unfinished)
            await held.enter_async_context(asyncio.timeout(LONGEST))
            if (nursery := kernels.nursery) is not None and nursery.preparing:
                self._call("preparing")
            await self._start(skeleton)
            self.cells = Cells(kernels.get_kernel(self.kernel_id), deepcopy(skeleton.notebook), self.traitlet_config)
            await self._send(skeleton, self.cells)
            visits.sent(self.kernel_id, self.cells, page)
        self.finish()

    def _waited_for(self) -> Hashable:
        """Of whom one page at a time keeps others waiting: the person of a shared login; each page by itself where one account has all."""
        person = self.identity_provider.person(self.current_user)
        return person.name if person is not None and person.shared else object()

    def _begin(self, skeleton: Skeleton, held: AsyncExitStack) -> None:
        """Send what is the same for all, once; from then on the connection is kept."""
        if self.nonce:
            return
        self.nonce = secrets.token_urlsafe(16)
        host = self.request.host if HOST.fullmatch(self.request.host) else ""
        self.set_header("Content-Security-Policy", POLICY.format(nonce=self.nonce, sockets=f"ws://{host} wss://{host}" if host else ""))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self._say(skeleton.first(self.nonce))
        held.enter_context(self._alive())

    async def _start(self, skeleton: Skeleton) -> None:
        name = str(skeleton.notebook.metadata.kernelspec.name)
        start = asyncio.ensure_future(self.kernel_manager.start_kernel(kernel_name=name, path="", env=self._environment()))
        try:
            self.kernel_id = await asyncio.shield(start)
        except asyncio.CancelledError:  # the browser left; what has begun is known before it is ended
            self.kernel_id = await start
            raise

    async def _send(self, skeleton: Skeleton, cells: Cells) -> None:
        await cells.ready()
        first, *rest = skeleton.rest(self.nonce, self.kernel_id)
        self._say(first)
        shown = [index for index, cell in enumerate(skeleton.notebook.cells) if shows(cell)]
        for index, after in zip(shown, rest, strict=True):
            self._say(html(await cells.run(index)) + after)

    async def _unfinished(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """End the kernel of a page that was not sent whole, for nobody will use it. Where the kernel broke, the page shows that and tries again."""
        if kind is None:
            return False
        if self.cells is not None:
            await self.cells.close()
        if self.kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(self.kernel_id, now=True)
        if not issubclass(kind, (DeadKernelError, RuntimeError, TimeoutError)):
            return False
        self.log.error("A page could not be opened: %s", error)
        self._call("failed", BROKE)
        return True

    async def _roomless(self, skeleton: Skeleton, held: AsyncExitStack, place: int, of: int) -> None:
        self._begin(skeleton, held)
        self._call("roomless", place, of)

    async def _waiting(self, place: int, of: int) -> None:
        self._call("waiting", place, of)

    def _call(self, function: str, *given: str | int) -> None:
        """Have the page's own script do something; what is given are numbers and words of ours."""
        self._say(f'<script nonce="{self.nonce}">tiltyard.{function}({json.dumps(given)[1:-1]})</script>\n')

    def _say(self, text: str) -> None:
        self.write(text)
        self.flush()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        async def say() -> None:
            while True:
                await asyncio.sleep(ALIVE)
                self._say("<!-- -->\n")

        task = asyncio.create_task(say())
        try:
            yield
        finally:
            task.cancel()

    def _environment(self) -> dict[str, str]:
        """What Voila tells a kernel of its page."""
        host, port = split_host_and_port(self.request.host.lower())
        place = {PLACE: place_of(self.request.query_arguments).query}
        served = {"SERVER_SOFTWARE": f"voila/{voila.__version__}"}  # by it a panel knows that no notebook keeps what it shows
        page = served | {
            "SCRIPT_NAME": self.request.path,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port or ""),
            "VOILA_APP_PORT": str(port or ""),
        }
        return {**os.environ, **page, **place, "VOILA_BASE_URL": self.base_url, "VOILA_SERVER_URL": self.settings["server_url"]}

    def on_connection_close(self) -> None:
        """The browser left while it waited."""
        if self._task is not None:
            self._task.cancel()
