"""News from the store as server-sent events, whichever process makes them."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.execution.runner import Runner
from tiltyard.result import Identity
from tiltyard.store.lines import StepLine, Underway
from tiltyard.store.store import Store
from tiltyard.targets.target import Target
from tiltyard_widgets.server.events import WINDOW, Listener, Look, Streams, Watch, look, news
from tiltyard_widgets.server.forms import RunItem, StoreState

ADA, BOB = Person("ada", Role.ANALYST, shared=True), Person("bob", Role.ANALYST, shared=True)
OK, LOCKED = StoreState(state="ok", detail=""), StoreState(state="locked", detail="Busy.")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHO = Identity(name="m", fingerprint="0" * 64)


def run(id: str, state: str = "running", minute: int = 0, done: float | None = None) -> RunItem:
    told = None if done is None else Underway(done=done, message="", left=None, told=NOON, cancelling=False)
    ended = None if state in ("open", "running") else NOON
    started = NOON + timedelta(minutes=minute)
    return RunItem(
        id=id, name=id, started=started, ended=ended, state=state, verdict="", target=WHO, data=WHO, counts={}, progress=told, severities={}
    )


def seen(*runs: RunItem, total: int | None = None, store: StoreState = OK, steps: dict[str, dict[str, StepLine]] | None = None) -> Look:
    return Look(store, len(runs) if total is None else total, {r.id: r for r in runs}, steps or {})


def said(before: Look, after: Look) -> list[tuple[str, Any]]:
    pieces = [piece.strip().split("\ndata: ") for piece in news(before, after)]
    return [(name.removeprefix("event: "), json.loads(data)) for name, data in pieces]


def kinds(before: Look, after: Look) -> list[tuple[str, str]]:
    return [(name, data.get("change") or data.get("id") or data.get("store", {}).get("state", "")) for name, data in said(before, after)]


def test_what_happened_between_two_looks() -> None:
    assert kinds(seen(run("a")), seen(run("a"))) == []
    assert kinds(seen(), seen(run("a"))) == [("run", "started")]
    assert kinds(seen(), seen(run("a", "finished"))) == [("run", "started"), ("run", "ended")]
    assert kinds(seen(run("a")), seen(run("a", done=0.5))) == [("progress", "a")]
    assert kinds(seen(run("a", done=0.5)), seen(run("a", "cut off"))) == [("run", "ended")]
    assert kinds(seen(run("a", done=0.5)), seen(run("a", "open"))) == [("run", "changed")]
    assert kinds(seen(run("a", "open")), seen(run("a", "cut off"))) == [("run", "ended")]
    assert kinds(seen(run("a", "finished")), seen()) == [("run", "deleted")]
    changed = run("a").model_copy(update={"severities": {"high": 1}})
    assert kinds(seen(run("a")), seen(changed)) == [("run", "changed")]
    assert kinds(seen(run("a")), seen(run("a"), store=LOCKED)) == [("store", "locked")]
    assert kinds(seen(run("a"), total=200), seen(run("a"), total=199)) == [("store", "ok")]


def test_a_step_that_ended_is_told_once() -> None:
    step = StepLine(
        token="t", run_id="a", check="x.y", kind="check", title="T", state="passed", severity="", given={}, started=NOON, ended=NOON
    )
    before, after = seen(run("a"), steps={"a": {}}), seen(run("a"), steps={"a": {"t": step}})
    assert kinds(before, after) == [("record", "")] and kinds(after, after) == []


def test_a_run_that_newer_ones_push_out_is_not_deleted() -> None:
    old = [run(f"{i}", "finished", minute=i) for i in range(WINDOW)]
    after = seen(*old[1:], run("new", "finished", minute=WINDOW), total=WINDOW + 1)
    assert ("run", "deleted") not in kinds(seen(*old), after)
    gone = [r for r in old if r.id != "50"]
    assert ("run", "deleted") in kinds(seen(*old), seen(run("older", "finished", minute=-1), *gone, total=WINDOW + 5))


def test_who_takes_nothing_is_cut_off() -> None:
    listener = Listener()
    for i in range(5000):
        listener.tell(str(i))
    taken = []
    while listener._waiting.qsize():
        taken.append(listener._waiting.get_nowait())
    assert None in taken


async def begun_after(watch: Watch, store: Store) -> str:
    """The event of a run that begins while somebody listens."""
    listener = await watch.listen()
    try:
        assert "event: hello" in (await listener.next() or "")
        id = await asyncio.to_thread(lambda: store.begin("new", WHO, WHO).id)
        async with asyncio.timeout(300):
            while (piece := await listener.next()) is not None:
                if id in piece:
                    return piece
    finally:
        watch.leave(listener)
    pytest.fail("the watch hung up")


def test_who_hangs_up_before_the_first_look_ends_nobodys_news(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite", person=ADA)

    async def heard() -> str:
        watch = Watch(store)
        watch.leave(await watch.listen())
        await asyncio.sleep(0)  # the turn in which the looking begins
        return await begun_after(watch, store)

    assert '"change":"started"' in asyncio.run(heard())


def test_a_look_that_fails_unforeseen_does_not_end_the_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "s.sqlite", person=ADA)
    mark, failed = store.mark, []

    def once() -> str:
        if failed:
            return mark()
        failed.append(True)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(store, "mark", once)
    assert '"change":"started"' in asyncio.run(begun_after(Watch(store), store))
    assert failed


async def until(listener: Listener, words: str) -> str:
    """All that is told up to ``words``."""
    said = ""
    async with asyncio.timeout(300):
        while words not in said:
            piece = await listener.next()
            assert piece is not None
            said += piece
    return said


@pytest.mark.parametrize("during", [False, True], ids=["between two looks", "during a look"])
def test_who_was_told_of_a_trouble_that_the_looks_missed_hears_that_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: bool
) -> None:
    store = Store(tmp_path / "s.sqlite", person=ADA)
    store.begin("there", WHO, WHO)
    looking, go_on, slow = threading.Event(), threading.Event(), threading.Event()

    def waits(store: Store, before: Look | None) -> Look:
        if slow.is_set():
            looking.set()
            go_on.wait(60)
        return look(store, before)

    monkeypatch.setattr("tiltyard_widgets.server.events.look", waits)

    async def heard() -> str:
        watch = Watch(store)
        listener = await watch.listen()
        try:
            await until(listener, "event: hello")
            if during:
                slow.set()
                await asyncio.to_thread(store.begin, "new", WHO, WHO)  # so that it looks
                await asyncio.to_thread(looking.wait, 60)
            watch.doubt("locked")
            slow.clear()
            go_on.set()
            return await until(listener, "event: store")
        finally:
            watch.leave(listener)

    assert '"store":{"state":"ok"' in asyncio.run(heard())


def test_what_a_request_found_as_the_looks_did_is_no_news(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite", person=ADA, makes=False)

    async def heard() -> str:
        watch = Watch(store)
        watch.doubt("missing")  # nobody listens
        listener = await watch.listen()
        try:
            await until(listener, '"state":"missing"')
            for _ in range(20):
                watch.doubt("missing")
            await asyncio.to_thread(Store(tmp_path / "s.sqlite", person=ADA).begin, "new", WHO, WHO)
            return await until(listener, '"change":"started"')
        finally:
            watch.leave(listener)

    assert asyncio.run(heard()).count("event: store") <= 1  # that of the store that was made


@contextmanager
def stream(client: httpx.Client) -> Iterator[Callable[[Callable[[str, Any], bool]], list[tuple[str, Any]]]]:
    """``take(until)``: the events up to the one that ``until`` knows."""
    with client.stream("GET", "events") as answer:
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines()

        def take(until: Callable[[str, Any], bool]) -> list[tuple[str, Any]]:
            found: list[tuple[str, Any]] = []
            name, end = "", time.monotonic() + 300
            for line in lines:
                assert time.monotonic() < end, found
                if line.startswith("event: "):
                    name = line[7:]
                if line.startswith("data: "):
                    found.append((name, json.loads(line[6:])))
                    if until(*found[-1]):
                        return found
            pytest.fail(f"the server hung up after {found}")

        yield take


def test_a_job_of_another_process_is_followed_and_stopped(
    server: Any, ada: httpx.Client, endless: Check, marked: Check, target: Target, data: Dataset
) -> None:
    """The run goes on here, not in the server; two windows follow it; nobody hears of anybody else's."""
    job = Runner(Store(server.store, person=ADA)).start([endless], target, data, name="endless")
    assert job.run is not None
    id = job.run.id
    try:
        with stream(ada) as one, server.as_("ada") as again, stream(again) as two:
            other = Runner(Store(server.store, person=BOB)).start([marked], target, data)
            other.wait(120)
            heard = one(lambda name, said: name == "progress" and said["id"] == id and said["progress"]["done"] > 0)
            assert heard[0][0] == "hello"
            listed = next(run for run in ada.get("runs").json()["runs"] if run["id"] == id)
            assert listed["state"] == "running" and listed["progress"]["message"] == "Endless · going on"
            assert ada.post(f"runs/{id}/cancel").json() == {"run": id, "asked": 1}
            (record,) = job.wait(120)
            assert record.result.status == "cancelled"
            for take in (one, two):
                heard += take(lambda name, said: name == "run" and said["id"] == id and said["change"] == "ended")
        assert [said["step"]["state"] for name, said in heard if name == "record"] == ["cancelled"] * 2
        assert other.run is not None and other.run.id not in json.dumps(heard)
    finally:
        job.cancel()
        job.wait(120)


