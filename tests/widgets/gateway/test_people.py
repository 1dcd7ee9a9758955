"""The app with names and passwords: each gets kernels of their own, a guess costs, and a login ends when it should."""

import asyncio
import json
import re
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import httpx
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import websocket_connect

from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.audit.log import check, records
from tiltyard_widgets.gateway.tries import AT_ONCE, BY_ADDRESS, CROWDED

from .appserver import PATIENCE, Server, closed, ended, opened, serving, typed, xsrf

PASSWORDS = {
    "ada": "correct horse battery",
    "bob": "staple of a stable",
    "eve": "an evening in eden",
    "fay": "a fairly fine phrase",
    "ivy": "ivy on the old wall",
}
ROLES = {"ada": Role.ANALYST, "bob": Role.VIEWER, "eve": Role.ADMIN, "fay": Role.ANALYST, "ivy": Role.VIEWER}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("people")
    users = Users(folder / "users.json")
    for name, role in ROLES.items():
        users.add(name, role, PASSWORDS[name])
    with serving(folder, "password", {"TILTYARD_PASSPHRASE": "mine", "TILTYARD_ROLE": "admin", "TILTYARD_USER": "root"}) as found:
        yield found


@pytest.fixture
def users(server: Server) -> Users:
    return Users(server.folder / "users.json")


@contextmanager
def entered(server: Server, name: str) -> Iterator[httpx.Client]:
    with server.client() as client:
        assert typed(client, name=name, password=PASSWORDS[name]).status_code == 302
        yield client


def test_a_kernel_knows_for_whom_it_works_and_no_secret(server: Server) -> None:
    for name in ("ada", "bob"):
        with entered(server, name) as client:
            page = opened(client)
            assert (page.environment["TILTYARD_USER"], page.environment["TILTYARD_ROLE"]) == (name, ROLES[name])
            assert "TILTYARD_PASSPHRASE" not in page.environment
            closed(client, page)


def test_nobody_reaches_anothers_kernel(server: Server) -> None:
    with entered(server, "ada") as ada, entered(server, "eve") as eve:
        page, other = opened(ada), opened(eve)
        assert eve.get(f"/api/kernels/{page.kernel}").status_code == 404
        form = {"_xsrf": eve.cookies["_xsrf"]}
        assert eve.post(f"/voila/api/shutdown/{page.kernel}", data=form).status_code == 404
        assert eve.delete(f"/api/kernels/{page.kernel}", headers={"X-XSRFToken": form["_xsrf"]}).status_code == 404
        assert asyncio.run(_socket(server, page.kernel, eve)) == 404
        assert asyncio.run(_socket(server, page.kernel, ada)) == 101
        assert ada.get(f"/api/kernels/{page.kernel}").status_code == 200
        closed(ada, page)
        closed(eve, other)


async def _socket(server: Server, kernel: str, client: httpx.Client) -> int:
    cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
    url = f"{server.url.replace('http', 'ws')}/api/kernels/{kernel}/channels?session_id=x"
    try:
        await ended(await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies})))
    except HTTPClientError as error:
        return error.code
    return 101


def test_a_wrong_name_is_told_like_a_wrong_password(server: Server) -> None:
    said = set()
    for name in ("fay", "nobody-of-this-name"):
        with server.client() as client:
            answer = typed(client, name=name, password="not the right one at all")
            said.add((answer.status_code, re.sub(r'(?<=name="_xsrf" value=)"[^"]*"', "", answer.text)))
    assert len(said) == 1
    assert said.pop()[0] == 401


@pytest.mark.parametrize("name", ["ivy", "made-up", "../../users", "ivy'--", "i" * 5000, "ivy\x00"])
def test_after_five_tries_a_name_waits_whoever_it_is(server: Server, name: str) -> None:
    with server.client() as client:
        answers = [typed(client, name=name, password="wrong") for _ in range(6)]
        assert [a.status_code for a in answers] == [401] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 31
        if name == "ivy":
            assert typed(client, name=name, password=PASSWORDS["ivy"]).status_code == 429


