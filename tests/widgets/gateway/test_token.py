"""The app behind a token: nobody without it gets anything, and it shows nowhere."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from .appserver import PATIENCE, PING, TOKEN, Page, Server, closed, ended, opened, read, serving, typed, xsrf

PATHS = [
    "/",
    "/small.ipynb",
    "/voila/static/voila.js",
    "/voila/static/../voila.js",
    "/voila/templates/base/static/voila.js",
    "/voila/templates/lab/static/theme-light.css",
    "/voila/labextensions/@jupyter-widgets/jupyterlab-manager/package.json",
    "/voila/api/themes/@jupyterlab/theme-light-extension/index.css",
    "/voila/files/small.ipynb",
    "/api/kernels",
    "/api/kernels/5b646f41-1f9f-4f2c-9edf-8f1452b6e9ba",
    "/api/kernels/0e789023-ecec-40e9-9116-8c26aac7e7f4/channels",
    "/voila/tree",
    "/voila/render/small.ipynb",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("token"), "token", {"JUPYTER_TOKEN": "another-secret", "TILTYARD_PASSPHRASE": "mine"}) as found:
        yield found


@pytest.fixture
def owner(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        assert client.get("/", params={"token": TOKEN}).status_code == 302
        yield client


@pytest.fixture
def page(owner: httpx.Client) -> Iterator[Page]:
    found = opened(owner)
    yield found
    closed(owner, found)


def socket(server: Server, kernel: str, cookies: httpx.Cookies | None = None, **headers: str) -> HTTPRequest:
    given = {**headers, "Cookie": "; ".join(f"{c.name}={c.value}" for c in (cookies.jar if cookies else []))}
    return HTTPRequest(f"{server.url.replace('http', 'ws')}/api/kernels/{kernel}/channels?session_id=x", headers=given)


def message(kind: str, content: dict[str, Any]) -> str:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "x",
        "username": "",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }
    return json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_nothing_answers_without_the_token(server: Server, path: str, method: str) -> None:
    answer = httpx.request(method, server.url + path, timeout=PATIENCE, headers={"Authorization": "token wrong"})
    assert answer.status_code in (302, 403, 405)
    if answer.status_code == 302:
        assert answer.headers["location"].startswith("/login")
        assert not answer.content


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "<generated>", "ÿ"])
def test_a_wrong_token_opens_nothing_and_is_taken_from_the_address(server: Server, token: str) -> None:
    with server.client() as client:
        answer = client.get("/", params={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert "set-cookie" not in answer.headers
        assert client.get("/").headers["location"].startswith("/login")
        assert typed(client, token=token).status_code == 401


def test_the_token_goes_into_a_cookie_and_away_from_the_address(server: Server) -> None:
    with server.client() as client:
        answer = client.get("/", params={"token": TOKEN, "theme": "dark"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/?theme=dark")
    assert {"HttpOnly", "SameSite=Lax"} <= set(re.split(r";\s*", answer.headers["set-cookie"]))
    assert TOKEN not in str(answer.headers)
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "server" not in answer.headers


def test_the_address_never_leads_to_another_site(server: Server) -> None:
    with server.client() as client:
        for path in ("//evil.example/", "/\\evil.example"):
            assert client.get(f"{server.url}{path}?token={TOKEN}").headers["location"] == "/"
    with server.client() as client:
        answer = typed(client, token=TOKEN, next="https://evil.example/?theme=dark")
        assert answer.headers["location"] == "/?theme=dark"


def test_the_form_takes_the_token_too(server: Server) -> None:
    with server.client() as client:
        assert client.post("/login", data={"token": TOKEN}).status_code == 403  # no _xsrf: another site's form
        assert typed(client, token=f" {TOKEN}\n").status_code == 302
        assert client.get("/login").headers["location"] == "/"
        client.post("/logout", data={"_xsrf": xsrf(client)})
        assert client.get("/").headers["location"].startswith("/login")


def test_a_link_or_form_of_another_site_logs_nobody_out(server: Server, owner: httpx.Client) -> None:
    for method in ("GET", "HEAD"):
        assert owner.request(method, "/logout").status_code == 405
    assert owner.post("/logout").status_code == 403
    assert owner.post("/logout", data={"_xsrf": "2|00|00|0"}).status_code == 403
    assert owner.get("/login").status_code == 302  # still logged in


def test_the_token_shows_nowhere(server: Server, page: Page) -> None:
    httpx.get(f"{server.url}/nowhere?token={TOKEN}", timeout=PATIENCE)
    httpx.get(f"{server.url}/voila/templates/x?token={TOKEN}", headers={"Authorization": f"token {TOKEN}"}, timeout=PATIENCE)
    seen = {"page": page.text, "kernel": json.dumps(page.environment), "log": server.log.read_text(errors="replace")}
    for name in ("cmdline", "environ"):
        file = Path(f"/proc/{server.process.pid}/{name}")
        seen |= {name: file.read_text(errors="replace")} if file.exists() else {}
    assert [name for name, text in seen.items() if TOKEN in text] == []
    assert "another-secret" not in seen["kernel"]
    assert page.environment["SERVER_SOFTWARE"].startswith("voila/")  # else each panel draws a picture for a notebook that nobody keeps
    assert page.environment["TILTYARD_PASSPHRASE"] == "mine"  # the owner's own settings stay
    assert "TILTYARD_USER" not in page.environment


def test_a_page_of_ones_own_works(server: Server, owner: httpx.Client, page: Page) -> None:
    assert owner.get(f"/api/kernels/{page.kernel}").json()["id"] == page.kernel
    assert owner.get("/voila/templates/base/static/voila.js").status_code == 200
    header = {"Authorization": f"token {TOKEN}"}
    assert httpx.get(f"{server.url}/voila/templates/base/static/voila.js", headers=header, timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize("path", ["/voila/templates/x", "/voila/templates/base/nope/x", "/voila/templates/base/static/nope.js"])
def test_a_strange_file_is_one_that_is_not_there(owner: httpx.Client, path: str) -> None:
    assert owner.get(path).status_code == 404


@pytest.mark.parametrize(
    "root", ["/voila/static/", "/voila/templates/base/static/", "/voila/templates/", "/voila/files/", "/voila/labextensions/"]
)
@pytest.mark.parametrize("way", ["../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "%2f", "....//" * 8, "..%5c" * 12, "%00/"])
def test_no_path_leads_out(owner: httpx.Client, root: str, way: str) -> None:
    for name in ("etc/passwd", "small.ipynb"):
        answer = owner.get(httpx.URL(str(owner.base_url), raw_path=f"{root}{way}{name}".encode()))
        assert answer.status_code in (302, 400, 403, 404)
        assert "root:" not in answer.text and "nbformat" not in answer.text


def test_another_name_of_this_machine_is_refused(server: Server) -> None:
    """A name that somebody else's server resolves to 127.0.0.1 must not work (DNS rebinding)."""
    for path in ("/", "/login", f"/?token={TOKEN}"):
        assert httpx.get(server.url + path, headers={"Host": "evil.example"}, timeout=PATIENCE).status_code == 403


