"""The people who may log in: a file with name, role and argon2id hash of each."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Problem
from ..files.atomic import replace_file
from ..files.locking import locked
from .passwords import hashed, matches
from .roles import Role

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
SHARED = "shared"  # the folder of a data root that is everybody's
MOST_BYTES = 16 << 20
LATELY = 2.0  # s


class User(BaseModel):
    """One person. ``password`` is an argon2id hash; ``once`` says that it was handed out and opens nothing but the page to set one's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    role: Role
    password: str = Field(repr=False)
    made: str
    once: bool = False

    @property
    def mark(self) -> str:
        """16 digits that change with the password and give nothing of it away; logins hold on to them."""
        return sha256(b"tiltyard login\n" + self.password.encode()).hexdigest()[:16]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    users: tuple[User, ...] = ()


def default_place() -> Path:
    """TILTYARD_USERS, or ``users.json`` in the user's configuration folder."""
    if place := os.environ.get("TILTYARD_USERS", "").strip():
        return Path(place).expanduser()
    import platformdirs

    return platformdirs.user_config_path("tiltyard", appauthor=False) / "users.json"


class Users:
    """A users file; looked at anew at each question, so that a removal counts at once, and read where it has changed.

    Raises
    ------
    Problem
        From any method, in one line, where the file cannot be read or written or others can read it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_place()
        self._version: tuple[int, ...] | None = None
        self._read: tuple[User, ...] = ()

    def all(self) -> tuple[User, ...]:
        """Everybody, by name; nobody where there is no file."""
        try:
            with open(self.path, "rb") as stream:
                facts = os.fstat(stream.fileno())
                if os.name == "posix" and facts.st_mode & 0o077:
                    raise Problem("a users file only its owner can read", f"{self.path}, which others can", f"chmod 600 {self.path}")
                if (now := _version(facts)) == self._version and now is not None:
                    return self._read
                content = stream.read(MOST_BYTES)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Problem("a users file that can be read", f"{self.path}: {error.strerror or error}", "Fix that first") from None
        try:
            found = tuple(sorted(_File.model_validate_json(content).users, key=lambda user: user.name))
        except ValidationError as error:
            reason = error.errors()[0]["msg"].lower()
            raise Problem(f"a users file of format 1 in {self.path}", reason, "Take the copy you kept, or a newer tiltyard") from None
        self._version, self._read = now, found
        return found

    def find(self, name: str) -> User | None:
        """The user of this name, or None."""
        return next((user for user in self.all() if user.name == name), None)

    def verify(self, name: str, password: str) -> User | None:
        """The user where name and password are right; takes equally long where there is no such name."""
        user = self.find(name)
        return user if matches(user.password if user else "", password) else None

    def add(self, name: str, role: Role | str, password: str, once: bool = False) -> User:
        """A new user; with ``once`` they have to set a password of their own at the first login."""
        if not NAME.fullmatch(name):
            raise Problem("a name of letters, digits and . _ @ -, up to 64", repr(name[:80]), "Choose another")
        if name.lower() == SHARED:
            raise Problem("the name of a person", f"{name}, which is the name of everybody's folder", "Choose another")
        made = datetime.now(UTC).isoformat(timespec="seconds")
        user = User(name=name, role=role_of(role), password=hashed(password), made=made, once=once)
        with self._changed() as users:
            if name in users:
                raise Problem("a name not in use", f"{name}, which is there", "Take another, or change its role or password")
            users[name] = user
        return user

    def change(self, name: str, role: Role | str | None = None, password: str | None = None, once: bool = False) -> User:
        """Another role or password; a new password ends every login with the old one, and with ``once`` it is one that is handed out."""
        update: dict[str, object] = {} if role is None else {"role": role_of(role)}
        update |= {} if password is None else {"password": hashed(password), "once": once}
        with self._changed() as users:
            if name not in users:
                raise _nobody(name)
            users[name] = users[name].model_copy(update=update)
            return users[name]

    def renew(self, name: str, mark: str, password: str) -> User:
        """The person's own password in the place of the one that was handed out and has this ``mark``.

        Raises
        ------
        Problem
            The new one is too short or the same, or the handed-out one was replaced meanwhile.
        """
        user = self.find(name)
        if user is not None and matches(user.password, password):
            raise Problem("a password of your own", "the one that was handed out", "Take another")
        fresh = hashed(password)
        with self._changed() as users:
            if name not in users or not users[name].once or users[name].mark != mark:
                raise Problem("the password that was handed out", "one that has been replaced", "Log in anew")
            users[name] = users[name].model_copy(update={"password": fresh, "once": False})
            return users[name]

    def remove(self, name: str) -> User:
        """Take a user away; their logins end with the next click, their runs stay."""
        with self._changed() as users:
            if name not in users:
                raise _nobody(name)
            return users.pop(name)

    @contextmanager
    def _changed(self) -> Iterator[dict[str, User]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path):
                users = {user.name: user for user in self.all()}
                yield users
                replace_file(self.path, _File(users=tuple(users.values())).model_dump_json(indent=1).encode() + b"\n")
        except OSError as error:
            raise Problem("a users file that can be written", f"{self.path}: {error.strerror or error}", "Set TILTYARD_USERS") from None


def _version(facts: os.stat_result) -> tuple[int, ...] | None:
    """What differs once a file has been written or another put in its place; None where it was so lately that a clock of coarse ticks may not tell."""
    if abs(time.time() - max(facts.st_mtime, facts.st_ctime)) < LATELY:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def role_of(text: Role | str) -> Role:
    """A role by its name; a `Problem` in one line for another word."""
    try:
        return Role(text)
    except ValueError:
        raise Problem(f"a role ({', '.join(Role)})", repr(text), "Choose one of these") from None


def _nobody(name: str) -> Problem:
    return Problem("the name of a user", f"{name!r}, which none has", "See `tiltyard user list`")