def test_tries_sent_at_once_count_too(server: Server) -> None:
    def one(number: int) -> int:
        with server.client() as client:
            return typed(client, name="crowd", password=f"guess {number}").status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    assert answers.count(401) == 5
    assert answers.count(429) == 11


def test_a_flood_of_tries_keeps_nobody_out_and_costs_few_hashes(tmp_path: Path) -> None:
    """Made-up names from the same address; only what was hashed is in the log.

    The server stands still until every try lies before it, so that they are at once however slowly they were sent.
    """
    Users(tmp_path / "users.json").add("ada", Role.ANALYST, PASSWORDS["ada"])
    tries = [(f"made-up-{number}", "a guess") for number in range(80)]
    tries[60] = ("ada", PASSWORDS["ada"])
    with serving(tmp_path, "password", pause=5000) as server, ExitStack() as open_ones:
        place = server.url.rpartition("/")[2]
        connections = [open_ones.enter_context(closing(HTTPConnection(place, timeout=PATIENCE))) for _ in tries]
        tokens = [_token(connection) for connection in connections]
        server.process.send_signal(signal.SIGSTOP)
        try:
            for connection, token, (name, password) in zip(connections, tokens, tries, strict=True):
                form = urlencode({"_xsrf": token, "name": name, "password": password})
                headers = {"Cookie": f"_xsrf={token}", "Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", "/login", form, headers)
        finally:
            server.process.send_signal(signal.SIGCONT)
        answers = [connection.getresponse().status for connection in connections]
    assert answers.pop(60) == 302
    assert set(answers) == {401, 429}
    hashed = sum(r.what == "login refused" for r in records(tmp_path / "runs.audit.jsonl"))
    assert hashed <= BY_ADDRESS + AT_ONCE + CROWDED


def _token(connection: HTTPConnection) -> str:
    """The token of the login form, over a connection that stays open."""
    connection.request("GET", "/login")
    answer = connection.getresponse()
    answer.read()
    return SimpleCookie(answer.headers["Set-Cookie"])["_xsrf"].value


@pytest.mark.parametrize(("proxied", "address"), [(True, "192.0.2.7"), (False, "127.0.0.1")])
def test_a_proxy_is_believed_where_its_owner_spoke_of_one(proxied: bool, address: str) -> None:
    from tiltyard_widgets.gateway.login import LoginHandler

    headers = HTTPHeaders()
    headers.add("X-Forwarded-For", "10.0.0.1, 10.0.0.2")  # what a stranger told the proxy
    headers.add("X-Forwarded-For", "10.0.0.3, 192.0.2.7")
    asked = SimpleNamespace(settings={"proxied": proxied}, request=SimpleNamespace(headers=headers, remote_ip="127.0.0.1"))
    assert LoginHandler._address(asked) == address  # type: ignore[arg-type]


def test_a_token_or_a_forged_cookie_opens_nothing(server: Server) -> None:
    with server.client() as client:
        client.get("/", params={"token": ""})
        client.cookies.set(f"username-127-0-0-1-{server.url.rpartition(':')[2]}", "2|1:0|10:1795655363|4:name|8:WyJldmUiXQ==|" + "0" * 64)
        assert client.get("/").headers["location"].startswith("/login")
        assert client.get("/", headers={"Authorization": "token x"}).headers["location"].startswith("/login")


def test_a_removal_another_role_and_another_password_end_a_login(server: Server, users: Users) -> None:
    users.add("gus", "analyst", "gusts of the gulf")
    for change in (
        lambda: users.change("gus", role="viewer"),
        lambda: users.change("gus", password="gales of the gulf"),
        lambda: users.remove("gus"),
    ):
        with server.client() as client:
            found = next(p for p in ("gusts of the gulf", "gales of the gulf") if users.verify("gus", p))
            assert typed(client, name="gus", password=found).status_code == 302
            assert client.get("/login").status_code == 302
            change()
            assert client.get("/").headers["location"].startswith("/login")


