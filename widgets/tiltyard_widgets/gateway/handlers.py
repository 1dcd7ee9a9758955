"""Every handler of Voila, answering only who is logged in, and about a kernel only its owner."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPServerRequest, url_concat
from tornado.web import HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler
from voila.tornado.kernel_websocket_handler import read_header_from_binary_message

from ..place import place_of

GONE = 4401
FULL = (429, 503)
AGAIN = 15  # s
PAGE = Path(__file__).with_name("full.html")
THEMES = ("light", "dark")
KERNEL = re.compile(r"kernel_id|/api/shutdown/")


class Quiet(JupyterHandler):
    """No banner, no address of this page for other sites, no query in a log."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.clear_header("Server")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")

    def write_error(self, status_code: int, **more: Any) -> None:
        """The status in plain text; Jupyter's own page wants files that nobody gets here without a login."""
        if status_code in FULL and "text/html" in self.request.headers.get("Accept", ""):
            self._full()
            return
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")

    def _full(self) -> None:
        """No room: shown by a page that asks again by itself."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
        self.set_header("Retry-After", str(AGAIN))
        self.finish(
            jinja2.Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8")).render(reason=self._reason, again=AGAIN)
        )

    def _request_summary(self) -> str:
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"


class Behind(Quiet):
    """A handler for those who are logged in. With ``kernel`` the path names a kernel, which must be the person's own."""

    kernel = False

    async def prepare(self) -> None:  # type: ignore[override]
        await super().prepare()
        if self._finished:
            return
        if self.current_user is None:
            raise HTTPError(403)
        named = self.path_kwargs.get("kernel_id") or (self.path_args[0] if self.path_args else "")
        if self.kernel and not self.settings["kernel_manager"].owned(str(named), self.current_user):
            raise HTTPError(404)


class Entry(Behind):
    """The page. A token in its address is moved into a cookie."""

    async def prepare(self) -> None:  # type: ignore[override]
        if self.request.method == "GET" and "token" in self.request.query_arguments:
            if not self.check_host():
                raise HTTPError(403)
            self._admit(self.get_query_argument("token"))
            return
        await super().prepare()
        clean = bare(self.base_url, self.request.query_arguments)
        if not self._finished and self.request.query and urlsplit(clean).query != self.request.query:
            self.redirect(clean)
        if not self._finished:
            self.xsrf_token  # noqa: B018 (sets the cookie that the page's own script needs to end its kernel)

    def _admit(self, token: str) -> None:
        user = self.identity_provider.by_token(token)  # type: ignore[attr-defined]
        if user is not None:
            self.identity_provider.set_login_cookie(self, user)
        self.set_header("Cache-Control", "no-store")
        self.redirect(bare(self.base_url, self.request.query_arguments))


class Channels(Behind):
    """A kernel's websocket, closed with its kernel once the login has ended."""

    def get_websocket_protocol(self) -> Any:
        """Pings are Jupyter's alone: Tornado would read their milliseconds as seconds, and warn of them."""
        protocol = super().get_websocket_protocol()  # type: ignore[misc]
        if protocol is not None:
            protocol.params.ping_interval = protocol.params.ping_timeout = None
        return protocol

    async def prepare(self) -> None:  # type: ignore[override]
        """Only from a page of ours: the host is compared by Tornado, the scheme here. A page that came in the clear may be anybody's."""
        await super().prepare()
        origin = self.get_origin()
        if origin is not None and urlsplit(origin).scheme.lower() not in self.settings["schemes"](self.request):
            raise HTTPError(403)

    def on_message(self, message: str | bytes) -> None:
        if self.identity_provider.still(self.current_user):  # type: ignore[attr-defined]
            if clicked(message):
                self.settings["kernel_manager"].clicked(self.path_kwargs["kernel_id"])
            super().on_message(message)  # type: ignore[misc]
            return
        self.close(GONE, "The login has ended")  # type: ignore[attr-defined]
        from tornado.ioloop import IOLoop

        IOLoop.current().spawn_callback(self.kernel_manager.shutdown_kernel, self.path_kwargs["kernel_id"])

    def set_default_headers(self) -> None:
        self.clear_header("Server")


def clicked(message: str | bytes) -> bool:
    """Is it of a widget that somebody used? What a page asks by itself names no comm's message."""
    if isinstance(message, str):
        return '"comm_msg"' in message
    header: dict[str, Any] = read_header_from_binary_message(message) or {}
    return header.get("msg_type") == "comm_msg"


def schemes(request: HTTPServerRequest, hostname: str, hub: bool) -> set[str]:
    """By what schemes a browser has the page under this host: a TLS proxy's name by https alone, this machine's own by http.

    JupyterHub's proxy says how it was reached; only the Hub's server is behind one.
    """
    if hub:
        forwarded = {one.strip() for one in request.headers.get("X-Forwarded-Proto", "").split(",") if one.strip()}
        return forwarded or {"http", "https"}
    return {"https"} if hostname and request.host_name == hostname.lower() else {request.protocol}


def bare(base_url: str, query: dict[str, list[bytes]]) -> str:
    """The page's address with its theme, its place (run, topic, step) and nothing else of the query: Voila writes what it finds there into the page as it is."""
    asked = [value.decode("utf-8", "replace") for value in query.get("theme", [])]
    themes = [("theme", theme) for theme in asked[-1:] if theme in THEMES]
    return url_concat(url_path_join(base_url, "/"), [*themes, *place_of(query).pairs])


def guarded(pattern: str, handler: type[RequestHandler], page: bool) -> type[RequestHandler]:
    """A handler class like ``handler`` that answers nobody else than it should.

    Parameters
    ----------
    pattern
        Its route; one that names a kernel answers its owner alone.
    page
        Is it the page that is opened first?
    """
    first = Channels if issubclass(handler, WebSocketHandler) else Entry if page else Behind
    bases = (_Files, first, handler) if issubclass(handler, StaticFileHandler) else (first, handler)
    more: dict[str, Any] = {"kernel": bool(KERNEL.search(pattern))}
    return type(f"Guarded{handler.__name__}", bases, more)


class _Files(RequestHandler):
    """Files: whatever name breaks the handler is a file that is not there."""

    async def get(self, path: str, include_body: bool = True) -> None:
        try:
            await super().get(path, include_body)  # type: ignore[misc]
        except (AssertionError, ValueError, OSError):
            raise HTTPError(404) from None
