"""Pages that are opened: whole for everybody however many come at once, each with a kernel of its own and nothing of another's."""

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from .appserver import CODE, PATIENCE, TOKEN, Server, closed, opened, serving, xsrf

if TYPE_CHECKING:
    pass


LATE = (
    """
import threading, time
kernel = get_ipython().kernel
kernel.iopub_thread.schedule(lambda: time.sleep(6))  # longer than Voila waits for what a cell shows once it has its reply
"""
    + CODE
)
WAITS = "import time; time.sleep(0.5)\n" + CODE
SCRIPTS = re.compile(r"<script\b([^>]*)>")


@contextmanager
def entered(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.get("/", params={"token": TOKEN})
        yield client


def kernels(server: Server) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it may end meanwhile
            found += [process] if "ipykernel_launcher" in " ".join(process.cmdline()) else []
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("opening")
    later = f"print('from a ' + 'later cell'); open({str(folder / 'later')!r}, 'a').write('x')"
    with serving(folder, "token", code=WAITS, later=later, most=8, more=["--App.at_once=2"]) as found:
        yield found


def test_what_a_cell_shows_late_is_shown(tmp_path: Path) -> None:
    """A busy server hears of a cell's outputs long after its reply; they were given up after four seconds, and the page stayed blank."""
    with serving(tmp_path, "token", code=LATE) as server, entered(server) as client:
        assert opened(client).environment


def test_eight_at_once_have_eight_pages(server: Server) -> None:
    def one(_: int) -> tuple[str, str, str, bool]:
        with entered(server) as client:
            answer = client.get("/")
            policy = re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
            kernel = re.search(r'"kernelId": "([\w-]+)"', answer.text)
            assert policy and kernel and "BEGIN{" in unescape(answer.text), answer.text[-3000:]
            client.post(f"/voila/api/shutdown/{kernel[1]}", data={"_xsrf": xsrf(client)})
            assert "tiltyard.starting()" in answer.text[: kernel.start()]  # before there is a kernel, for it says so meanwhile
            return answer.text, kernel[1], policy[1], "tiltyard.waiting(" in answer.text

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(8)))
    assert len({kernel for _, kernel, _, _ in found}) == len({nonce for _, _, nonce, _ in found}) == 8
    for text, kernel, nonce, _ in found:
        assert [other for _, one, other, _ in found if one != kernel and (one in text or other in text)] == []
        assert {re.search(r'nonce="([\w-]+)"', tag)[1] for tag in SCRIPTS.findall(text) if "voila.cell-output" not in tag} == {nonce}  # type: ignore[index]
    assert sum(waited for *_, waited in found) >= 2  # two start at once; whoever waits is told the place


def test_no_script_of_another_runs(server: Server) -> None:
    with entered(server) as client:
        answer = client.get("/")
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert "unsafe" not in policy["script-src"] and "*" not in policy["script-src"] and "http" not in policy["script-src"]
        assert (policy["object-src"], policy["base-uri"]) == ("'none'", "'none'")
        for name in ("index.html", "../../etc/passwd", "favicon.ico"):
            assert client.get(f"/{name}").status_code == 404
        kernel = re.search(r'"kernelId": "([\w-]+)"', answer.text)
        assert kernel
        client.post(f"/voila/api/shutdown/{kernel[1]}", data={"_xsrf": xsrf(client)})


def test_a_page_asks_when_it_ends_and_may_stay(server: Server) -> None:
    with entered(server) as client, server.client() as stranger:
        page = opened(client)
        place = f"/tiltyard/page/{page.kernel}"
        said = client.get(place).json()
        assert said["ends"] > 0 and said["warning"] == 600
        assert client.post(place, data={"said": "stay"}).status_code == 403
        assert client.post(place, data={"said": "stay", "_xsrf": xsrf(client)}).status_code == 204
        assert client.post(place, data={"said": "x", "_xsrf": xsrf(client)}).status_code == 400
        assert stranger.get(place).status_code in (302, 403)
        closed(client, page)
        assert client.get(place).status_code == 404


@pytest.mark.parametrize("said", ["shown", "left"])
def test_later_cells_run_once_the_page_is_shown_and_show_nothing(server: Server, said: str) -> None:
    ran = server.folder / "later"
    with entered(server) as client:
        before = len(ran.read_bytes()) if ran.exists() else 0
        page = opened(client)
        client.post(f"/tiltyard/page/{page.kernel}", data={"said": said, "_xsrf": xsrf(client)})
        until = time.monotonic() + PATIENCE
        while (len(ran.read_bytes()) if ran.exists() else 0) == before:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert "later cell" not in page.text
        closed(client, page)