def test_a_page_that_is_open_ends_with_its_login(server: Server, users: Users) -> None:
    users.add("hal", "analyst", "hail over the hall")
    with server.client() as client, entered(server, "ada") as ada:
        typed(client, name="hal", password="hail over the hall")
        page = opened(client)
        message = {"header": {"msg_id": uuid.uuid4().hex, "msg_type": "kernel_info_request"}, "content": {}, "channel": "shell"}

        async def talk() -> int | None:
            cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
            url = f"{server.url.replace('http', 'ws')}/api/kernels/{page.kernel}/channels?session_id=x"
            connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies}))
            users.remove("hal")
            await connection.write_message(json.dumps(message))
            async with asyncio.timeout(PATIENCE):
                while await connection.read_message() is not None:
                    pass
            connection.close()
            return connection.close_code

        assert asyncio.run(talk()) == 4401
        assert ada.get(f"/api/kernels/{page.kernel}").status_code == 404


def test_an_admin_sees_who_holds_what_and_ends_it(server: Server) -> None:
    with entered(server, "ada") as ada, entered(server, "bob") as bob, entered(server, "eve") as eve:
        page = opened(ada)
        assert [who.get("/tiltyard/people").status_code for who in (ada, bob)] == [404, 404]
        told = eve.get("/tiltyard/people")
        assert told.status_code == 200 and re.search(r"<td>ada</td><td>gone</td><td class=\"n\">[1-9]\d*</td>", told.text)
        assert "script" not in told.headers["content-security-policy"] and "default-src 'none'" in told.headers["content-security-policy"]
        asked = {"kernel": page.kernel}
        assert bob.post("/tiltyard/people", data=asked | {"_xsrf": xsrf(bob)}).status_code == 404
        assert eve.post("/tiltyard/people", data=asked).status_code == 403  # no form of ours
        assert ada.get(f"/tiltyard/page/{page.kernel}").status_code == 200
        assert eve.post("/tiltyard/people", data=asked | {"_xsrf": xsrf(eve)}).status_code == 303
        assert ada.get(f"/tiltyard/page/{page.kernel}").status_code == 404
        assert "<td>ada</td>" not in eve.get("/tiltyard/people").text
    found = [(record.who, record.parameters) for record in records(server.folder / "runs.audit.jsonl") if record.what == "page ended"]
    assert found == [("eve", {"of": "ada"})]


def test_an_unreadable_users_file_lets_nobody_in(server: Server, users: Users) -> None:
    kept = users.path.read_bytes()
    with entered(server, "fay") as fay, server.client() as client:
        try:
            users.path.write_bytes(b"{broken")
            assert fay.get("/").headers["location"].startswith("/login")
            assert typed(client, name="eve", password=PASSWORDS["eve"]).status_code == 401
        finally:
            users.path.write_bytes(kept)
        assert fay.get("/login").status_code == 302 or typed(fay, name="fay", password=PASSWORDS["fay"]).status_code == 302


def test_logins_are_in_the_audit_log_without_what_was_typed(server: Server) -> None:
    with entered(server, "ada"), server.client() as client:
        typed(client, name="my password by mistake", password="x")
        typed(client, name="fay", password="not fays")
    log = server.folder / "runs.audit.jsonl"
    check(log)
    found = [(r.what, r.who) for r in records(log)]
    assert ("login", "ada") in found
    assert ("login refused", "fay") in found
    assert ("login refused", "unknown") in found
    text = log.read_text()
    assert "mistake" not in text and not [p for p in PASSWORDS.values() if p in text]
    assert not [p for p in PASSWORDS.values() if p in Path(server.log).read_text(errors="replace")]
