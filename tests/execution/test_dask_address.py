"""A Dask scheduler beyond loopback is used with certificates or not at all, however its address is spelled."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tiltyard.errors import Problem
from tiltyard.execution.dask_address import refuse_exposed, settled
from tiltyard.execution.dask_cluster import Cluster
from tiltyard.federated.deployed.credentials import Tls, tls

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

FAR = "192.0.2.7"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What a resolver answers; a number is itself."""
    known = {"near.test": ["127.0.0.1"], "both.test": ["::1", "127.0.0.1"], "far.test": [FAR], "mixed.test": ["127.0.0.1", FAR]}
    known["127.0.0.1.far.test"] = [FAR]
    asked = socket.getaddrinfo

    def found(host: str, port: int, type: int) -> list[Any]:
        numbers = known.get(host)
        return asked(host, port, type=type) if numbers is None else [(0, 0, 0, "", (number, port)) for number in numbers]

    monkeypatch.setattr("tiltyard.execution.dask_address.socket.getaddrinfo", found)
    return known


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    "address",
    [
        f"tcp://{FAR}:8786",
        "TCP://192.0.2.7:8786",
        "tcp://far.test:8786",
        "tcp://mixed.test:8786",
        "tcp://127.0.0.1.far.test:8786",
        "tcp://127.0.0.1\t.far.test:8786",
        "tcp://0.0.0.0:8786",
        "tcp://[::]:8786",
        "tcp://[2001:db8::1]:8786",
        "tcp://[::ffff:192.0.2.7]:8786",
        "tcp://3221225991:8786",
        "tcp://0xc0000207:8786",
    ],
)
def test_beyond_loopback_without_certificates_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(Problem, match="Use tls://") as caught:
        Cluster(address, patience=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://127.0.0.1:1@192.0.2.7:8786",
        "tcp://localhost@192.0.2.7:8786",
        "tcp://127.0.0.1:8786/x",
        "tcp://127.0.0.1:8786?a=tcp://192.0.2.7:1",
        "tcp://127.0.0.1:8786#x",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:99999",
        "tcp://:8786",
        "tcp://[::1:8786",
        "inproc://192.0.2.7/1/1",
        "ucx://127.0.0.1:8786",
        "ws://127.0.0.1:8786",
        "tcp:127.0.0.1:8786",
        "127.0.0.1:8786",
        "",
    ],
)
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(Problem, match="local, tcp://HOST:PORT or tls://HOST:PORT"):
        Cluster(address, patience=1)


def test_a_name_is_looked_up_once_and_what_was_judged_is_what_is_reached(names: dict[str, list[str]]) -> None:
    found = settled("tcp://near.test:8786")
    names["near.test"] = [FAR]  # as a resolver would that changes its answer
    assert found == "tcp://127.0.0.1:8786"
    assert settled("tcp://both.test:8786") == "tcp://127.0.0.1:8786"
    assert settled("tcp://[::1]:8786") == "tcp://[::1]:8786" and settled("tcp://127.9.9.9:1") == "tcp://127.9.9.9:1"
    assert settled("tls://far.test:8786") == "tls://far.test:8786" and settled("TLS://[2001:db8::1]:1") == "tls://[2001:db8::1]:1"


@pytest.mark.parametrize(
    ("address", "parties"),
    [
        ("tcp://127.0.0.1:1", [f"tcp://{FAR}:1"]),
        ("tcp://127.0.0.1:1", ["tcp://127.0.0.1:1", f"tcp://{FAR}:2"]),
        ("tcp://127.0.0.1:1", ["tcp://0.0.0.0:1"]),
        ("tcp://127.0.0.1:1", ["tcp://localhost:1"]),
        ("tls://far.test:1", ["tls://far.test:1", f"tcp://{FAR}:2"]),
        ("tls://far.test:1", ["tls://far.test:1", "tcp://127.0.0.1:2"]),
    ],
)
def test_a_scheduler_or_worker_that_others_reach_without_certificates_is_refused(address: str, parties: list[str]) -> None:
    with pytest.raises(Problem, match="listen on loopback alone"):
        refuse_exposed(address, parties)
    refuse_exposed(address, [])
    refuse_exposed("tcp://127.0.0.1:1", ["tcp://127.0.0.1:1", "tcp://[::1]:2", "tls://x:1"])
    refuse_exposed("tls://far.test:1", ["tls://10.0.0.1:1"])


def test_tls_without_certificates_says_which_and_how() -> None:
    with pytest.raises(Problem, match=r"no distributed\.comm\.tls\.ca-file.*DASK_DISTRIBUTED__COMM__TLS__CA_FILE"):
        Cluster("tls://192.0.2.7:8786", patience=1)


def facts(made: Tls) -> dict[str, str]:
    """Dask's configuration of one certificate for every role."""
    roles = {f"distributed.comm.tls.{role}.{what}": str(path) for role in ("client", "scheduler", "worker") for what, path in _pair(made)}
    return {"distributed.comm.tls.ca-file": str(made.authority), **roles}


def _pair(made: Tls) -> tuple[tuple[str, Path], tuple[str, Path]]:
    return ("cert", made.certificate), ("key", made.key)


def begun(folder: Path, made: Tls | None, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    told = facts(made) if made else {}
    names = {f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in told.items()}
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"]
    path = os.pathsep.join(sys.path)
    with (folder / f"{module}.txt").open("w") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **names, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
        )


def scheduler(folder: Path) -> str:
    """The address a scheduler wrote down."""
    end = time.monotonic() + 300
    while not (folder / "scheduler.json").exists() or not (folder / "scheduler.json").read_text():
        assert time.monotonic() < end, (folder / "dask_scheduler.txt").read_text()
        time.sleep(0.05)
    return str(json.loads((folder / "scheduler.json").read_text())["address"])


@pytest.mark.slow
def test_one_that_listens_everywhere_is_refused_over_loopback_too(tmp_path: Path) -> None:
    started = begun(tmp_path, None, "dask_scheduler", "--port", "0", "--scheduler-file", str(tmp_path / "scheduler.json"))
    try:
        address = scheduler(tmp_path)
        if address.startswith("tcp://127."):
            pytest.skip("this machine has no address but loopback's")
        with pytest.raises(Problem, match=f"found {address}. Use tls://"):
            Cluster(f"tcp://127.0.0.1:{address.rpartition(':')[2]}", patience=30)
    finally:
        started.kill()
        started.wait()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Tls]]:
    """A scheduler and a worker behind certificates, ended with the module."""
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "keys").mkdir()
    made = tls(folder / "keys")
    own = ["--protocol", "tls", "--host", "127.0.0.1"]
    started = [begun(folder, made, "dask_scheduler", *own, "--port", "0", "--scheduler-file", str(folder / "scheduler.json"))]
    try:
        address = scheduler(folder)
        more = ["--nthreads", "1", "--no-nanny", "--local-directory", str(folder)]
        started.append(begun(folder, made, "dask_worker", address, *own, *more))
        yield address, made
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_tls_works_with_the_clusters_own_certificate_and_with_no_other(sealed: tuple[str, Tls], tmp_path: Path) -> None:
    address, made = sealed
    assert address.startswith("tls://")
    with dask.config.set(facts(made)), Cluster(address) as cluster:
        assert cluster.at_once == 1
    with dask.config.set(facts(tls(tmp_path))), pytest.raises(Problem, match="a Dask scheduler at tls://"):
        Cluster(address, patience=2)
    with pytest.raises(Problem, match="a Dask scheduler at tcp://"):
        Cluster(address.replace("tls://", "tcp://"), patience=2)
