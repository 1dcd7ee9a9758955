"""uvicorn with our limits, and an endpoint in a thread for notebooks and tests."""

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Self

from ..errors import Problem
from ..targets.target import Target
from .app import closing, make_app
from .binding import BACKLOG, check_binding, context, enough_files, listening
from .guarding import Guarded, Observer
from .keys import KeyStore
from .labels import Learner
from .settings import Settings

if TYPE_CHECKING:
    import socket

    import numpy as np
    from fastapi import FastAPI
    from numpy.typing import NDArray
    from uvicorn import Server

DRAIN = 30
AT_ONCE = 64  # connections taken before those that are there are read
PATIENCE = 60.0


def make_server(app: "FastAPI", settings: Settings) -> "Server":
    """A uvicorn server that shows no version, speaks HTTP/1.1 alone, and loses no answer when it is stopped."""
    import uvicorn

    from .deadlines import limited

    limits = settings.limits
    config = uvicorn.Config(
        app,
        http=limited(limits, settings.proxies, context(settings)),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=AT_ONCE,
        timeout_keep_alive=max(1, round(limits.idle_seconds)),
        timeout_graceful_shutdown=max(1, round(limits.stop_seconds)),
    )
    config.load()
    made: Server = _graceful()(config)
    return made


def _graceful() -> Any:
    import uvicorn

    class Graceful(uvicorn.Server):
        """A long queue of which few are taken at a time, so that who has a key is read between. On stopping, connections already open may still ask for a moment, are answered, and are told to close."""

        async def startup(self, sockets: "list[socket.socket] | None" = None) -> None:
            await super().startup(sockets)
            for place in sockets or ():
                place.listen(BACKLOG)

        async def shutdown(self, sockets: "list[socket.socket] | None" = None) -> None:
            for server in self.servers:
                server.close()
            gate = self.config.app.state.gate  # type: ignore[union-attr]
            if gate is not None:
                gate.draining = True
            for _ in range(DRAIN):
                if not self.server_state.connections:
                    break
                await asyncio.sleep(0.01)
            await super().shutdown(sockets)

    return Graceful


class Served:
    """An endpoint on a free port of this machine, served from a thread while the block lasts.

    ``url`` is its address, ``guarded`` what stands behind it. Parameters as of `app.make_app`.

    Examples
    --------
    >>> keys = KeyStore()
    >>> key = keys.new("me").secret
    >>> with Served(target, Settings(port=0), keys) as served:  # doctest: +SKIP
    ...     httpx.post(served.url + "/v1/predict", json={"instances": rows}, headers={"Authorization": f"Bearer {key}"})
    """

    def __init__(
        self,
        target: Target,
        settings: Settings | None = None,
        keys: KeyStore | None = None,
        observers: tuple[Observer, ...] = (),
        honest: "NDArray[np.float32] | None" = None,
    ) -> None:
        self.settings = settings or Settings(port=0)
        self.app = make_app(target, self.settings, keys, observers, honest=honest)
        self._thread: threading.Thread | None = None

    @property
    def guarded(self) -> Guarded:
        """The model behind its guard: observers, keys, budgets."""
        guarded: Guarded = self.app.state.guarded
        return guarded

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.guarded.close()
            raise
        return self

    def _start(self) -> None:
        check_binding(self.settings, self.guarded.keys)
        self._server = make_server(self.app, self.settings)
        self._socket = listening(self.settings.host, self.settings.port)
        scheme, port = "https" if self.settings.secure else "http", self._socket.getsockname()[1]
        self.url = f"{scheme}://{f'[{self.settings.host}]' if ':' in self.settings.host else self.settings.host}:{port}"
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="tiltyard-endpoint", daemon=True)
        self._thread.start()
        self._wait()

    def __exit__(self, *raised: object) -> None:
        self._server.should_exit = True
        assert self._thread is not None
        self._thread.join(self.settings.limits.stop_seconds + PATIENCE)
        self.guarded.close()

    def _wait(self) -> None:
        ended = threading.Event()
        for _ in range(int(PATIENCE * 100)):
            if self._server.started:
                return
            if self._thread is None or not self._thread.is_alive():
                break
            ended.wait(0.01)
        raise Problem("the endpoint to start", "that it did not", "Try another port")


def serve(
    target: Target,
    settings: Settings,
    keys: KeyStore,
    on_start: Any = None,
    honest: "NDArray[np.float32] | None" = None,
    observers: tuple[Observer, ...] = (),
    learner: Learner | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first.

    ``on_start`` is called with the address once the endpoint takes connections.
    """
    check_binding(settings, keys)
    enough_files(settings.limits.connections)
    with closing(make_app(target, settings, keys, observers, honest=honest, log_to_stderr=True, learner=learner)) as app:
        server = make_server(app, settings)
        place = listening(settings.host, settings.port)
        if on_start is not None:
            on_start(f"{'https' if settings.secure else 'http'}://{settings.host}:{place.getsockname()[1]}")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
            server.run([place])
