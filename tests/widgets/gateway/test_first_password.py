"""A password that was handed out opens nothing but the page where the person sets one of their own."""

import asyncio
from collections.abc import Iterator

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tiltyard.access.users import Users
from tiltyard.audit.log import records

from .appserver import Server, ended, serving, typed

FIRST, OWN = "handed out by a teacher", "a password of her own"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("first")
    for name in ("ada", "bob", "eve"):
        Users(folder / "users.json").add(name, "admin", FIRST, once=True)
    with serving(folder, "password") as found:
        yield found


@pytest.fixture
def users(server: Server) -> Users:
    return Users(server.folder / "users.json")


async def _socket(server: Server, cookies: str) -> int:
    url = f"{server.url.replace('http', 'ws')}/api/kernels/{'0' * 8}-0000-0000-0000-{'0' * 12}/channels?session_id=x"
    try:
        await ended(await websocket_connect(HTTPRequest(url, headers={"Cookie": cookies})))
    except HTTPClientError as error:
        return error.code
    return 101


def test_it_opens_nothing_by_any_door(server: Server, users: Users) -> None:
    with server.client() as client:
        asked = typed(client, name="ada", password=FIRST)
        assert asked.status_code == 200 and "A password of your own" in asked.text and FIRST not in asked.text
        for door in ("/", "/api/kernels", "/tiltyard/people", "/static/voila.js"):
            assert client.get(door).status_code in (302, 403), door
            assert client.get(door, headers={"Authorization": f"token {FIRST}"}).status_code in (302, 403), door
        cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
        assert asyncio.run(_socket(server, cookies)) == 403
        held = client.cookies["tiltyard-first-password"]
        for name in [c.name for c in client.cookies.jar if c.name.startswith("username")] or ["username-127-0-0-1"]:
            client.cookies.set(name, held)  # signed by the server, but for another use
        assert client.get("/").status_code in (302, 403)
    assert users.find("ada").once  # type: ignore[union-attr]


def test_who_did_not_type_it_sets_no_password(server: Server, users: Users) -> None:
    with server.client() as client:
        for _ in range(2):
            assert typed(client, name="ada", fresh=OWN, again=OWN).status_code == 401
            client.cookies.set("tiltyard-first-password", '["ada", "0123456789abcdef"]')
    assert users.verify("ada", FIRST) is not None and users.find("ada").once  # type: ignore[union-attr]


def test_what_is_too_short_or_the_same_or_mistyped_is_refused(server: Server, users: Users) -> None:
    with server.client() as client:
        typed(client, name="ada", password=FIRST)
        for fresh, again, words in ((FIRST, FIRST, "handed out"), ("short", "short", "12 to"), (OWN, OWN + "!", "not the same")):
            told = typed(client, fresh=fresh, again=again)
            assert told.status_code == 400 and words in told.text
    assert users.find("ada").once  # type: ignore[union-attr]


def test_with_a_password_of_ones_own_the_app_opens_and_the_first_one_is_dead(server: Server, users: Users) -> None:
    with server.client() as client, server.client() as other:
        for browser in (client, other):
            typed(browser, name="bob", password=FIRST)
        assert typed(client, fresh=OWN, again=OWN).status_code == 302
        assert client.get("/login").status_code == 302  # who is logged in is sent on
        assert typed(other, fresh="somebody else was faster", again="somebody else was faster").status_code == 401
    with server.client() as late:
        assert typed(late, name="bob", password=FIRST).status_code == 401
        assert typed(late, name="bob", password=OWN).status_code == 302
    assert not users.find("bob").once  # type: ignore[union-attr]


def test_the_log_has_the_change_and_a_login_only_after_it(server: Server) -> None:
    with server.client() as client:
        typed(client, name="eve", password=FIRST)
        typed(client, fresh=OWN, again=OWN)
    said = [entry.what for entry in records(server.folder / "runs.audit.jsonl") if entry.who == "eve"]
    assert said == ["password changed", "login"]
