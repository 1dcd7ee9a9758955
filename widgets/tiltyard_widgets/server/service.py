"""What the handlers of all requests share: each person's store, the processes that work for them, and who is sent news."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from tiltyard.access.person import Person, me

from .settings import Settings

if TYPE_CHECKING:
    from .desk import Desk
    from .events import Streams
    from .work import Workers


class Service:
    """Made by the extension when Jupyter starts, and given to every handler."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.answers: dict[str, dict[str, Any]] = {}
        """Answers that stay the same while the server runs, by what was asked."""
        self._desks: dict[Person, Desk] = {}

    def person(self, provider: object, user: object) -> Person:
        """Who asks: whom the login says, where it knows people and roles; else whom this server works for."""
        lookup = getattr(provider, "person", None)
        found = lookup(user) if callable(lookup) else None
        return found if isinstance(found, Person) else me()

    def desk(self, person: Person) -> "Desk":
        """What one person sees, made when they first ask."""
        from .desk import Desk

        if person not in self._desks:
            self._desks[person] = Desk(self.settings.store_place or None, person)
        return self._desks[person]

    @cached_property
    def workers(self) -> "Workers":
        """The processes that make scans and reports."""
        from .work import Workers

        return Workers(self.settings.processes)

    @cached_property
    def streams(self) -> "Streams":
        """The pages that are sent news."""
        from .events import Streams

        return Streams(self.settings.streams_each, self.settings.streams_most)

    async def stop(self) -> None:
        """The server stops: end what is open."""
        for desk in self._desks.values():
            await desk.watch.stop()
        if "workers" in self.__dict__:
            self.workers.stop()
