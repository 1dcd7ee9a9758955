"""The login page: nothing on it but a form, counted tries, and no word on which half was wrong."""

from pathlib import Path

import jinja2
from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.ioloop import IOLoop

from tiltyard.access.passwords import Lockout
from tiltyard.access.users import NAME
from tiltyard.audit import notes as audit
from tiltyard.errors import Problem

from .handlers import Quiet, bare
from .identity import AppIdentity, Login
from .tries import Crowded, Tries

PAGE = Path(__file__).with_name("login.html")
LONGEST = 4096
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
LABELS = {"token": "Token", "name": "Name", "password": "Password"}
KINDS = {"token": ("password", "off"), "name": ("text", "username"), "password": ("password", "current-password")}


class LoginHandler(Quiet):
    """GET shows the form, POST takes it."""

    lockout = Lockout()

    @allow_unauthenticated
    async def get(self) -> None:
        if self.current_user is not None:
            self.redirect(self._next())
            return
        self._show("")

    @allow_unauthenticated
    async def post(self) -> None:
        given = {name: self.get_body_argument(name, "", strip=False)[:LONGEST] for name in self._identity.fields}
        name = given.get("name", "")
        if wait := self.lockout.wait(name) if name else 0.0:
            self.set_header("Retry-After", str(int(wait) + 1))
            self._show(f"Too many tries. Wait {int(wait) + 1} seconds.", 429)
            return
        if name:
            self.lockout.failed(name)  # counted before the answer is known, so that tries sent at once count too
        try:
            user = await self._tried(given)
        except Crowded:
            self.set_header("Retry-After", "5")
            self._show("Many tries at once. Wait a few seconds.", 429)
            return
        if user is None:
            self._show("That is not right.", 401)
            return
        self.lockout.passed(name)
        self.identity_provider.set_login_cookie(self, user)
        self.redirect(self._next())

    @property
    def _identity(self) -> AppIdentity:
        found = self.identity_provider
        assert isinstance(found, AppIdentity)
        return found

    async def _tried(self, given: dict[str, str]) -> Login | None:
        if not self._identity.hashes:
            return self._checked(given)
        tries: Tries[Login] = self.settings["tries"]
        known = self._identity.known(given.get("name", "")) is not None
        return await tries.judged(known, self._address(), lambda: IOLoop.current().run_in_executor(None, self._checked, given))

    def _address(self) -> str:
        """The client's address. Behind the TLS proxy of ``--hostname`` it is the last that the proxy named; elsewhere that header could be anybody's."""
        forwarded = self.request.headers.get_list("X-Forwarded-For") if self.settings["proxied"] else []
        return forwarded[-1].rpartition(",")[2].strip()[:64] if forwarded else str(self.request.remote_ip)

    def _checked(self, given: dict[str, str]) -> Login | None:
        try:
            user = self._identity.tried(given)
        except Problem as problem:
            self.log.error("Nobody can log in: %s", problem)
            return None
        unlogged = audit.note("login" if user else "login refused", who=_who(user, given, self._identity))
        if unlogged:
            self.log.error(unlogged)
        return user

    def _next(self) -> str:
        """Back to the page with its query; never to another site."""
        from urllib.parse import parse_qs, urlsplit

        asked = urlsplit(self.get_argument("next", ""))
        query = {name: [v.encode() for v in values] for name, values in parse_qs(asked.query).items()}
        return bare(self.base_url, query)

    def _show(self, message: str, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")
        identity = self._identity
        fields = [(name, LABELS[name], *KINDS[name]) for name in identity.fields]
        template = jinja2.Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))
        after = self.get_argument("next", "")
        self.write(template.render(fields=fields, words=identity.words, message=message, xsrf=self.xsrf_token.decode(), after=after))


class LogoutHandler(Quiet):
    """Takes the cookie away; by a form of ours alone, for a link or picture of another site must not."""

    SUPPORTED_METHODS = ("POST",)

    @allow_unauthenticated
    async def post(self) -> None:
        self.identity_provider.clear_login_cookie(self)
        self.set_header("Cache-Control", "no-store")
        self.redirect(self.get_login_url(), status=303)


def _who(user: Login | None, given: dict[str, str], identity: AppIdentity) -> str:
    """Whom the log names; not what a stranger typed, which may be a password in the wrong field."""
    if user is not None:
        return user.username
    name = given.get("name", "")
    return name if NAME.fullmatch(name) and identity.known(name) else "unknown"
