"""Voila as Tiltyard serves it."""

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.ioloop import PeriodicCallback
from tornado.web import HTTPError, RequestHandler
from traitlets import Enum, Integer, Unicode, default
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.handler import TornadoVoilaHandler

from tiltyard.access.confined import impossible

from ..warm.nursery import Nursery, possible
from . import people
from .channels import PageChannels
from .confining import SHARED as GIVEN
from .confining import known
from .handlers import guarded, schemes
from .identity import NoIdentity, PasswordIdentity, TokenIdentity
from .kernels import OwnedKernels, environment, own_environment
from .leaving import LeavingHandler
from .login import LoginHandler, LogoutHandler
from .opening import OpeningHandler
from .pages import ROUTE, PageHandler
from .skeleton import Skeletons
from .tries import Tries
from .visits import Visits

SHORTEST = 32
MOST_BODY = 1 << 20
MOST_OPEN = 1 << 16  # connections and files
PATIENCE = 3600  # s for a cell's outputs after its reply: while the server is busy with others they come late, and what is given up is a blank page
LONGEST_FOLDER = 32  # a socket's path has 104 characters at most, and the rest of it takes 70
TEND = 10  # s between looks at the warm parent
KEEP = 1  # s between looks at the broker, for whose answers open pages wait
SHARED = ("password", "hub")
IDENTITIES = {"token": TokenIdentity, "password": PasswordIdentity, "none": NoIdentity}


