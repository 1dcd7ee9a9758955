"""The people who may log in, as an admin's confined kernel sees them: by way of the broker, and without a hash of any password."""

from typing import Any

from ..errors import Problem
from .line import Line, line
from .roles import Role
from .users import User, Users, role_of

UNSEEN = "(kept by the broker)"


def open_users() -> Users:
    """The people of this process's server: by the broker where there is a line to it, else from the file itself."""
    asked = line()
    return RemoteUsers(asked) if asked is not None else Users()


class RemoteUsers(Users):
    """People behind the broker, which answers admins alone and writes to the audit log what it changed."""

    def __init__(self, asked: Line) -> None:
        self._line = asked

    def all(self) -> tuple[User, ...]:
        return tuple(User.model_validate(one) for one in self._value("users"))

    def verify(self, name: str, password: str) -> User | None:
        return None

    def add(self, name: str, role: Role | str, password: str, once: bool = False) -> User:
        return User.model_validate(self._value("user_add", name=name, role=role_of(role), password=password, once=once))

    def change(self, name: str, role: Role | str | None = None, password: str | None = None, once: bool = False) -> User:
        given = {"role": None if role is None else role_of(role), "password": password, "once": once}
        return User.model_validate(self._value("user_change", name=name, **given))

    def renew(self, name: str, mark: str, password: str) -> User:
        raise Problem("the login page", "a kernel, which is told of no password", "Log in there")

    def remove(self, name: str) -> User:
        return User.model_validate(self._value("user_remove", name=name))

    def _value(self, call: str, **given: Any) -> Any:
        return self._line.ask(call, **given).says["value"]