def test_nothing_is_left_of_a_browser_that_leaves_while_it_waits(server: Server) -> None:
    """No kernel, and no handle or thread of the server."""

    def left(client: httpx.Client) -> tuple[int, int]:
        with client.stream("GET", "/") as answer:
            parts = answer.iter_text()  # kept, for one that is forgotten closes the connection
            assert "<head>" in next(parts)
            until = time.monotonic() + PATIENCE
            while not kernels(server):
                assert time.monotonic() < until
                time.sleep(0.05)
        while kernels(server):
            assert time.monotonic() < until
            time.sleep(0.1)
        process = psutil.Process(server.process.pid)
        return process.num_fds(), process.num_threads()

    with entered(server) as client:
        handles, threads = left(client)
        for _ in range(4):
            last = left(client)
    assert last[0] <= handles + 6 and last[1] <= threads + 2


@pytest.mark.parametrize(
    ("code", "said"), [("import os; os._exit(1)", "tiltyard.failed("), ("1/0", "There was an error when executing cell")]
)
def test_a_page_that_breaks_says_so(tmp_path: Path, code: str, said: str) -> None:
    with serving(tmp_path, "token", code=code) as server, entered(server) as client:
        answer = client.get("/")
        assert (answer.status_code, said in answer.text) == (200, True)
        assert "ZeroDivisionError" not in answer.text and "Traceback" not in answer.text


def test_a_machine_that_is_full_has_a_waiting_room_and_past_it_a_page_that_asks_again(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "token", most=9, more=["--OwnedKernels.machine=1", "--OwnedKernels.waiting=1"]) as server,
        entered(server) as client,
    ):
        page = opened(client)
        with entered(server) as second, second.stream("GET", "/") as waits, ThreadPoolExecutor(1) as pool:
            parts = waits.iter_text()
            text = ""
            while "tiltyard.roomless(1, 1)" not in text:  # the first who waits is shown the page and its place
                text += next(parts)
            assert waits.status_code == 200 and "BEGIN{" not in unescape(text)
            answer = client.get("/", headers={"Accept": "text/html"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
            assert 'http-equiv="refresh"' in answer.text and "holds no more pages" in answer.text
            assert len(kernels(server)) == 1
            rest = pool.submit(lambda: "".join(parts))
            closed(client, page)
            text += rest.result()
            assert "BEGIN{" in unescape(text) and re.search(r'"kernelId": "([\w-]+)"', text)
            other = re.search(r'"kernelId": "([\w-]+)"', text)
            assert other is not None and other[1] != page.kernel
            second.post(f"/voila/api/shutdown/{other[1]}", data={"_xsrf": xsrf(second)})
        closed(client, opened(client))


MARK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stdout", "text": MARK},
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": [MARK]},
        {"output_type": "display_data", "data": {"text/html": MARK, "text/plain": MARK}},
        {"output_type": "execute_result", "data": {"application/vnd.jupyter.widget-view+json": {"model_id": MARK}}},
    ],
)
def test_nothing_that_a_cell_shows_ends_its_place(output: dict[str, Any]) -> None:
    from nbformat import v4

    from tiltyard_widgets.gateway.outputs import html

    shown = html([v4.new_output(**output)])
    assert "<script>" not in shown and "<img" not in shown


def test_the_page_is_rendered_once_until_its_notebook_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbformat import NotebookNode

    from tiltyard_widgets.gateway.skeleton import Skeleton, Skeletons

    rendered: list[str] = []

    async def render(self: Skeletons, theme: str) -> Skeleton:
        rendered.append(theme)
        await asyncio.sleep(0)
        return Skeleton(NotebookNode(cells=[]), theme, (), "n", "k")

    async def scene() -> None:
        await asyncio.gather(*[skeletons.of(theme) for theme in ["light", "dark"] * 8])
        assert sorted(rendered) == ["dark", "light"]
        (tmp_path / "page.ipynb").write_text("other")
        await skeletons.of("light")
        assert len(rendered) == 3

    monkeypatch.setattr(Skeletons, "_render", render)
    (tmp_path / "page.ipynb").write_text("")
    skeletons = Skeletons.__new__(Skeletons)
    vars(skeletons).update(_path=str(tmp_path / "page.ipynb"), _made={}, _one=asyncio.Lock())
    asyncio.run(scene())
