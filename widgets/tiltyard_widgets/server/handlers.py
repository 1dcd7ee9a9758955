"""What answers each request. Nothing heavy is imported here, for JupyterLab waits for this module when it starts."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tornado import web
from tornado.iostream import StreamClosedError

from .asking import Handler, allowed, asks

if TYPE_CHECKING:
    from .events import Watch
    from .forms import Menus

TAKING = 5.0  # seconds for the last of a stream


class VersionHandler(Handler):
    """``version``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.version, self.store))


class ScanHandler(Handler):
    """``scan``"""

    @web.authenticated
    @allowed("execute")
    @asks("run")
    async def post(self) -> None:
        from . import scans
        from .forms import ScanAsked
        from .verdicts import Verdicts

        asked = self.body(ScanAsked)
        order = {"do": "scan", "paths": list(asked.paths)} | await self.files(asked.path)
        output = await self.worked(order, scan=True)
        await asyncio.to_thread(Verdicts(order["root"]).keep, output.lines)
        self.say(scans.answer(output))


class VerdictsHandler(Handler):
    """``verdicts``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from .forms import VerdictsAsked
        from .verdicts import Verdicts

        order = await self.files(self.query(VerdictsAsked).path)
        known = Verdicts(order["root"])
        self.say(await asyncio.to_thread(known.of, order["path"], order["hidden"]))


class RunsHandler(Handler):
    """``runs``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history
        from .forms import RunsAsked

        page = await asyncio.to_thread(history.page, self.store, self.query(RunsAsked))
        self.say(page)
        self.service.desk(self.person).watch.doubt(page.store.state)


class RunHandler(Handler):
    """``runs/{id}``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.detail, self.store, run))

    @web.authenticated
    @allowed()
    @asks("delete")
    async def delete(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.delete, self.store, run))


class CancelHandler(Handler):
    """``runs/{id}/cancel``"""

    @web.authenticated
    @allowed("execute")
    @asks("run")
    async def post(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.cancel, self.store, run))


class Exporting(Handler):
    """Has a report made, and hands it out as a file."""

    async def hand_out(self, what: dict[str, Any], format: str, name: str) -> None:
        """The report of ``what``, a run or a file, as ``name`` with the format's ending."""
        import base64

        from tiltyard.reports.writing import MEDIA

        order = {"do": "report", "format": format, "store": self.service.settings.store_place or None, "person": vars(self.person)}
        made = (await self.worked(order | what)).first("the report")
        kind, suffix = MEDIA[format]
        # Should a browser open it as a page of this origin, none of its scripts would run and nothing would be fetched.
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        self.set_header("Content-Disposition", f'inline; filename="{name}{suffix}"')
        self.set_header("Cache-Control", "no-store")
        if made["unlogged"]:
            self.set_header("X-Tiltyard-Unlogged", ascii(made["unlogged"])[1:-1])
        self.finish(base64.b64decode(made["content"]), set_content_type=kind)


class RunReportHandler(Exporting):
    """``runs/{id}/report``"""

    @web.authenticated
    @allowed()
    @asks("export")
    async def get(self, run: str) -> None:
        from . import history
        from .forms import ReportAsked

        asked = self.query(ReportAsked)
        item = await asyncio.to_thread(history.found, self.store, run)
        await self.hand_out({"run": item.id}, asked.format, f"tiltyard-{item.short}")


class ReportHandler(Handler):
    """``report``"""

    @web.authenticated
    @allowed("read")
    @asks("look")
    async def post(self) -> None:
        from .forms import PathAsked, ReportView

        asked = self.body(PathAsked)
        order = {"do": "view", "keys": list(self.service.settings.trusted_keys)} | await self.files(asked.path)
        self.say(ReportView.model_validate((await self.worked(order)).first("the report")))


class PrintHandler(Exporting):
    """``report/pdf``"""

    @web.authenticated
    @allowed("read")
    @asks("export")
    async def post(self) -> None:
        from .forms import PathAsked

        asked = self.body(PathAsked)
        await self.hand_out(await self.files(asked.path), "pdf", "tiltyard-report")


class ModelsHandler(Handler):
    """``models``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.models, self.store))


class CompareHandler(Handler):
    """``compare``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history
        from .forms import CompareAsked

        asked = self.query(CompareAsked)
        self.say(await asyncio.to_thread(history.side_by_side, self.store, asked.before, asked.after))


class CodeHandler(Handler):
    """``code``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from .forms import CodeAsked, CodeCells

        asked = self.query(CodeAsked)
        self.say(CodeCells.model_validate(await self.remembered({"do": "cells"} | asked.model_dump(exclude_unset=True), "the cells")))


class PanelsHandler(Handler):
    """``panels``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from .forms import PanelList

        self.say(PanelList.model_validate(await self.remembered({"do": "panels"}, "the panels")))


class MenusHandler(Handler):
    """``menus``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        self.say(await asyncio.to_thread(_menus))


def _menus() -> "Menus":
    from .menus import menus

    return menus()


class EventsHandler(Handler):
    """``events``"""

    _track_activity = False  # a page left open keeps no server awake

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        watch = self.service.desk(self.person).watch
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Connection", "close")  # or an ended stream would hold it all the same
        self.listener = self.service.streams.opened(self.person.name)
        self.listener.ended = self._let_go
        with suppress(StreamClosedError):
            await self._send_news(watch)
            await self.finish(set_content_type="text/event-stream")
        self._cut_off()

    async def _send_news(self, watch: "Watch") -> None:
        try:
            await watch.listen(self.listener)
            while (piece := await self.listener.next()) is not None:
                self.write(piece)
                await self.flush()
        finally:
            watch.leave(self.listener)
            self.service.streams.closed(self.listener)

    def _let_go(self) -> None:
        """It ends; a client that does not take what was sent is not waited for."""
        asyncio.get_running_loop().call_later(TAKING, self._cut_off)

    def _cut_off(self) -> None:
        if self.request.connection is not None:
            self.request.connection.stream.close()  # type: ignore[attr-defined]

    def on_connection_close(self) -> None:
        if "listener" in vars(self):
            self.listener.end()
        super().on_connection_close()


class OpenAPIHandler(Handler):
    """``openapi.json``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from importlib.resources import files

        self.finish(files(__package__).joinpath("openapi.json").read_bytes())


class NowhereHandler(Handler):
    """Any other address."""

    @web.authenticated
    @allowed()
    async def get(self) -> None:
        raise web.HTTPError(404)

    post = put = patch = delete = get


RUN = r"runs/([^/]+)"
ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("version", VersionHandler),
    ("scan", ScanHandler),
    ("verdicts", VerdictsHandler),
    ("runs", RunsHandler),
    (RUN, RunHandler),
    (f"{RUN}/cancel", CancelHandler),
    (f"{RUN}/report", RunReportHandler),
    ("models", ModelsHandler),
    ("compare", CompareHandler),
    ("report", ReportHandler),
    ("report/pdf", PrintHandler),
    ("code", CodeHandler),
    ("panels", PanelsHandler),
    ("menus", MenusHandler),
    ("events", EventsHandler),
    ("openapi.json", OpenAPIHandler),
    (".*", NowhereHandler),
)
