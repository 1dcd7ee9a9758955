"""The extension as Jupyter starts it: settings and routes. What answers a request is imported with the first one."""

from functools import cached_property

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Int, List, Unicode

from .service import Service
from .settings import Limits, Settings

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
    streams_each = Int(12, min=1, help="How many pages of one person are sent news at once; the oldest makes room for another.").tag(
        config=True
    )
    streams_most = Int(200, min=1, help="How many pages of all people together are sent news at once.").tag(config=True)
    trusted_keys = List(Unicode(), help="Public keys whose signatures of reports are trusted: files made by `tiltyard sign`.").tag(
        config=True
    )

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from .handlers import ROUTES

        self.handlers.extend((rf"/tiltyard/api/{route}", handler, {"service": self.service}) for route, handler in ROUTES)

    @cached_property
    def service(self) -> Service:
        """What the handlers work with, under these settings."""
        return Service(
            Settings(
                store_place=self.store_place,
                scan=Limits(self.scan_seconds, self.scan_memory * MB),
                report=Limits(self.report_seconds, self.report_memory * MB),
                processes=self.processes,
                streams_each=self.streams_each,
                streams_most=self.streams_most,
                trusted_keys=tuple(self.trusted_keys),
            )
        )

    async def stop_extension(self) -> None:
        """The server stops: end what is open."""
        await self.service.stop()