def test_another_sites_script_cannot_end_a_kernel(owner: httpx.Client, page: Page) -> None:
    assert owner.post(f"/voila/api/shutdown/{page.kernel}").status_code == 403
    assert owner.delete(f"/api/kernels/{page.kernel}").status_code == 403
    form = {"_xsrf": xsrf(owner)}
    assert owner.post(f"/voila/api/shutdown/{page.kernel}", data=form, headers={"Origin": "http://evil.example"}).status_code == 404
    assert owner.get(f"/api/kernels/{page.kernel}").status_code == 200


def test_a_websocket_wants_the_login_and_its_own_page(server: Server, owner: httpx.Client, page: Page) -> None:
    async def refused(request: HTTPRequest) -> int:
        with pytest.raises(HTTPClientError) as error:
            await websocket_connect(request)
        return error.value.code

    async def all_refused() -> list[int]:
        outside = socket(server, page.kernel, owner.cookies, Origin="http://evil.example")
        scheme = socket(server, page.kernel, owner.cookies, Origin=server.url.replace("http", "https"))
        stranger = socket(server, str(uuid.uuid4()), owner.cookies)
        by_query = socket(server, page.kernel)
        by_query.url += f"&token={TOKEN}"
        return [await refused(r) for r in (socket(server, page.kernel), outside, scheme, stranger, by_query)]

    assert asyncio.run(all_refused()) == [403, 403, 403, 404, 403]


