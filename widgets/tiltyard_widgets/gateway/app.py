"""Voila as Tiltyard serves it."""

import os
import sys
import tempfile
from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.web import RequestHandler
from traitlets import Enum, Integer, Unicode, default
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

from .handlers import guarded
from .identity import NoIdentity, PasswordIdentity, TokenIdentity
from .kernels import OwnedKernels, own_environment
from .login import LoginHandler, LogoutHandler

SHORTEST = 32
MOST_BODY = 1 << 20
LONGEST_FOLDER = 32  # a socket's path has 104 characters at most, and the rest of it takes 70
IDENTITIES = {"token": TokenIdentity, "password": PasswordIdentity, "none": NoIdentity}


class App(Voila):
    """Voila behind a login.

    A token is read from the first line of standard input, for command lines and environments are open to others. No
    configuration file is read: one in the folder it is started from could switch all of this off.
    """

    login = Enum(["token", "password", "hub", "none"], "token", config=True, help="How people log in.")
    hostname = Unicode("", config=True, help="A name it is reached under through a TLS proxy, beside this machine's own.")
    ping = Integer(30_000, config=True, help="Milliseconds between pings of an open page; three without an answer end its connection.")

    @default("config_file_paths")
    def _no_files(self) -> list[str]:
        return []

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read options, then the token or the Hub's settings."""
        super().initialize(argv)
        if not self.notebook_path:
            raise SystemExit("Expected a notebook to serve; found none. Name one.")
        if self.login == "hub":
            from .hub import settle

            settle(self)
        else:
            self.identity_provider_class = IDENTITIES[self.login]
            self.token = token() if self.login == "token" else ""
        self.voila_configuration.multi_kernel_manager_class = OwnedKernels
        self.voila_configuration.allow_template_override = "NO"
        if os.name == "posix" and len(tempfile.gettempdir()) <= LONGEST_FOLDER:
            self.config.KernelManager.transport = "ipc"  # sockets in a folder of our own: no other account can listen

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings, less its trust in any host name, and with a log that keeps no query."""
        settings: dict[str, Any] = super().init_settings()
        identity = self.identity_provider
        if self.login == "hub":
            identity.taken()
        own_environment()
        if self.login != "hub":
            identity.login_handler_class, identity.logout_handler_class = LoginHandler, LogoutHandler
            identity.secure_cookie = True if self.hostname else None
            settings |= {"allow_remote_access": False, "local_hostnames": ["localhost", *filter(None, [self.hostname])]}
        pings = {"ws_ping_interval": self.ping, "ws_ping_timeout": 3 * self.ping}
        return settings | pings | {"log_function": self.logged, "xsrf_cookie_kwargs": {"samesite": "Lax"}}

    def init_handlers(self) -> list[tuple[Any, ...]]:
        """Voila's handlers, each behind the login; only those of the login itself are not."""
        open_ones = {route[1]: route for route in self.identity_provider.get_handlers()}
        made: list[tuple[Any, ...]] = []
        for pattern, handler, *rest in super().init_handlers():
            if handler in open_ones:
                made.append((url_path_join(self.server_url, pattern), handler, *rest))
            else:
                made.append((pattern, guarded(pattern, handler, handler is TornadoVoilaHandler), *rest))
        return made

    def listen(self) -> None:
        """Voila's, with a limit on what anybody can send before the login; uploads come over the page's websocket."""
        self.app.listen = partial(self.app.listen, max_body_size=MOST_BODY)
        super().listen()

    def logged(self, handler: RequestHandler) -> None:
        """A line for what broke, without its query."""
        if handler.get_status() >= 500:
            self.log.error("%d %s %s", handler.get_status(), handler.request.method, handler.request.path)


def token() -> str:
    """The first line of standard input."""
    given = sys.stdin.readline().strip() if sys.stdin else ""
    if len(given) < SHORTEST:
        raise SystemExit(
            f"Expected a token of {SHORTEST} characters or more on standard input; found {len(given)}. Start it by `tiltyard app`."
        )
    return given
