"""The one way for shells, panels and notebooks to come by the store."""

from pathlib import Path

from ..access.line import line
from ..access.person import Person
from .database import WAIT
from .remote import RemoteStore
from .store import Store


def open_store(url: str | Path | None = None, wait: int = WAIT, person: Person | None = None, makes: bool = True) -> Store:
    """The store that this process may reach: through the broker on a page behind a shared login, else the database itself.

    Takes what `Store` takes; with a ``url`` it is always that database.
    """
    asked = line()
    return RemoteStore(asked, person) if asked is not None and url is None else Store(url, wait, person, makes)
