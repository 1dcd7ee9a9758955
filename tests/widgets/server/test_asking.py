"""Who may ask what: without a login, the page's own token, leave, or the role, each is refused, whatever is asked."""

from typing import Any

import httpx
import pytest

from tiltyard_widgets.server.openapi import OPERATIONS, Operation

LEAST = {"viewer": "vera", "analyst": "ada", "admin": "root"}
BELOW = {"analyst": "vera", "admin": "ada"}
ENDLESS = "/events"


def address(operation: Operation) -> str:
    return operation.path.format(run="0123abcd").lstrip("/")


def body(operation: Operation) -> dict[str, Any]:
    return {"json": {"path": "nothing.pt"}} if operation.asks and operation.method == "post" else {}


@pytest.fixture(params=OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
def operation(request: pytest.FixtureRequest) -> Operation:
    made: Operation = request.param
    return made


def test_nobody_is_answered_without_a_login(server: Any, operation: Operation) -> None:
    url = f"{server.url}tiltyard/api/{address(operation)}"
    for headers in ({}, {"Authorization": "token mallory-guess"}):
        said = httpx.request(operation.method, url, headers=headers, trust_env=False)
        assert said.status_code == 403 and said.json()["message"].startswith("Expected leave to do this")


def test_the_authorizer_is_asked_and_its_no_counts(server: Any, operation: Operation) -> None:
    action = {"get": "read", "post": "execute", "delete": "write"}[operation.method] if operation.id not in ("view", "print") else "read"
    server.refuse(("root", action, "tiltyard"))
    with server.as_("root") as root:
        said = root.request(operation.method, address(operation), **body(operation))
    server.refuse()
    assert said.status_code == 403
    assert server.asked()[-1] == [f"/tiltyard/api/{address(operation)}", "root", action, "tiltyard"]


@pytest.mark.parametrize("path", ["scan", "report"])
def test_who_may_not_read_files_learns_nothing_of_them(server: Any, path: str) -> None:
    (server.root / "there.pt").write_bytes(b"x")
    server.refuse(("root", "read", "contents"))
    with server.as_("root") as root:
        said = {name: root.post(path, json={"path": name}).text for name in ("there.pt", "not.pt")}
    server.refuse()
    assert said["there.pt"] == said["not.pt"] and "leave to do this" in said["not.pt"]


def test_the_role_decides(server: Any, operation: Operation) -> None:
    """The least role that may do it is not refused; the next one down is, in a line that says which it takes."""
    with server.as_(LEAST[operation.role]) as client:
        if operation.path != ENDLESS:
            assert client.request(operation.method, address(operation), **body(operation)).status_code != 403
    if operation.role in BELOW:
        with server.as_(BELOW[operation.role]) as client:
            said = client.request(operation.method, address(operation), **body(operation))
        assert said.status_code == 403 and f"the role {operation.role} to" in said.json()["message"]


def test_a_page_of_another_site_can_do_nothing(server: Any) -> None:
    """The login cookie alone, as a browser adds it to any request, changes nothing; with the page's own token it does."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=120) as browser:
        browser.get("login")
        assert browser.get("tiltyard/api/version?token=ada-word").status_code == 200
        assert browser.get("tiltyard/api/version").status_code == 200
        refused = browser.post("tiltyard/api/scan", json={"path": "nothing.pt"})
        assert refused.status_code == 403 and "leave to do this" in refused.json()["message"]
        known = browser.post("tiltyard/api/scan", json={"path": "nothing.pt"}, headers={"X-XSRFToken": browser.cookies["_xsrf"]})
        assert known.status_code == 404 and "nothing.pt" in known.json()["message"]
        far = {"X-XSRFToken": browser.cookies["_xsrf"], "Origin": "https://elsewhere.example"}
        assert browser.post("tiltyard/api/scan", json={"path": "nothing.pt"}, headers=far).status_code in (403, 404)


def test_the_document_names_every_route(ada: httpx.Client) -> None:
    from tiltyard_widgets.server.handlers import ROUTES

    said = ada.get("openapi.json").json()
    assert {path.replace("{run}", "([^/]+)").lstrip("/") for path in said["paths"]} == {route for route, _ in ROUTES} - {".*"}
    methods = {(route, m) for route, kind in ROUTES if route != ".*" for m in ("get", "post", "put", "patch", "delete") if m in vars(kind)}
    assert methods == {(o.path.replace("{run}", "([^/]+)").lstrip("/"), o.method) for o in OPERATIONS}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "nowhere", 404), ("GET", "", 404), ("PUT", "runs", 405), ("GET", "scan", 405)]
)
def test_other_addresses_and_methods(ada: httpx.Client, method: str, path: str, status: int) -> None:
    said = ada.request(method, path)
    assert said.status_code == status and set(said.json()) == {"expected", "found", "do", "message"}
    assert said.headers.get("Allow", "") == {"runs": "GET, OPTIONS", "scan": "OPTIONS, POST"}.get(path, "")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"content": b"path=x"}, 415),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b'{"path": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"[" * 30000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": {"path": "x" * 100_000}}, 413),
        ({"json": {"path": "x" * 5000}}, 400),
        ({"json": {"path": 3}}, 400),
        ({"json": {}}, 400),
        ({"json": {"path": "x", "more": 1}}, 400),
        ({"json": ["x"]}, 400),
    ],
)
def test_bodies_that_are_none(ada: httpx.Client, given: dict[str, Any], status: int) -> None:
    said = ada.post("scan", **given)
    assert said.status_code == status
    assert "\n" not in said.json()["message"] and len(said.json()["message"]) < 300
