"""Scans by the server: paths stay inside, and whatever lies there, one line comes back in time."""

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tiltyard_widgets.server.inside import opened, resolved
from tiltyard_widgets.server.refusals import Absent, Late, Malformed, Outside, Shut, TooLarge
from tiltyard_widgets.server.scans import answer
from tiltyard_widgets.server.settings import Limits
from tiltyard_widgets.server.work import WorkerOutput, Workers
from tiltyard_widgets.server.worker import listed, scan


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/never",)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "a.pkl").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "top-secret").mkdir()
    return top


@pytest.mark.parametrize(
    "path", ["..", "../outside.txt", "sub/../../outside.txt", "/etc/passwd", "a\0b", "sub//a.pkl", "./sub", "sub\\a.pkl", "a/"]
)
def test_no_path_that_climbs(top: Path, path: str) -> None:
    with pytest.raises(Malformed):
        resolved(top, path)


def test_no_link_leads_out(top: Path) -> None:
    (top / "out").symlink_to(top.parent / "outside.txt")
    (top / "up").symlink_to(top.parent)
    (top / "beside").symlink_to(top.parent / "top-secret")
    (top / "in").symlink_to(top / "sub" / "a.pkl")
    (top / "round").symlink_to(top / "round")
    for path in ("out", "up/outside.txt", "up", "beside"):
        with pytest.raises(Outside, match="link that leads out"):
            opened(top, path)
    with opened(top, "in") as stream:
        assert stream.read(1) == b"\x80"
    with pytest.raises((Absent, Malformed)):
        opened(top, "round")


