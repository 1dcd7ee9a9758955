"""The app's server under a flood of logins, and at its end: seconds of a real login, alone and amid made-up tries, and from SIGTERM to no process.

python benchmarks/bench_gateway.py [tries] [kernels]
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.widgets.gateway.appserver import TOKEN, Server, opened, serving, typed

from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.audit.log import records

PASSWORD = "correct horse battery"


def real(server: Server) -> float:
    """Seconds of the login of somebody who knows the password."""
    with server.client() as client:
        client.get("/login")
        begun = time.perf_counter()
        assert typed(client, name="ada", password=PASSWORD).status_code == 302
        return time.perf_counter() - begun


def guess(server: Server, number: int) -> int:
    """A made-up name and password."""
    with server.client() as client:
        return typed(client, name=f"made-up-{number}", password="a guess").status_code


def logins(folder: Path, tries: int) -> None:
    """A real login alone, then in the middle of a flood from the same address."""
    Users(folder / "users.json").add("ada", Role.ANALYST, PASSWORD)
    with serving(folder, "password", pause=2000) as server, ThreadPoolExecutor(tries + 1) as pool:
        alone = sorted(real(server) for _ in range(3))[1]
        before = sum(1 for _ in records(folder / "runs.audit.jsonl"))
        flood = [pool.submit(guess, server, number) for number in range(tries)]
        time.sleep(0.5)
        amid = pool.submit(real, server).result()
        said = [one.result() for one in flood]
        hashed = sum(1 for _ in records(folder / "runs.audit.jsonl")) - before
    print(
        f"a real login: {alone:.2f} s alone, {amid:.2f} s amid {tries} made-up tries ({said.count(429)} told to wait); {hashed} hashes in all"
    )


def ends(folder: Path, kernels: int) -> None:
    """From SIGTERM to the last process of a server with open pages."""
    with serving(folder, "token", most=kernels) as server:
        for _ in range(kernels):
            with server.client() as client:
                client.get("/", params={"token": TOKEN})
                opened(client)
        processes = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
        begun = time.perf_counter()
        server.process.terminate()
        server.process.wait()
        _, left = psutil.wait_procs(processes, timeout=30)
        print(
            f"SIGTERM: {len(processes)} processes with {kernels} kernels gone after {time.perf_counter() - begun:.2f} s, {len(left)} left"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        logins(Path(one), int(sys.argv[1]) if len(sys.argv) > 1 else 150)
        ends(Path(other), int(sys.argv[2]) if len(sys.argv) > 2 else 16)
