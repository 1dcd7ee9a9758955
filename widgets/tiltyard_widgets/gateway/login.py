"""The login page: nothing on it but a form, counted tries, and no word on which half was wrong."""

import hmac
import json
from collections.abc import Sequence
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
LABELS = {"token": "Token", "name": "Name", "password": "Password", "fresh": "A password of your own", "again": "The same once more"}
KINDS = {"token": ("password", "off"), "name": ("text", "username"), "password": ("password", "current-password")}
KINDS |= {"fresh": ("password", "new-password"), "again": ("password", "new-password")}
FRESH = ("fresh", "again")
OWN = "Your first password was handed out and is good for this alone: set one of your own, 12 characters or more."
HELD, MINUTES = "tiltyard-first-password", 15


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
        if self.get_body_argument("fresh", ""):
            await self._renew()
            return
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
        if user.renews:
            self._hold(user)
            self._ask("")
            return
        self.identity_provider.set_login_cookie(self, user)
        self.redirect(self._next())

    async def _renew(self) -> None:
        """Take the person's own password, from the browser alone that typed the one that was handed out."""
        held = self._held()
        if held is None:
            self._show("That took too long, or the password was replaced. Log in once more.", 401)
            return
        fresh, again = (self.get_body_argument(part, "", strip=False)[:LONGEST] for part in FRESH)
        if fresh != again:
            self._ask("The two are not the same.", 400)
            return
        try:
            user = await IOLoop.current().run_in_executor(None, self._identity.renewed, held, fresh)
        except Problem as problem:
            self._ask(str(problem), 400)
            return
        self.clear_cookie(HELD, path=self.base_url)
        for what in ("password changed", "login"):
            if unlogged := audit.note(what, who=held.username):
                self.log.error(unlogged)
        if user is not None:
            self.identity_provider.set_login_cookie(self, user)
        self.redirect(self._next())

    def _hold(self, user: Login) -> None:
        """Remember in the browser, signed and for some minutes, that the password that was handed out was right."""
        held, safe = json.dumps([user.username, user.mark]), self.request.protocol == "https"
        self.set_secure_cookie(HELD, held, expires_days=None, path=self.base_url, httponly=True, samesite="Strict", secure=safe)

    def _held(self) -> Login | None:
        """Who typed it, where it is still the one."""
        cookie = self.get_secure_cookie(HELD, max_age_days=MINUTES / 1440)
        if not cookie:
            return None
        name, mark = json.loads(cookie)
        found = self._identity.handed_out(str(name))
        return found if found is not None and hmac.compare_digest(found.mark, str(mark)) else None

    @property
    def _identity(self) -> AppIdentity:
        found = self.identity_provider
        assert isinstance(found, AppIdentity)
        return found

    async def _tried(self, given: dict[str, str]) -> Login | None:
        if not self._identity.hashes:
            return self._checked(given)
        tries: Tries[Login] = self.settings["tries"]
        known = self._identity.named(given.get("name", ""))
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
        if user is not None and user.renews:
            return user  # a login once the person has set a password of their own
        if unlogged := audit.note("login" if user else "login refused", who=_who(user, given, self._identity)):
            self.log.error(unlogged)
        return user

    def _next(self) -> str:
        """Back to the page with its query; never to another site."""
        from urllib.parse import parse_qs, urlsplit

        asked = urlsplit(self.get_argument("next", ""))
        query = {name: [v.encode() for v in values] for name, values in parse_qs(asked.query).items()}
        return bare(self.base_url, query)

    def _ask(self, message: str, status: int = 200) -> None:
        """The form for a password of one's own."""
        self._show(message, status, FRESH, OWN, "Set it and log in")

    def _show(self, message: str, status: int = 200, names: Sequence[str] = (), words: str = "", act: str = "Log in") -> None:
        self.set_status(status)
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")
        identity = self._identity
        fields = [(name, LABELS[name], *KINDS[name]) for name in names or identity.fields]
        template = jinja2.Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))
        after = self.get_argument("next", "")
        self.write(
            template.render(
                fields=fields, words=words or identity.words, message=message, xsrf=self.xsrf_token.decode(), after=after, act=act
            )
        )


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
    return name if NAME.fullmatch(name) and identity.named(name) else "unknown"
