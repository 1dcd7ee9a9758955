"""The extension as Jupyter starts it: settings and routes. What answers a request is imported with the first one."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Int, List, Unicode

from tiltyard.access.person import Person, me

if TYPE_CHECKING:
    from .desk import Desk
    from .events import Streams
    from .work import Workers

MB = 1 << 20


class TiltyardExtension(ExtensionApp):
    """``c.TiltyardExtension.…`` in Jupyter's configuration."""

    name = "tiltyard"
    load_other_extensions = True

    store_place = Unicode("", help="Where runs are kept: a file or a database URL; empty for TILTYARD_STORE or the user's own.").tag(
        config=True
    )
    scan_seconds = Float(120.0, min=1.0, help="How long one scan may take, in seconds.").tag(config=True)
    scan_memory = Int(2048, min=256, help="How much memory one scan may take, in MB.").tag(config=True)
    report_seconds = Float(120.0, min=1.0, help="How long making one report may take, in seconds.").tag(config=True)
    report_memory = Int(4096, min=512, help="How much memory making one report may take, in MB.").tag(config=True)
    processes = Int(2, min=1, help="How many scans and reports are made at once; the others wait.").tag(config=True)
    streams_each = Int(12, min=1, help="How many pages of one person are told news at once; the oldest makes room for another.").tag(
        config=True
    )
    streams_most = Int(200, min=1, help="How many pages of all people together are told news at once.").tag(config=True)
    trusted_keys = List(Unicode(), help="Public keys whose signatures of reports are trusted: files made by `tiltyard sign`.").tag(
        config=True
    )

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from .handlers import ROUTES

        self.handlers.extend((rf"/tiltyard/api/{route}", handler, {"extension": self}) for route, handler in ROUTES)

    def person(self, provider: object, user: object) -> Person:
        """Who asks: whom the login says, where it knows people and roles; else whom this server works for."""
        told = getattr(provider, "person", None)
        found = told(user) if callable(told) else None
        return found if isinstance(found, Person) else me()

    def desk(self, person: Person) -> "Desk":
        """What one person sees, made when they first ask."""
        from .desk import Desk

        if person not in self._desks:
            self._desks[person] = Desk(self.store_place or None, person)
        return self._desks[person]

    @cached_property
    def _desks(self) -> "dict[Person, Desk]":
        return {}

    @cached_property
    def workers(self) -> "Workers":
        """Who makes scans and reports, in processes of their own."""
        from .work import Workers

        return Workers(self.processes)

    @cached_property
    def streams(self) -> "Streams":
        """Who is told news."""
        from .events import Streams

        return Streams(self.streams_each, self.streams_most)

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        """What was answered before and stays so."""
        return {}

    def limits(self, scan: bool) -> dict[str, Any]:
        """Seconds and bytes that one piece of work may take."""
        seconds, memory = (self.scan_seconds, self.scan_memory) if scan else (self.report_seconds, self.report_memory)
        return {"seconds": seconds, "memory": memory * MB}

    async def stop_extension(self) -> None:
        """The server stops: end what is open."""
        for desk in self._desks.values():
            await desk.watch.stop()
        if "workers" in self.__dict__:
            self.workers.stop()
