"""Who asks: by a token, by name and password, or anybody on this machine where its owner allows it."""

import hmac
import json
from dataclasses import dataclass
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import RequestHandler
from traitlets import Unicode, default

from tiltyard.access.passwords import matches
from tiltyard.access.person import Person
from tiltyard.access.users import Users
from tiltyard.errors import Problem

DAYS = 1
OWNER = "owner"


@dataclass
class Login(User):
    """Who is logged in. ``person`` is whom their kernels work for, None for the owner of this account; ``mark`` ends with the login.

    ``renews``: what was typed was a password that was handed out. It is no login yet: `AppIdentity.known` knows nobody by it.
    """

    person: Person | None = None
    mark: str = ""
    renews: bool = False


class AppIdentity(IdentityProvider):
    """A signed cookie for a day, or the ``Authorization`` header; never the query of any page but the first."""

    fields: tuple[str, ...] = ()
    words = ""
    hashes = False

    @default("cookie_options")
    def _cookie_options(self) -> dict[str, Any]:
        return {"samesite": "Lax", "httponly": True, "expires_days": DAYS}

    @default("get_secure_cookie_kwargs")
    def _cookie_age(self) -> dict[str, Any]:
        return {"max_age_days": DAYS}

    def known(self, name: str) -> Login | None:
        """The login of this name as it stands now."""
        raise NotImplementedError

    def tried(self, given: dict[str, str]) -> Login | None:
        """The login for what was typed into the form, or None; may take a while, for passwords are hashed."""
        raise NotImplementedError

    def named(self, name: str) -> bool:
        """Is there an account of this name?"""
        return self.known(name) is not None

    def handed_out(self, name: str) -> Login | None:
        """Who has to set a password of their own before anything opens; nobody where logins are by other means."""
        return None

    def renewed(self, login: Login, password: str) -> Login | None:
        """The login with this password in the place of the one that was handed out; raises `Problem` where it will not do."""
        return None

    def get_user(self, handler: RequestHandler) -> Login | None:
        """Who asks; by the header first, for that is explicit."""
        found = self.by_token(self._header(handler))
        if found is not None:
            handler._token_authenticated = True  # type: ignore[attr-defined]  # no other site can send this header
            return found
        user = self.get_user_cookie(handler)
        return user if isinstance(user, Login) else None

    def by_token(self, token: str) -> Login | None:
        """The login this token opens; none where logins are by other means."""
        return None

    def person(self, user: object) -> Person | None:
        """For whom kernels of this login work."""
        assert isinstance(user, Login)
        return user.person

    def still(self, user: object) -> bool:
        """Is this login as good as when it was made?"""
        if not isinstance(user, Login):
            return False
        now = self.known(user.username)
        return now is not None and hmac.compare_digest(now.mark, user.mark)

    def user_to_cookie(self, user: User) -> str:
        """Name and mark; the server signs them."""
        return json.dumps([user.username, getattr(user, "mark", "")])

    def user_from_cookie(self, cookie_value: str) -> Login | None:
        """The login behind a cookie, where it still is as good as then."""
        name, mark = json.loads(cookie_value)
        found = self.known(str(name))
        return found if found is not None and hmac.compare_digest(found.mark, str(mark)) else None

    def _header(self, handler: RequestHandler) -> str:
        match = self.auth_header_pat.fullmatch(handler.request.headers.get("Authorization", ""))
        return match.group(2).strip() if match else ""


class TokenIdentity(AppIdentity):
    """One token, made at the start and printed as a URL; whoever has it is the owner of this account."""

    fields = ("token",)
    words = "Paste the token that <code>tiltyard app</code> printed."
    token = Unicode("").tag(config=True)

    def known(self, name: str) -> Login | None:
        return Login(OWNER, name="Owner", mark=OWNER) if self.token and name == OWNER else None

    def by_token(self, token: str) -> Login | None:
        right = bool(self.token) and hmac.compare_digest(str(self.token).encode(), token.encode("utf-8", "surrogateescape"))
        return self.known(OWNER) if right else None

    def tried(self, given: dict[str, str]) -> Login | None:
        return self.by_token(given.get("token", "").strip())


class PasswordIdentity(AppIdentity):
    """The people of the users file, each by name and password; another password or role, or a removal, ends a login."""

    fields = ("name", "password")
    hashes = True
    words = "Log in with your name and password."

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.users = Users()
        matches("", "the first hash takes longer, so take it before anybody waits")

    def known(self, name: str) -> Login | None:
        try:
            user = self.users.find(name)
        except Problem as problem:
            self.log.error("Nobody is let in: %s", problem)
            return None
        if user is None or user.once:
            return None
        return Login(name, person=Person(name, user.role, shared=True), mark=f"{user.mark} {user.role}")

    def named(self, name: str) -> bool:
        return self.known(name) is not None or self.handed_out(name) is not None

    def handed_out(self, name: str) -> Login | None:
        try:
            user = self.users.find(name)
        except Problem:
            return None
        return Login(name, mark=user.mark, renews=True) if user and user.once else None

    def tried(self, given: dict[str, str]) -> Login | None:
        user = self.users.verify(given.get("name", ""), given.get("password", ""))
        if user is None:
            return None
        return self.handed_out(user.name) if user.once else self.known(user.name)

    def renewed(self, login: Login, password: str) -> Login | None:
        user = self.users.renew(login.username, login.mark, password)
        return self.known(user.name)


class NoIdentity(AppIdentity):
    """Anybody who reaches this machine's loopback address is the owner."""

    def known(self, name: str) -> Login | None:
        return Login(OWNER, name="Owner", mark=OWNER)

    def get_user(self, handler: RequestHandler) -> Login | None:
        return self.known(OWNER)

    def tried(self, given: dict[str, str]) -> Login | None:
        return None
