"""The app's server with a small notebook, as a process of its own; it ends with the module."""

import asyncio
import atexit
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.websocket import WebSocketClientConnection

from tiltyard.cli.commands.window import STRANGERS, free_port, shares
from tiltyard_widgets.warm.forked import Forked
from tiltyard_widgets.warm.nursery import Cold, Nursery, possible
from tiltyard_widgets.warm.request import Request

PATIENCE = 300.0
PING = 1000  # ms
TOKEN = "a-token-that-only-this-test-knows-0123456789"
CODE = "import json, os\nprint('BEGIN' + json.dumps(dict(os.environ)) + 'END')"


@dataclass(frozen=True)
class Server:
    """A running server: its URL, process and log, and the folder of its store and users."""

    url: str
    process: "subprocess.Popen[bytes] | Forked"
    log: Path
    folder: Path

    def client(self) -> httpx.Client:
        """A browser's worth of cookies, following nothing by itself."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE)


@contextmanager
def serving(
    folder: Path,
    login: str,
    environment: dict[str, str] | None = None,
    token: str = TOKEN,
    code: str = CODE,
    later: str = "",
    most: int = 2,
    pause: int = 100,
    more: Sequence[str] = (),
) -> Iterator[Server]:
    import nbformat

    notebook = folder / "small.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(code)]
    cells += [nbformat.v4.new_code_cell(later, metadata={"tags": ["tiltyard-later"]})] if later else []
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), notebook)
    port = free_port(0, None)
    log = folder / "log"
    words = [str(notebook), "--Voila.ip=127.0.0.1", f"--port={port}", "--no-browser"]
    words += [
        f"--App.login={login}",
        "--template=tiltyard",
        "--Voila.port_retries=0",
        "--VoilaConfiguration.file_allowlist",
        "a^",
        f"--OwnedKernels.most={most}",
        f"--App.ping={PING}",
        f"--App.pause={pause}",
        "--App.warm=bare",
        *(word for extension in STRANGERS for word in ("--VoilaConfiguration.extension_denylist", extension)),
        *more,
    ]
    given = {
        **os.environ,
        "JUPYTER_PATH": os.pathsep.join(map(str, shares())),
        "TILTYARD_STORE": str(folder / "runs.sqlite"),
        "TILTYARD_USERS": str(folder / "users.json"),
        **(environment or {}),
    }
    given.pop("PYTEST_CURRENT_TEST", None)  # the page of a test may print its environment
    with log.open("wb") as said:
        server = started(words, given, folder, said.fileno(), token)
        try:
            yield Server(_up(f"http://127.0.0.1:{port}", server, log), server, log, folder)
        finally:
            server.terminate()
            try:
                server.wait(300)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


_nursery: list[Nursery] = []


def started(words: list[str], given: dict[str, str], folder: Path, log: int, token: str) -> "subprocess.Popen[bytes] | Forked":
    """The gateway's process, with the token on its standard input; forked from one that has imported it, where that can be: it saves two seconds of work."""
    standard_input, token_pipe = os.pipe()
    os.write(token_pipe, f"{token}\n".encode())
    os.close(token_pipe)
    try:
        if not possible():
            if not _nursery:
                _nursery.append(Nursery(dict(os.environ), "tiltyard_widgets.gateway.app"))
                atexit.register(_nursery[0].close)
            duplicates = [os.dup(standard_input), os.dup(log), os.dup(log)]
            try:
                return _nursery[0].fork(Request("tiltyard_widgets.gateway", tuple(words), given, str(folder), (0, 1, 2)), duplicates)
            except Cold:
                pass
            finally:
                for handle in duplicates:
                    os.close(handle)
        command = [sys.executable, "-m", "tiltyard_widgets.gateway", *words]
        return subprocess.Popen(command, env=given, cwd=folder, stdin=standard_input, stdout=log, stderr=log)
    finally:
        os.close(standard_input)


def _up(url: str, server: "subprocess.Popen[bytes] | Forked", log: Path) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            httpx.get(f"{url}/login", timeout=PATIENCE)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return url
    pytest.fail("the server did not answer")


@dataclass(frozen=True)
class Page:
    """What a page of the app said: its kernel's id and environment."""

    text: str
    kernel: str
    environment: dict[str, Any]


def opened(client: httpx.Client) -> Page:
    """Open the page, which starts a kernel."""
    return read(client.get("/"))


def read(answer: httpx.Response) -> Page:
    """What an answer with the page says."""
    assert answer.status_code == 200, answer.text
    text = unescape(answer.text)
    kernel = re.search(r"\w{8}-\w{4}-\w{4}-\w{4}-\w{12}", text)
    environment = re.search(r"BEGIN(\{.*?\})END", text, re.DOTALL)
    assert kernel and environment, text[:2000]
    return Page(text, kernel[0], json.loads(environment[1]))


def closed(client: httpx.Client, page: Page) -> None:
    """Leave the page as its own script does."""
    answer = client.post(f"/voila/api/shutdown/{page.kernel}", data={"_xsrf": xsrf(client)})
    assert answer.status_code == 204, answer.text


def xsrf(client: httpx.Client) -> str:
    """The token of this browser's forms; the login page sets it, and so does the app's."""
    if "_xsrf" not in client.cookies:
        client.get("/login")
    return str(client.cookies.get("_xsrf", ""))


def typed(client: httpx.Client, **fields: str) -> httpx.Response:
    """Send the login form."""
    return client.post("/login", data={"_xsrf": xsrf(client), **fields})


async def ended(connection: WebSocketClientConnection) -> int | None:
    """Close a websocket, read what was still on its way, and return the code it closed with."""
    connection.close()
    async with asyncio.timeout(PATIENCE):
        while await connection.read_message() is not None:
            pass
    return connection.close_code
