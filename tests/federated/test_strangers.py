"""A federation in real processes, and another account of the machine that tries each of its doors while an app runs."""

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("flwr")


from tiltyard.errors import Cancelled
from tiltyard.federated.deployed.processes import APP, Processes
from tiltyard.federated.training import Training
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

NOBODY = 65534
START = "/v1/control/start-run"
CALLS = {
    "control": ("list-runs", "stop-run", "stream-logs", "pull-artifacts", "register-node", "list-nodes", "unregister-node"),
    "fleet": ("register-node", "activate-node", "pull-messages", "push-messages", "get-run", "get-fab", "pull-object", "push-object"),
    "runtime": ("acquire-task", "pull-task-input", "push-task-output", "pull-messages", "push-messages", "get-nodes", "pull-object"),
}


@dataclass(frozen=True)
class Seen:
    """What was there while a client's app ran, and what strangers got: another account, and then the owner's own."""

    modes: dict[str, int]
    lines: list[list[str]]
    ports: list[int]
    sockets: list[str]
    stranger: dict[str, Any]
    owner: dict[str, Any]
    canary: Path


def app(folder: Path, canary: Path) -> bytes:
    """A request that starts an app which writes ``canary`` as soon as it is imported."""
    from flwr.cli.build import build_fab_from_disk
    from flwr.proto.control_pb2 import StartRunRequest
    from flwr.proto.fab_pb2 import Fab

    folder.mkdir()
    (folder / "pyproject.toml").write_text(APP)
    for side in ("server", "client"):
        (folder / f"{side}_side.py").write_text(f"import os\nopen({str(canary)!r}, 'w').write(str(os.getuid()))\n")
    with warnings.catch_warnings(action="ignore"):  # Flower calls what pathspec will drop
        content = build_fab_from_disk(folder)
    return bytes(StartRunRequest(fab=Fab(hash_str=hashlib.sha256(content).hexdigest(), content=content)).SerializeToString())


def asked(uid: int, doors: list[int | str], start: bytes, pids: list[int], files: list[str]) -> dict[str, Any]:
    """What the account ``uid`` gets."""
    from flwr.supercore.runtime_version_compatibility import RuntimeVersionMetadata

    calls = {f"/v1/{part}/{name}": b"" for part, names in CALLS.items() for name in names} | {START: start}
    headers = {"content-type": "application/protobuf", **dict(RuntimeVersionMetadata.from_local_component("flwr").as_metadata())}
    told = {
        "uid": uid,
        "doors": doors,
        "calls": {path: base64.b64encode(body).decode() for path, body in calls.items()},
        "headers": headers,
        "pids": pids,
        "files": files,
    }
    said = subprocess.run(
        [sys.executable, Path(__file__).with_name("stranger.py")],
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=240,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def living(processes: Processes) -> dict[int, list[str]]:
    """The words of each process of the federation."""
    found = {}
    for started in (one for party in processes.running.values() for one in party):
        with suppress(psutil.Error):
            root = psutil.Process(started.pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):
                    found[process.pid] = process.cmdline()
    return found


def listening(pids: Iterable[int]) -> tuple[set[int], set[str]]:
    """Ports of a network, and sockets in folders."""
    ports, sockets = set(), set()
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            ports |= {c.laddr.port for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
            sockets |= {str(c.laddr) for c in process.net_connections("unix") if c.laddr}
    return ports, sockets


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    from tiltyard.federated.deployed.deployment import ran

    made: list[Seen] = []
    progress, place = Progress(), tmp_path_factory.mktemp("strangers")
    canaries = [place / name for name in ("stranger", "owner")]
    starts = [app(place / f"app-{canary.name}", canary) for canary in canaries]
    place.chmod(0o777)

    def watched(processes: Processes, rounds: int) -> None:
        tree = living(processes)
        if progress.cancelled or not any(word.endswith("flwr-clientapp") for line in tree.values() for word in line):
            return
        try:
            made.append(_seen(processes.folder, tree, starts, canaries[0]))
        finally:
            progress.cancel()

    hostile = {
        "PATH": "/usr/bin:/bin",
        "FLWR_INTERNAL_GRPC_CONTROL_API": "1",
        "FLWR_INTERNAL_GRPC_FLEET_API": "1",
        "HTTPS_PROXY": "http://x:1",
    }
    census = load("census")
    step = Training(clients=2, rounds=2, rows=300, local_epochs=3, processes=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in hostile.items():
            patch.setenv(name, value)
        with pytest.raises(Cancelled):
            ran(step.setting(census.target, census.data), 60.0, progress, watched=watched)
    return made[0]


def _seen(folder: Path, tree: dict[int, list[str]], starts: list[bytes], canary: Path) -> Seen:
    ports, sockets = listening(tree)
    files = [folder, *folder.rglob("*")]
    modes = {str(path.relative_to(folder)): path.lstat().st_mode for path in files}
    doors: list[int | str] = [*sorted(ports), *sorted(sockets)]
    stranger = asked(NOBODY, doors, starts[0], [*tree], [str(path) for path in files]) if os.getuid() == 0 else {}
    owner = asked(os.getuid(), doors, starts[1], [], [])
    return Seen(modes, [*tree.values()], sorted(ports), sorted(sockets), stranger, owner, canary)


@pytest.mark.slow
def test_a_federation_has_no_port_on_any_network(seen: Seen) -> None:
    assert seen.ports == [] and len(seen.sockets) == 3


@pytest.mark.slow
def test_every_file_of_it_is_its_owners_alone(seen: Seen) -> None:
    shared = {name: stat.filemode(mode) for name, mode in seen.modes.items() if mode & 0o077 and not stat.S_ISSOCK(mode)}
    assert shared == {} and len(seen.modes) > 20


@pytest.mark.slow
def test_no_token_stands_in_the_arguments_of_a_process(seen: Seen) -> None:
    words = [word for line in seen.lines for word in line]
    assert {"flwr-serverapp", "flwr-clientapp"} <= {Path(word).name for word in words}
    assert "--token" not in words and not [word for word in words if len(word) > 60 and set(word) <= set("0123456789abcdef")]


@pytest.mark.slow
def test_the_account_itself_may_hand_it_an_app(seen: Seen) -> None:
    """The attack is a real one: it is the account that is refused below, not the request."""
    assert any(f"{START} 200" in answers for answers in seen.owner["answers"].values())


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another account")
def test_another_account_is_refused_at_every_door(seen: Seen) -> None:
    assert seen.stranger["uid"] == NOBODY and len(seen.stranger["answers"]) == 3
    assert {answer for answers in seen.stranger["answers"].values() for answer in answers} == {"PermissionError"}
    assert seen.stranger["read"] == [] and not seen.canary.exists()
