"""Flower's programs in their confines: no network whatever they try, and logs that stay where an error says. With real ones: `test_strangers`."""

import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("flwr")

from tiltyard.errors import Problem
from tiltyard.federated.deployed import logs, processes
from tiltyard.federated.deployed.flower import command
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load

TRIES = """
import asyncio, socket, sys
from pathlib import Path
from tiltyard.federated.deployed.flower import confine
confine(Path(sys.argv[1]))
import httpx, uvicorn
def refused(does):
    try:
        does()
    except (PermissionError, httpx.ConnectError) as error:
        return print("refused", type(error).__name__)
    print("allowed")
async def served(host):
    await asyncio.get_running_loop().create_server(asyncio.Protocol, host, 0)
refused(lambda: socket.socket().bind(("127.0.0.1", 0)))
refused(lambda: socket.socket(socket.AF_INET6).bind(("::1", 0)))
refused(lambda: socket.create_connection(("127.0.0.1", 9)))
refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
refused(lambda: asyncio.run(served("127.0.0.1")))
refused(lambda: httpx.get("http://127.0.0.1:9"))
print(uvicorn.Config(None, host="0.0.0.0", port=7).uds)
"""


def test_nothing_goes_over_a_network_whatever_is_tried(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRIES, tmp_path], stdout=subprocess.PIPE, text=True, timeout=120, check=True
    ).stdout.splitlines()
    assert found == [*["refused PermissionError"] * 5, "refused ConnectError", str(tmp_path / "7")]


def test_programs_are_found_where_no_path_leads_to_them(tmp_path: Path) -> None:
    """Also where the folder one works in has a file by the name of a library."""
    (tmp_path / "flwr.py").write_text("raise SystemExit('taken for a library')")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": "/usr/bin:/bin"}
    for program in ("flower-superlink", "flower-supernode", "flower-superexec", "flwr"):
        found = subprocess.run(
            command(tmp_path, program, "--version"),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )
        assert "Flower version: 1." in found.stdout


def broken(folder: Path, program: str, *arguments: str) -> list[str]:
    """A program that says why and ends."""
    return [sys.executable, "-c", "import sys; sys.exit('the reason why')"]


def test_the_log_that_an_error_names_is_there_when_the_federation_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.federated.deployed import deployment

    monkeypatch.setattr(processes, "command", broken)
    monkeypatch.setattr(logs, "place", lambda: tmp_path / "data" / "federations")
    census = load("census")
    start = Training(clients=2, rounds=1, rows=50, processes=True).setting(census.target, census.data)
    for _ in range(logs.KEPT + 2):
        with pytest.raises(Problem, match="it ended with 1: the reason why") as caught:
            deployment.ran(start, 5.0, Progress())
    named = re.search(r"See (\S+\.log)\.$", str(caught.value))
    assert named is not None
    log = Path(named.group(1))
    assert log.read_text().strip() == "the reason why" and stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == stat.S_IMODE(log.parent.parent.stat().st_mode) == 0o700
    assert len(list(logs.place().iterdir())) == logs.KEPT


def test_logs_that_cannot_be_kept_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.federated.deployed import deployment

    monkeypatch.setattr(processes, "command", broken)
    (tmp_path / "file").touch()
    monkeypatch.setattr(logs, "place", lambda: tmp_path / "file" / "federations")
    census = load("census")
    start = Training(clients=2, rounds=1, rows=50, processes=True).setting(census.target, census.data)
    with pytest.raises(Problem, match="logs could not be kept"):
        deployment.ran(start, 5.0, Progress())


def test_where_no_sockets_in_folders_may_be_made_it_does_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(family: int) -> None:
        raise OSError(errno.EAFNOSUPPORT, "as in a kernel behind a shared login")

    monkeypatch.setattr(processes.socket, "socket", refused)
    census = load("census")
    result = Training(clients=2, rounds=1, rows=50, processes=True)(census.target, census.data).record.result
    assert result.status is Status.NOT_APPLICABLE and "kernels behind a shared login" in result.summary


def test_a_folder_too_long_for_sockets_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="Set TMPDIR to a shorter one"):
        processes.ready(Path("/", "x" * processes.LONGEST))
    processes.ready(Path("/", "x" * (processes.LONGEST - 1)))