class App(Voila):
    """Voila behind a login.

    A token is read from the first line of standard input, for command lines and environments are open to others. No
    configuration file is read: one in the folder it is started from could switch all of this off.
    """

    login = Enum(["token", "password", "hub", "none"], "token", config=True, help="How people log in.")
    hostname = Unicode("", config=True, help="A name it is reached under through a TLS proxy, beside this machine's own.")
    ping = Integer(15_000, config=True, help="Milliseconds between pings of an open page; three without an answer end its connection.")

    patience = Integer(
        30, config=True, help="Seconds in which a request must be here, its body too, and after which a connection that asks nothing ends."
    )
    pause = Integer(2000, config=True, help="Milliseconds after which a wrong name or password is refused.")
    warm = Enum(
        ["workbench", "bare", "off"],
        "workbench",
        config=True,
        help="Fork kernels from a parent that has imported what the workbench wants, or Jupyter's part alone, or start each from nothing.",
    )
    at_once = Integer(0, config=True, help="Pages whose kernels start at the same time, others wait their turn; 0 for two a core.")

    @default("config_file_paths")
    def _no_files(self) -> list[str]:
        return []

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read options, then the token or the Hub's settings."""
        super().initialize(argv)
        if not self.notebook_path:
            raise SystemExit("Expected a notebook to serve; found none. Name one.")
        if self.login == "hub":
            self._settle()
        else:
            self.identity_provider_class = IDENTITIES[self.login]
            self.token = token() if self.login == "token" else ""
        self.voila_configuration.multi_kernel_manager_class = OwnedKernels
        self.kernel_websocket_connection_class = PageChannels
        self.voila_configuration.allow_template_override = "NO"
        self.config.VoilaExecutor.iopub_timeout = self.config.VoilaExecutor.startup_timeout = PATIENCE
        self.config.KernelManager.autorestart = False  # another kernel under the same page would have none of its widgets
        signal.signal(signal.SIGINT, self._handle_signal_stop)  # as an exception it may be swallowed, or leave half done what it falls into
        if os.name == "posix":
            signal.signal(signal.SIGHUP, self._handle_signal_stop)  # a terminal that is closed is an end like another
        if os.name == "posix" and len(tempfile.gettempdir()) <= LONGEST_FOLDER:
            self.config.KernelManager.transport = "ipc"  # sockets in a folder of our own: no other account can listen

    def _settle(self) -> None:
        from .hub import HubIdentity, service  # late: jupyterhub is an extra

        place = service()
        self.ip, self.port, self.port_retries, self.base_url = place.host, place.port, 0, place.path
        self.identity_provider_class = HubIdentity
        self.auto_token = True

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings, less its trust in any host name, and with a log that keeps no query."""
        settings: dict[str, Any] = super().init_settings()
        self.kernel_manager.context.rcvhwm = 0  # none of what a kernel says is dropped while the server is busy
        identity = self.identity_provider
        if self.login == "hub":
            identity.read_environment()
        own_environment()
        if self.login != "hub":
            identity.login_handler_class, identity.logout_handler_class = LoginHandler, LogoutHandler
            identity.secure_cookie = True if self.hostname else None
            settings |= {"allow_remote_access": False, "local_hostnames": ["localhost", *filter(None, [self.hostname])]}
        logout = self.login in ("token", "password")
        at_once = self.at_once or 2 * (os.cpu_count() or 1)
        settings["visits"] = Visits(Skeletons(self, settings, logout), at_once, self.kernel_manager.__contains__)
        settings["schemes"] = partial(schemes, hostname=self.hostname, hub=self.login == "hub")
        settings |= {"tries": Tries(lambda: asyncio.sleep(self.pause / 1000)), "proxied": bool(self.hostname)}
        pings = {"ws_ping_interval": self.ping, "ws_ping_timeout": 3 * self.ping}
        return settings | pings | {"log_function": self.logged, "xsrf_cookie_kwargs": {"samesite": "Lax"}}

    def init_handlers(self) -> list[tuple[Any, ...]]:
        """Voila's handlers, each behind the login; only those of the login itself are not."""
        open_ones = {route[1]: route for route in self.identity_provider.get_handlers()}
        made: list[tuple[Any, ...]] = []
        own_pages = [
            (url_path_join(self.server_url, route), page) for route, page in ((ROUTE, PageHandler), (people.ROUTE, people.PeopleHandler))
        ]
        for pattern, handler, *rest in [*own_pages, *super().init_handlers()]:
            if handler in open_ones:
                made.append((url_path_join(self.server_url, pattern), handler, *rest))
            else:
                page = handler is TornadoVoilaHandler
                own = {TornadoVoilaHandler: OpeningHandler, VoilaShutdownKernelHandler: LeavingHandler}.get(handler, handler)
                made.append((pattern, guarded(pattern, own, page), *rest))
        return made

    def listen(self) -> None:
        """Voila's, with a limit on what anybody can send before the login, and how slowly; uploads come over the page's websocket."""
        slow = {"idle_connection_timeout": self.patience, "body_timeout": self.patience}
        self.app.listen = partial(self.app.listen, max_body_size=MOST_BODY, **slow)
        many_open()
        if self.login in SHARED and not impossible():
            self.kernel_manager.keeper.start()
            self._keeping = PeriodicCallback(self.kernel_manager.keeper.tend, 1000 * KEEP)
            self._keeping.start()
            self.kernel_manager.keep_bounds()
        if self.warm != "off" and not possible():
            self._warmed()
        super().listen()

    def _warmed(self) -> None:
        """Start the parent of kernels, before the first of them is asked for, and look after it."""
        shared = self.login in SHARED
        given = {name: value for name, value in environment(os.environ, None).items() if not shared or known(name, value)}
        self.kernel_manager.nursery = Nursery(GIVEN | given if shared else given, self.warm)
        self.kernel_manager.nursery.tend()
        self._tending = PeriodicCallback(self._tended, 1000 * TEND)
        self._tending.start()

    async def _tended(self) -> None:
        await asyncio.to_thread(self.kernel_manager.nursery.tend)  # it looks at every file of the package

    def _handle_signal_stop(self, sig: int, frame: object) -> None:
        """End between two turns of the loop; at once where none turns yet."""
        if not hasattr(self, "ioloop"):
            raise SystemExit(128 + sig)
        super()._handle_signal_stop(sig, frame)

    def stop(self) -> None:
        """End with every kernel; none outlives its server."""
        self.kernel_manager.end_all()
        with suppress(HTTPError):  # a kernel that was about to start is known by its id and is not there yet
            super().stop()

    def logged(self, handler: RequestHandler) -> None:
        """A line for what broke, without its query."""
        if handler.get_status() >= 500:
            self.log.error("%d %s %s", handler.get_status(), handler.request.method, handler.request.path)


def many_open() -> None:
    """Let this process have as many files open as it may: each connection is one."""
    if os.name == "posix":
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with suppress(OSError, ValueError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, MOST_OPEN) if most >= 0 else MOST_OPEN, most))


def token() -> str:
    """The first line of standard input."""
    given = sys.stdin.readline().strip() if sys.stdin else ""
    if len(given) < SHORTEST:
        raise SystemExit(
            f"Expected a token of {SHORTEST} characters or more on standard input; found {len(given)}. Start it by `tiltyard app`."
        )
    return given