BEGIN = """
import sys, time
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.result import Identity
from tiltyard.store.store import Store
who = Identity(name="m", fingerprint="0" * 64)
print(Store(sys.argv[1], person=Person("ada", Role.ANALYST, shared=True)).begin("killed", who, who).id, flush=True)
time.sleep(600)
"""


def test_a_killed_kernel_ends_its_run(server: Any, ada: httpx.Client) -> None:
    kernel = subprocess.Popen([sys.executable, "-c", BEGIN, str(server.store)], stdout=subprocess.PIPE, text=True)
    try:
        assert kernel.stdout is not None
        id = kernel.stdout.readline().strip()
        with stream(ada) as take:
            take(lambda name, said: name == "hello")
            os.kill(kernel.pid, signal.SIGKILL)
            kernel.wait(60)
            (*_, (_, last)) = take(lambda name, said: name == "run" and said["id"] == id and said["change"] == "ended")
        assert last["run"]["state"] == "cut off"
    finally:
        kernel.kill()
        kernel.wait(60)
        kernel.stdout.close()  # type: ignore[union-attr]


def test_a_store_that_another_program_holds_is_told_and_so_is_its_return(server: Any, ada: httpx.Client) -> None:
    Store(server.store, person=ADA).begin("there", WHO, WHO)
    holder = sqlite3.connect(server.store, isolation_level=None, check_same_thread=False, timeout=60)
    with stream(ada) as take:
        take(lambda name, said: name == "hello")
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE runs SET verdict = verdict")
        try:
            answer = ada.get("runs")
            assert answer.status_code == 503 and "another program" in answer.json()["message"]
            assert str(server.here) not in answer.text
            assert ada.get("version").json()["store"]["state"] == "locked"
        finally:
            held = threading.Thread(target=lambda: (holder.rollback(), holder.close()))
            held.start()
            held.join()
        take(lambda name, said: name == "store" and said["store"]["state"] == "ok")  # whoever was refused hears it, whatever the looks saw
        Store(server.store, person=ADA).begin("again", WHO, WHO)
        take(lambda name, said: name == "run" and said["run"]["name"] == "again")
    assert ada.get("version").json()["store"]["state"] == "ok"


