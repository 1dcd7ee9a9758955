"""A page that is left: its kernel ends, unless a job of its own is under way; and its address names a place, nothing else."""

from collections.abc import Iterator

import httpx
import pytest

from .appserver import CODE, TOKEN, Server, closed, opened, read, serving

WORKING = f"""
from tiltyard.result import Identity
from tiltyard.store.store import Store
store = Store()
run = store.begin("r", Identity(name="t", fingerprint="1"), Identity(name="d", fingerprint="2"))
job = store.jobs.open(run.id)
{CODE}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("leaving"), "token", code=WORKING) as made:
        yield made


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as made:
        made.get("/", params={"token": TOKEN})
        yield made


def test_a_kernel_whose_job_goes_on_outlives_its_page_and_ends_without_one(server: Server, client: httpx.Client) -> None:
    from tiltyard.store.store import Store

    page = opened(client)
    closed(client, page)
    assert client.get(f"/tiltyard/page/{page.kernel}").status_code == 200
    store = Store(server.folder / "runs.sqlite")
    for run in store.runs():
        store.end(run.id)  # nothing of it is under way any more
    closed(client, page)
    assert client.get(f"/tiltyard/page/{page.kernel}").status_code == 404


def test_an_address_tells_the_kernel_its_place_and_nothing_else(server: Server, client: httpx.Client) -> None:
    answer = client.get("/", params={"x": "<b>", "topic": "evasion", "run": "1a2b3c4d", "step": "evasion.pgd", "token2": "s"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/?run=1a2b3c4d&topic=evasion&step=evasion.pgd")
    page = read(client.get(answer.headers["location"]))
    assert page.environment["TILTYARD_PLACE"] == "run=1a2b3c4d&topic=evasion&step=evasion.pgd"
    assert "QUERY_STRING" not in page.environment
    answer = client.get("/", params={"topic": "<script>", "run": "../.."})
    assert answer.headers["location"] == "/"


def test_a_token_leaves_the_address_and_the_place_stays(server: Server) -> None:
    with server.client() as made:
        answer = made.get("/", params={"token": TOKEN, "run": "1a2b3c4d"})
        assert answer.headers["location"] == "/?run=1a2b3c4d"


def test_a_login_comes_back_to_the_place(server: Server) -> None:
    with server.client() as made:
        asked = made.get("/?run=1a2b3c4d&topic=privacy")
        assert asked.status_code == 302 and "1a2b3c4d" in asked.headers["location"]
        from .appserver import typed

        answer = typed(made, token=TOKEN, next="/?run=1a2b3c4d&topic=privacy&evil=1")
        assert answer.headers["location"] == "/?run=1a2b3c4d&topic=privacy"
