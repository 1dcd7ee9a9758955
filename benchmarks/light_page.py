"""A page of `tiltyard app` without a browser: it logs in, fetches the page, speaks to its kernel over the websocket as the page's script does, and sees and moves widgets."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

KERNEL = re.compile(r'"kernelId": "([\w-]+)"')
PATIENCE = 240.0
FOUND, CROWDED = 302, 429
CONTROL = "jupyter.widget.control"
PROTOCOL = "v1.kernel.websocket.jupyter.org"  # as the page's own script; the older one costs the server more
WORD = 8  # bytes of a number in a frame


def framed(parts: list[bytes]) -> bytes:
    """A frame of the protocol: the count of the offsets, the offsets of the parts and of the end, the parts."""
    offsets = [WORD * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return b"".join([*(number.to_bytes(WORD, "little") for number in (len(offsets), *offsets)), *parts])


def parted(frame: bytes) -> list[bytes]:
    """The parts of a frame: channel, header, parent header, metadata, content, buffers."""
    numbers = [
        int.from_bytes(frame[at : at + WORD], "little") for at in range(0, WORD * (2 + int.from_bytes(frame[:WORD], "little")), WORD)
    ]
    offsets = numbers[1 : numbers[0] + 1]
    return [frame[start:end] for start, end in pairwise(offsets)]


def log_in(client: httpx.Client, url: str, name: str, password: str) -> None:
    """Fill in the form, again where many do so at once; the page that it leads to is not opened."""
    client.get(f"{url}/login")
    form = {"_xsrf": client.cookies["_xsrf"], "name": name, "password": password}
    while (answer := client.post(f"{url}/login", data=form, follow_redirects=False)).status_code == CROWDED:
        time.sleep(float(answer.headers["Retry-After"]))
    if answer.status_code != FOUND:
        raise RuntimeError(f"{name} is not let in: {answer.status_code}")


class LightPage:
    """One person's open page.

    Attributes
    ----------
    kernel
        The id of its kernel.
    widgets
        The state of each widget by its id, as far as the kernel has said it.
    heard
        Which widget the kernel changed, and when by `time.perf_counter`, in their order.
    only
        Where it names widgets, ``heard`` has these alone and ``widgets`` stands still: a frame is not read any further, so that many pages of one process do not
        wait for one another.
    """

    def __init__(self, client: httpx.Client, url: str, kernel: str) -> None:
        self.client, self.url, self.kernel = client, url, kernel
        self.widgets: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[str, float]] = []
        self.only: tuple[str, ...] = ()
        self.session = uuid.uuid4().hex
        self._socket: WebSocketClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.closed = False

    @classmethod
    async def opened(cls, url: str, name: str = "", password: str = "") -> "LightPage":
        """Log in where a name is given (else the URL has a token), fetch the page, say that it is shown and connect to its kernel."""
        client = httpx.Client(timeout=PATIENCE, follow_redirects=True)
        if name:
            await asyncio.to_thread(log_in, client, url, name, password)
        return await cls.fetched(client, url)

    @classmethod
    async def fetched(cls, client: httpx.Client, url: str) -> "LightPage":
        """Another page of whoever this client is."""
        text = (await asyncio.to_thread(client.get, url)).text
        found = KERNEL.search(text)
        if found is None:
            raise RuntimeError(f"no page: {text[-300:]}")
        page = cls(client, str(httpx.URL(url).copy_with(query=None)).rstrip("/"), found[1])
        await page.connect()
        await page.say("shown")
        return page

    async def connect(self) -> None:
        """Open the websocket and ask for the state of all widgets."""
        jar = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        address = f"{self.url.replace('http', 'ws', 1)}/api/kernels/{self.kernel}/channels?session_id={self.session}"
        request = HTTPRequest(address, headers={"Cookie": jar, "Origin": self.url}, request_timeout=PATIENCE)
        self._socket = await websocket_connect(request, max_message_size=1 << 28, subprotocols=[PROTOCOL])
        self.closed = False
        self._listening = asyncio.create_task(self._listen())
        comm = uuid.uuid4().hex
        self._send("comm_open", {"comm_id": comm, "target_name": CONTROL, "data": {}}, {"version": "1.0.0"})
        self._send("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})

    def vanish(self) -> None:
        """Hang up without a word."""
        if self._socket is not None:
            self._socket.close()

    async def say(self, word: str) -> httpx.Response:
        """What the page's own script tells the server of it."""
        return await asyncio.to_thread(
            self.client.post, f"{self.url}/tiltyard/page/{self.kernel}", data={"said": word, "_xsrf": self._xsrf}
        )

    async def leave(self) -> None:
        """Close the page."""
        self.vanish()
        await asyncio.to_thread(self.client.post, f"{self.url}/voila/api/shutdown/{self.kernel}", data={"_xsrf": self._xsrf})
        self.client.close()

    @property
    def _xsrf(self) -> str:
        return str(self.client.cookies.get("_xsrf", ""))

    def find(self, **traits: Any) -> list[str]:
        """Widgets whose traits are these."""
        return [id for id, state in self.widgets.items() if all(state.get(name) == value for name, value in traits.items())]

    def seen(self, pattern: str) -> str:
        """What matches first in the state of any widget; nothing where none does."""
        for state in list(self.widgets.values()):
            if found := re.search(pattern, json.dumps({name: value for name, value in state.items() if name != "_esm"})):
                return found[0]
        return ""

    async def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> float:
        """Wait until it is so; the seconds that took."""
        begun = time.perf_counter()
        async with asyncio.timeout(seconds):
            while not true():
                self._changed.clear()
                await self._changed.wait()
        return time.perf_counter() - begun

    def set(self, widget: str, **traits: Any) -> None:
        """Change a widget as its view does."""
        self.widgets[widget].update(traits)
        self._send("comm_msg", {"comm_id": widget, "data": {"method": "update", "state": traits, "buffer_paths": []}})

    def click(self, widget: str) -> None:
        """Click a button."""
        self.tell(widget, {"event": "click"})

    def tell(self, widget: str, content: dict[str, Any]) -> None:
        """A custom message of a widget's view."""
        self._send("comm_msg", {"comm_id": widget, "data": {"method": "custom", "content": content}})

    def _send(self, kind: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        header = {"msg_id": uuid.uuid4().hex, "username": "", "session": self.session, "msg_type": kind, "version": "5.3", "date": ""}
        assert self._socket is not None
        self._socket.write_message(
            framed([b"shell", *(json.dumps(part).encode() for part in (header, {}, metadata or {}, content))]), binary=True
        )

    async def _listen(self) -> None:
        assert self._socket is not None
        while (message := await self._socket.read_message()) is not None:
            self._heard(message)
            self._changed.set()
        self.closed = True
        self._changed.set()

    def _heard(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        if self.only:
            self.heard += [(id, time.perf_counter()) for id in self.only if id.encode() in message]
            return
        _, header, _, _, content, *_ = parted(message)
        kind = json.loads(header)["msg_type"]
        if kind not in ("comm_open", "comm_msg"):
            return
        said = json.loads(content)
        data = said.get("data", {})
        if data.get("method") == "update_states":
            for id, one in data["states"].items():
                self.widgets.setdefault(id, {}).update(one["state"])
        elif isinstance(state := data.get("state"), dict):
            self.widgets.setdefault(said["comm_id"], {}).update(state)
            self.heard.append((said["comm_id"], time.perf_counter()))