def test_the_oldest_makes_room_and_nobody_takes_anothers_place() -> None:
    async def go() -> list[list[str]]:
        ended: list[str] = []
        counts: list[list[str]] = []
        streams = Streams(3, 5)

        def open_one(who: str, number: int) -> Listener:
            made = streams.opened(who)
            made.ended = lambda: ended.append(f"{who}{number}")
            return made

        for i in range(5):
            open_one("ada", i)
        counts.append(list(ended))
        bobs = [open_one("bob", i) for i in range(3)]
        counts.append(list(ended))
        for one in bobs:
            streams.closed(one)
        open_one("bob", 9)
        counts.append(list(ended))
        return counts

    assert asyncio.run(go()) == [["ada0", "ada1"], ["ada0", "ada1", "ada2"], ["ada0", "ada1", "ada2"]]


def knocked(server: Any, name: str) -> socket.socket:
    """A stream that is asked for and never read from."""
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    made = socket.create_connection((host, int(port)), timeout=60)
    head = f"GET /tiltyard/api/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: token {name}-word\r\n\r\n"
    made.sendall(head.encode())
    return made


def open_still(connections: list[socket.socket]) -> list[bool]:
    """Which of them the server has not ended."""
    found = []
    for one in connections:
        one.setblocking(False)
        try:
            while one.recv(65_536):
                pass
            found.append(False)
        except BlockingIOError:
            found.append(True)
        except ConnectionError:
            found.append(False)
    return found


def test_a_person_who_opens_many_streams_has_the_newest_and_others_keep_theirs(
    server: Any, ada: httpx.Client, soon: Callable[[Callable[[], Any], str], Any]
) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(knocked(server, "bob"))
        soon(lambda: other.recv(10), "a first answer")
        many = [stack.enter_context(knocked(server, "ada")) for _ in range(60)]
        soon(lambda: sum(open_still(many)) == 12, "twelve of sixty")
        assert open_still([other]) == [True]
        assert ada.get("version").status_code == 200
    with stream(ada) as take:
        assert take(lambda name, said: name == "hello")