def test_a_link_put_there_meanwhile_is_not_followed(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = resolved(top, "sub/a.pkl")
    (top / "sub" / "a.pkl").unlink()
    (top / "sub" / "a.pkl").symlink_to(top.parent / "outside.txt")
    monkeypatch.setattr("tiltyard_widgets.server.inside.resolved", lambda root, path, hidden: real)
    with pytest.raises(Absent):
        opened(top, "sub/a.pkl")


def test_pipes_and_folders_are_no_files(top: Path) -> None:
    os.mkfifo(top / "pipe")
    for path in ("pipe", "sub"):
        with pytest.raises(Absent, match="regular file"):
            opened(top, path)


def test_hidden_files_stay_hidden(top: Path) -> None:
    (top / ".secret").mkdir()
    (top / ".secret" / "k.pkl").write_bytes(b"")
    with pytest.raises(Absent, match="hidden"):
        opened(top, ".secret/k.pkl", hidden=False)
    assert listed(top, "", hidden=False)[0] == ["sub/a.pkl"]
    assert listed(top, "", hidden=True)[0] == [".secret/k.pkl", "sub/a.pkl"]


@pytest.fixture
def shut() -> Iterator[Path]:
    """A folder with an open and a shut one in it, seen by somebody who is not root."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        os.chmod(top, 0o755)
        for folder, mode in (("open", 0o755), ("shut", 0o000)):
            (top / folder).mkdir()
            (top / folder / "m.npz").write_bytes(b"not a zip")
            os.chmod(top / folder, mode)
        list(scan({"root": name, "path": "open/m.npz", "hidden": False}))  # imports come while everything can be read
        if os.geteuid() == 0:
            os.seteuid(65534)
        yield top
        if os.getuid() == 0:
            os.seteuid(0)
        os.chmod(top / "shut", 0o755)


def test_a_folder_without_leave_to_read(shut: Path) -> None:
    for path in ("shut", "shut/m.npz"):
        with pytest.raises(Shut, match="Permission denied"):
            list(scan({"root": str(shut), "path": path, "hidden": False}))
    head, *files = scan({"root": str(shut), "path": "", "hidden": False})
    assert head["remark"] == "1 folder could not be read: Permission denied."
    assert [line["file"]["path"] for line in files] == ["open/m.npz"]


def test_a_file_that_vanishes_while_others_are_scanned(top: Path) -> None:
    (top / "sub" / "b.pkl").write_bytes(pickle.dumps(1))
    lines = scan({"root": str(top), "path": "sub", "hidden": False})
    assert next(lines)["names"] == ["sub/a.pkl", "sub/b.pkl"]
    assert next(lines)["file"]["verdict"]["verdict"] == "malicious"
    (top / "sub" / "b.pkl").unlink()
    assert "No such file" in next(lines)["file"]["problem"]


def test_a_name_that_is_no_text(top: Path) -> None:
    with open(os.fsencode(top / "sub") + b"/\xff.pkl", "wb") as file:
        file.write(pickle.dumps(1))
    _, _, last = scan({"root": str(top), "path": "sub", "hidden": False})
    assert last["file"]["path"] == r"sub/\xff.pkl" and last["file"]["verdict"]["verdict"] == "safe"


def test_the_server_scans_a_file_and_a_folder(server: Any, ada: httpx.Client) -> None:
    (server.root / "models").mkdir(exist_ok=True)
    (server.root / "models" / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    (server.root / "models" / "good.pkl").write_bytes(pickle.dumps([1.0]))
    (server.root / "models" / "README.md").write_text("A model.\n")
    one = ada.post("scan", json={"path": "models/evil.pkl"}).json()
    assert one["format"] == 1 and one["kind"] == "tiltyard-scan"
    assert [(f["path"], f["verdict"]["verdict"]) for f in one["files"]] == [("models/evil.pkl", "malicious")]
    many = ada.post("scan", json={"path": "models"}).json()
    assert [(f["path"], f["verdict"]["verdict"], f["document"]) for f in many["files"]] == [
        ("models/README.md", "unproven", True),
        ("models/evil.pkl", "malicious", False),
        ("models/good.pkl", "safe", False),
    ]
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [("../up.pt", 400, "relative path"), ("/etc/passwd", 400, "relative path"), ("a\0b", 400, "plain names"), ("gone.pt", 404, "No such file"),
     ("out", 403, "leads out"), (".hidden.pt", 404, "hidden")],
)  # fmt: skip
def test_each_refusal_has_its_status(server: Any, ada: httpx.Client, path: str, status: int, said: str) -> None:
    (server.root / ".hidden.pt").write_bytes(b"")
    if not (server.root / "out").is_symlink():
        (server.root / "out").symlink_to("/etc/hostname")
    for asked in ("scan", "report"):
        answer = ada.post(asked, json={"path": path})
        assert answer.status_code == status and said in answer.json()["message"]


def asked(root: Path, path: str, seconds: float, memory: int = 2 << 30) -> WorkerOutput:
    order = {"do": "scan", "root": str(root), "path": path, "hidden": False}
    return asyncio.run(Workers(1).do(order, Limits(seconds, memory)))


def test_what_takes_too_long_ends_in_time(tmp_path: Path) -> None:
    """A file of a terabyte (sparse), which nothing reads through in two seconds."""
    with open(tmp_path / "a.bin", "wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    said = asked(tmp_path, "a.bin", 2)
    assert said.late and not said.lost


async def hung_up(workers: Workers, order: dict[str, Any], after: float) -> None:
    """Ask, and be gone ``after`` so many seconds."""
    work = asyncio.ensure_future(workers.do(order, Limits(600, 2 << 30)))
    await asyncio.sleep(after)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


def test_whoever_hangs_up_at_once_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever they do, and however many: each process has ended, and has been waited for."""
    with open(tmp_path / "a.bin", "wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    started: list[subprocess.Popen[bytes]] = []
    start = Workers._start
    monkeypatch.setattr(Workers, "_start", lambda self: started.append(start(self)) or started[-1])

    async def many() -> Workers:
        workers = Workers(2)
        for i in range(20):
            await hung_up(workers, {"do": "scan", "root": str(tmp_path), "path": "a.bin", "hidden": False}, i / 1000)
        return workers

    workers = asyncio.run(many())
    assert len(started) == 20 and not workers._going
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 20


def test_a_worker_has_no_more_memory_than_it_may(top: Path) -> None:
    """Where it ends is the allocator's choice; that it is for memory is said in any case."""
    said = asked(top, "sub/a.pkl", 120, 20 << 20)
    assert not said.late
    try:
        problem = answer(said).files[0].problem
    except TooLarge as error:
        problem = str(error)
    assert "memory" in problem.lower()


def test_a_folder_of_which_not_all_was_scanned_says_so() -> None:
    head = {"names": ["a.pt", "b.pt"], "left_out": 3, "remark": ""}
    one = {"file": {"path": "a.pt", "verdict": None, "problem": "x"}}
    made = answer(WorkerOutput([head, one], late=True))
    assert [file.path for file in made.files] == ["a.pt", "b.pt"] and made.left_out == 3
    assert made.files[1].problem.startswith("Expected a scan in the time there is for it")
    with pytest.raises(Late):
        answer(WorkerOutput([], late=True))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "scan", b'{"path": "endless.bin"}'),
        ("GET", "panels", b""),
        ("GET", "code", b""),
        ("GET", "runs", b""),
        ("GET", "events", b""),
    ],
)
def test_a_browser_that_leaves_is_no_error_of_the_server(
    server: Any, soon: Callable[[Callable[[], Any], str], Any], method: str, path: str, body: bytes
) -> None:
    """It asks and is gone; each request stands in the log, none with 500 and none with a trace."""
    with open(server.root / "endless.bin", "wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    log, port = server.here / "log", int(server.url.rstrip("/").rpartition(":")[2])
    before = len(log.read_text())
    head = f"{method} /tiltyard/api/{path}?gone HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token ada-word\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    asked = server.asked
    known = len(asked())
    with socket.create_connection(("127.0.0.1", port), timeout=60) as browser:
        browser.sendall(head.encode() + body)
        soon(lambda: len(asked()) > known, "that it is asked")
    if path == "scan":  # the others may have been answered before it left, which is no line in the log
        soon(lambda: f"499 {method} /tiltyard/api/{path}?gone" in log.read_text()[before:], "a line in the log")
    with server.as_("ada") as again:
        assert again.get("version").status_code == 200
    said = log.read_text()[before:]
    assert " 500 " not in said and "Traceback" not in said, said