def test_a_websocket_runs_no_code(server: Server, owner: httpx.Client, page: Page, tmp_path: Path) -> None:
    """What the page needs is answered; an ``execute_request``, on whatever channel, is not."""
    made = tmp_path / "made"
    code = {"code": f"open({str(made)!r}, 'w')", "silent": False, "allow_stdin": False}

    async def talk() -> None:
        connection = await websocket_connect(socket(server, page.kernel, owner.cookies))
        try:
            for channel in ("shell", "control", "stdin", "iopub"):
                await connection.write_message(message("execute_request", code).replace('"shell"', f'"{channel}"'))
            for kind in ("debug_request", "input_reply", "complete_request", "inspect_request"):
                await connection.write_message(message(kind, code))
            await connection.write_message(message("kernel_info_request", {}))
            async with asyncio.timeout(PATIENCE):
                while json.loads(str(await connection.read_message()))["header"]["msg_type"] != "kernel_info_reply":
                    pass
        finally:
            await ended(connection)

    asyncio.run(talk())
    assert not made.exists()


def test_pages_are_counted(owner: httpx.Client) -> None:
    pages = [opened(owner), opened(owner)]
    assert owner.get("/").status_code == 429
    closed(owner, pages.pop())
    pages.append(opened(owner))
    for found in pages:
        closed(owner, found)


def test_an_open_page_stays_connected(server: Server, owner: httpx.Client, page: Page) -> None:
    """Over many pings; once a timer that was late by a moment passed for a browser that does not answer."""

    async def talk() -> None:
        connection = await websocket_connect(socket(server, page.kernel, owner.cookies))
        with suppress(TimeoutError):
            async with asyncio.timeout(6 * PING / 1000):
                while await connection.read_message() is not None:  # pings are answered while it reads
                    pass
                pytest.fail(f"closed: {connection.close_code} {connection.close_reason}")
        await ended(connection)

    asyncio.run(talk())
    assert "ping" not in server.log.read_text(errors="replace")


def test_a_large_body_is_refused_before_the_login(server: Server) -> None:
    with suppress(httpx.TransportError):  # it may hang up in the middle
        assert httpx.post(f"{server.url}/login", content=b"x" * (3 << 20), timeout=PATIENCE).status_code in (400, 413)


def test_no_other_account_can_listen_to_a_kernel(server: Server, page: Page) -> None:
    """Its sockets lie in a folder of the owner's alone."""
    import psutil

    kernels = [p for p in psutil.Process(server.process.pid).children(recursive=True) if "ipykernel_launcher" in " ".join(p.cmdline())]
    file = Path(next(word for kernel in kernels for word in kernel.cmdline() if word.endswith(f"{page.kernel}.json")))
    assert json.loads(file.read_text())["transport"] == "ipc"
    assert file.parent.stat().st_mode & 0o077 == 0
    assert [p for p in file.parent.iterdir() if p.is_socket()]


@pytest.mark.parametrize("mark", ['"><script>alert(1)</script>', "'};alert(1);//", "</script><b>mark", "../../../../etc/passwd"])
def test_nothing_of_the_address_gets_into_the_page(owner: httpx.Client, mark: str) -> None:
    """Voila writes the theme it is asked for into a script unescaped, so no other than the known ones reaches it."""
    for name in ("theme", "template", "x"):
        answer = owner.get("/", params=[(name, "dark"), (name, mark)])
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
    for path in (f"/{mark}", f"/voila/files/{mark}", f"/voila/templates/{mark}", f"/login?next={mark}"):
        answer = owner.get(path)
        assert mark not in answer.text or answer.headers["content-type"].startswith("text/plain")
    assert owner.get("/", params={"theme": "dark", "x": "1"}).headers["location"] == "/?theme=dark"


def test_the_theme_that_is_known_is_served(owner: httpx.Client) -> None:
    answer = owner.get("/?theme=dark")
    assert answer.status_code == 200
    closed(owner, read(answer))
