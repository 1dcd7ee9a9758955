"""The endpoint's keys as an admin's confined kernel sees them: by way of the broker, and without their hashes."""

from datetime import timedelta
from typing import Any

from ..access.line import Line, line
from .keys import Key, KeyStore, Made, Scope, default_place, now


def open_keys() -> KeyStore:
    """The keys of this process's server: by the broker where there is a line to it, else from the file itself."""
    asked = line()
    return RemoteKeys(asked) if asked is not None else KeyStore(default_place())


class RemoteKeys(KeyStore):
    """Keys behind the broker, which answers admins alone and writes to the audit log what it changed."""

    def __init__(self, asked: Line) -> None:
        self._line = asked
        self.clock = now

    def all(self) -> tuple[Key, ...]:
        return tuple(Key.model_validate(one) for one in self._value("keys"))

    def find(self, secret: str) -> Key | None:
        return None

    def new(self, name: str, scopes: tuple[Scope, ...] = ("predict",), lasts: timedelta | None = None, budget: int | None = None) -> Made:
        seconds = None if lasts is None else lasts.total_seconds()
        made = self._value("key_new", name=name, scopes=scopes, seconds=seconds, budget=budget)
        return Made(Key.model_validate(made["key"]), str(made["secret"]))

    def revoke(self, id: str) -> Key:
        return Key.model_validate(self._value("key_revoke", id=id))

    def revoke_line(self, id: str) -> tuple[Key, ...]:
        return tuple(Key.model_validate(one) for one in self._value("key_revoke_line", id=id))

    def rotate(self, id: str, grace: timedelta = timedelta()) -> Made:
        raise NotImplementedError("keys are rotated at the command line")

    def _value(self, call: str, **given: Any) -> Any:
        return self._line.ask(call, **given).says["value"]
