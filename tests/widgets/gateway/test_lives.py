"""Kernels end when nobody uses them, when the machine holds no more, and with their server, however it ends."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
import pytest
from tornado.web import HTTPError

from tiltyard.child_processes import memory
from tiltyard_widgets.gateway.lives import Life, Terms

from .appserver import CODE, PATIENCE, TOKEN, Server, opened, serving

if TYPE_CHECKING:
    from .counted import Counted

TERMS = Terms(gone=180, idle=7200, warning=600, longest=43_200)
POLLS = 300  # ten a second; how soon they go is what benchmarks/bench_gateway.py measures
# A kernel that does not listen, and a program of its own that no signal to its group reaches.
STUBBORN = f"""
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"], start_new_session=True)
{CODE}
"""


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def left(processes: list[psutil.Process], polls: int = POLLS) -> int:
    """How many still live after so many looks."""
    for _ in range(polls):
        if not (living := [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]):
            return 0
        psutil.wait_procs(living, timeout=0.1)
    return len(living)


def both_deaf(server: Server) -> list[psutil.Process]:
    """All processes of the server, once each kernel's own child is there; one that has just forked still has its parent's words."""
    end = time.monotonic() + PATIENCE
    while True:
        found = below(server.process.pid)
        if sum("sleep(600)" in " ".join(p.cmdline()) for p in found) == 2:
            return found
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[tuple[Server, list[psutil.Process]]]:
    """A server with two kernels that do not want to end, and all its processes."""
    with serving(tmp_path, "token", code=STUBBORN) as server:
        for _ in range(2):
            with server.client() as client:
                client.get("/", params={"token": TOKEN})
                opened(client)
        processes = both_deaf(server)
        try:
            yield server, processes
        finally:
            left([p for p in processes if not _killed(p)], 1)


def _killed(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return True
    return False


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_no_kernel_outlives_its_server(stubborn: tuple[Server, list[psutil.Process]], how: str) -> None:
    """Nor what it started in a session of its own, though both turn a deaf ear."""
    server, processes = stubborn
    server.process.send_signal(getattr(signal, how))
    server.process.wait(PATIENCE)
    assert left(processes) == 0


def test_nothing_is_left_where_the_command_that_started_the_server_is_killed(tmp_path: Path) -> None:
    words = [
        "from tiltyard.cli.commands.window import started",
        f"with started({[sys.executable, '-c', STUBBORN.replace(CODE, 'import time; time.sleep(600)')]!r}) as server:",
    ]
    words += ["    print(server.pid, flush=True)", "    server.wait()"]
    with subprocess.Popen([sys.executable, "-c", "\n".join(words)], stdout=subprocess.PIPE, cwd=tmp_path) as command:
        assert command.stdout is not None
        server = psutil.Process(int(command.stdout.readline()))
        until = time.monotonic() + PATIENCE
        while not (children := server.children()) and time.monotonic() < until:
            time.sleep(0.05)
        assert children
        command.kill()
        command.wait(PATIENCE)
        assert left([server, *children]) == 0


@pytest.mark.parametrize(
    "half", [b"GET /login HTTP/1.1\r\nHost:", b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_half_a_request_is_not_waited_for(tmp_path: Path, half: bytes) -> None:
    """Whoever has no login would take with them, one by one, every connection that the server may have."""
    with serving(tmp_path, "token", more=["--App.patience=1"]) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
            one.sendall(half)
            assert one.recv(1) == b""


def test_the_kernel_of_a_browser_that_vanished_ends(tmp_path: Path) -> None:
    """It opened the page and was never heard of again."""
    with serving(tmp_path, "token", more=["--OwnedKernels.gone=1", "--OwnedKernels.look=1"]) as server, server.client() as client:
        client.get("/", params={"token": TOKEN})
        page = opened(client)
        until = time.monotonic() + PATIENCE
        while client.get(f"/api/kernels/{page.kernel}").status_code != 404:
            assert time.monotonic() < until, "it lives on"
            time.sleep(0.2)
        assert [p for p in below(server.process.pid) if page.kernel in " ".join(p.cmdline())] == []


def test_one_that_works_is_not_given_up_until_its_work_is_done_and_no_longer_than_half_a_day() -> None:
    life = Life(born=0)
    life.joined(1)
    life.parted(100)
    assert life.ends(TERMS) == 280
    for now in range(110, 30_000, 10):
        life.look(now, spent=now * 0.5, quiet=1e9)  # half a core, without a word
    assert life.ends(TERMS) == 29_990 + 180
    for now in range(30_000, 50_000, 10):
        life.look(now, spent=15_000, quiet=2)  # it waits for an endpoint, and tells how far it is
    assert life.ends(TERMS) == 100 + 43_200


def test_one_that_rests_is_not_taken_for_one_that_works() -> None:
    life = Life(born=0)
    for now in range(10, 1000, 10):
        life.look(now, spent=now * 0.003, quiet=now)
    assert life.ends(TERMS) == 180


def test_an_open_page_ends_where_nobody_clicks() -> None:
    life = Life(born=0)
    life.joined(5)
    assert life.ends(TERMS) == 5 + 7200
    life.clicked = 900
    assert life.ends(TERMS) == 900 + 7200
    life.look(1000, spent=500, quiet=1)
    assert life.ends(TERMS) == 1000 + 7200


async def placed(kernels: "Counted", user: str) -> None:
    """Ask for a place, and give it up."""
    async with kernels.place(user):
        pass


def one(left: float, connected: int = 0, clicked: float = 0) -> Life:
    life = Life(born=0)
    life.left, life.connected, life.clicked, life.looked = left, connected, clicked, 10_000
    return life


def test_a_page_that_was_left_makes_room_and_one_that_is_open_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from .counted import Counted

    monkeypatch.setattr("tiltyard_widgets.gateway.watched.memory", lambda: (64 << 30, 32 << 30))
    lives = {"shown": one(1000, 1), "left long ago": one(3000), "left": one(5000), "just opened": one(9999), "another's": one(2000)}
    kernels = Counted(lives, {kernel: "bo" if kernel == "another's" else "ada" for kernel in lives}, most=4)
    asyncio.run(placed(kernels, "bo"))
    assert kernels.ended == []
    asyncio.run(placed(kernels, "ada"))
    assert kernels.ended == ["left long ago"]
    kernels.owners["new"], kernels.lives["new"] = "ada", one(9999)
    kernels.lives["left"].connected = 2
    with pytest.raises(HTTPError) as error:
        asyncio.run(placed(kernels, "ada"))
    assert error.value.status_code == 429


@pytest.mark.parametrize(("machine", "free"), [(3, 32 << 30), (0, 100 << 20)])
def test_a_machine_that_holds_no_more_says_so(monkeypatch: pytest.MonkeyPatch, machine: int, free: int) -> None:
    """By number, and by the memory that is free; many people with few pages each are held too."""
    from .counted import Counted

    monkeypatch.setattr("tiltyard_widgets.gateway.watched.memory", lambda: (64 << 30, free))
    lives = {"a": one(9990, 1), "b": one(9990, 1), "c": one(9990)}
    kernels = Counted(lives, {"a": "ada", "b": "bo", "c": "cy"}, machine=machine)
    with pytest.raises(HTTPError) as error:
        asyncio.run(placed(kernels, "di"))
    assert (error.value.status_code, kernels.ended) == (503, [])


def test_pages_that_wait_for_their_turn_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from .counted import Counted

    monkeypatch.setattr("tiltyard_widgets.gateway.watched.memory", lambda: (64 << 30, 32 << 30))

    async def three(kernels: "Counted", people: list[str]) -> int:
        async with kernels.place(people[0]), kernels.place(people[1]):
            with pytest.raises(HTTPError) as error:
                await placed(kernels, people[2])
        await placed(kernels, people[2])
        return error.value.status_code

    assert asyncio.run(three(Counted({}, {}, machine=2), ["ada", "bo", "cy"])) == 503
    assert asyncio.run(three(Counted({}, {}, most=2), ["ada", "ada", "ada"])) == 429


def test_a_look_ends_those_whose_time_is_over_and_those_that_died() -> None:
    from .counted import Counted

    lives = {"gone": one(9800), "away": one(9900), "shown": one(0, 1, 9000), "idle": one(0, 1, 1000), "dead": one(9999, 1, 9999)}
    kernels = Counted(lives, dict.fromkeys(lives, "ada"), gone=180)
    asyncio.run(kernels.sweep())
    assert sorted(kernels.ended) == ["dead", "gone", "idle"]


def test_one_that_is_born_during_a_look_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from .counted import Counted

    kernels = Counted({"old": one(9990)}, {"old": "ada"})

    def born(pid: int) -> float:
        kernels.owners["new"], kernels.lives["new"] = "ada", one(9999)
        return 0.0

    monkeypatch.setattr("tiltyard_widgets.gateway.watched.spent", born)
    asyncio.run(kernels.sweep())
    assert kernels.ended == []


def group(folder: Path, limit: str, used: int, names: tuple[str, str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip((*names[:2], "memory.stat"), (limit, str(used), f"anon 1\n{names[2]} {1 << 30}"), strict=True):
        (folder / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("place", "word", "names"),
    [
        ("", "0::", ("memory.max", "memory.current", "inactive_file")),
        ("memory", "4:memory:", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
        ("memory", "4:cpu,memory:", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ],
    ids=["two", "one", "one with another"],
)
def test_the_memory_of_a_container_and_of_every_group_around_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, word: str, names: tuple[str, str, str]
) -> None:
    """As `docker --memory` has it at the top, and `systemd-run --scope -p MemoryMax=4G` below."""
    root, own = tmp_path / "cgroup", tmp_path / "own"
    group(root / place, "max", 9 << 30, names)
    group(root / place / "user.slice", str(6 << 30), 5 << 30, names)
    group(root / place / "user.slice" / "run.scope", str(4 << 30), 3 << 30, names)
    own.write_text(f"9:name=systemd:/elsewhere\n{word}/user.slice/run.scope\n")
    assert memory.bounds(root, own) == [(4 << 30, 2 << 30), (6 << 30, 4 << 30)]
    for other in (f"{word}/\n", f"{word}/../../host\n", f"{word}/of/the/host\n", ""):  # of a container that has no namespace of groups
        own.write_text(other)
        assert memory.bounds(root, own) == []
    group(root / place, str(4 << 30), 3 << 30, names)
    assert memory.bounds(root, own) == memory.bounds(root, tmp_path / "none") == [(4 << 30, 2 << 30)]
    assert memory.bounds(tmp_path / "none", own) == []
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=8 << 30, available=7 << 30))
    monkeypatch.setattr(
        memory, "bounds", lambda: [memory.Bound(4 << 30, 1 << 30), memory.Bound(6 << 30, 4 << 30), memory.Bound(1 << 60, 0)]
    )
    assert memory.memory() == (4 << 30, 2 << 30) and memory.bounded()
    monkeypatch.setattr(memory, "bounds", lambda: [memory.Bound(1 << 60, 0)])
    assert memory.memory() == (8 << 30, 7 << 30) and not memory.bounded()


def test_every_limit_of_the_command_line_is_one_that_the_server_has() -> None:
    from tiltyard.cli.commands.limits import TRAITS, Limits
    from tiltyard_widgets.gateway.kernels import OwnedKernels

    assert {*TRAITS, "offer"} == set(Limits.model_fields)  # what is offered goes to kernels, not to the server
    ours = {trait.partition(".")[2] for trait in TRAITS.values() if trait.startswith("OwnedKernels.")}
    assert ours <= set(OwnedKernels.class_traits(config=True))


def test_a_word_on_its_state_that_a_page_asked_for_by_itself_is_no_activity() -> None:
    from jupyter_client.session import Session

    from tiltyard_widgets.gateway.watched import asked_by

    session = Session(key=b"x")

    def sent(kind: str, content: dict[str, str], by: str) -> list[bytes]:
        message = session.msg(kind, content, parent=session.msg(by))
        return [b"topic", *session.serialize(message)]

    assert asked_by(sent("status", {"execution_state": "busy"}, "kernel_info_request")) == "kernel_info_request"
    assert asked_by(sent("status", {"execution_state": "idle"}, "comm_msg")) == "comm_msg"
    assert asked_by(sent("stream", {"text": "status"}, "kernel_info_request")) == ""
